/**
 * Retries of failed runs: another run goes on for one that has failed, from
 * where it failed. It is stored as a fork is, whose history ends where the
 * failure was told; why, and the rules, stand in the package's DESIGN.md.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { RetryRefused, type RunNotFound } from "@fermata/core/RunsErrors"
import type { Retried } from "@fermata/core/RunStart"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import { CurrentActor } from "../Actor.ts"
import type { RunRow, StorageFailed } from "../Backend.ts"
import { sha256Hex } from "../Digest.ts"
import type { Definitions } from "../Extension.ts"
import type { Store } from "../Store.ts"
import * as Acting from "./Acting.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as RunForks from "./RunForks.ts"
import { replayed } from "./RunReplay.ts"

type Entry = JournalEntry.JournalEntry
type Failure = JournalEntry.EntryOf<"StepFailed" | "ChildFinished">

/** The id of the run that retries this one: a failed run has one retry, however often it is asked for. */
export const retryId = (run: string): Effect.Effect<string> =>
  Effect.map(sha256Hex(`retry:${run}`), (hash) => Tenant.qualify(Tenant.of(run), hash.slice(0, 32)))

/**
 * Stores the retry of a failed run, or finds that there is one. Where its code is
 * in this process, what is shared is replayed first. A child run of which it
 * failed is retried with it, and so on down; nothing is stored where one of them
 * cannot be.
 */
export const retry = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  store: Store["Service"],
  original: RunRow,
  by: string | undefined
): Effect.fn.Return<Retried, RetryRefused | RunNotFound | EntryCorrupt | StorageFailed | Tenant.QuotaReached> {
  return yield* carryOut(runtime, store, yield* planOf({ runtime, store, by, now: runtime.host.now() }, original))
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Who retries, and when. */
interface Asked {
  readonly runtime: EngineRuntime
  readonly store: Store["Service"]
  readonly by: string | undefined
  readonly now: number
}

/** The retry of the run whose child is retried too, and what that one retries. */
interface Above extends Pick<RunRow, "id" | "root"> {
  readonly retryOf: string
  /** Nothing is stored before: where the tenant has no room, nothing is at all. */
  readonly isFirst: boolean
}

/** What a retry comes to, before anything is stored. */
interface Plan {
  readonly retried: Omit<Retried, "joined">
  readonly by: string | undefined
  /** What is to be stored; undefined where the retry is there already. */
  readonly fresh:
    | {
      readonly row: RunRow
      readonly ops: Effect.Success<ReturnType<typeof RunForks.opsOf>>
      readonly told: ReadonlyArray<Entry>
    }
    | undefined
  /** The retries of its children. Each is stored before it, so whoever asks again after a crash finds those that are. */
  readonly children: ReadonlyArray<Plan>
}

const planOf = (
  asked: Asked,
  original: RunRow,
  above?: Above
): Effect.Effect<Plan, RetryRefused | EntryCorrupt | StorageFailed> =>
  Effect.gen(function*() {
    const { by, now, runtime, store } = asked
    const refuse = (problem: string) =>
      new RetryRefused({ runId: original.id, status: original.status as RunStatus, problem })
    const wasLeft = above !== undefined && original.status === "cancelled"
    if (original.status !== "failed" && !wasLeft) return yield* refuse(unfailed(original))
    const { kind } = original
    if (kind !== "program" && runtime.extensions.documents.get(kind) === undefined) {
      return yield* refuse(`it is a run of a ${kind}, and this process does not serve ${kind}s`)
    }
    const journal = yield* store.journal(original.id)
    if (wasLeft && !isStoppedBy(journal, above.retryOf)) return yield* refuse(unfailed(original))
    const undone = undoneOf(journal)
    if (undone !== undefined) return yield* refuse(undone)
    const place = placeOf(journal, runtime.extensions.documents.get(kind)?.tellsOf)
    const id = yield* retryId(original.id)
    const { failed } = place
    const step = failed?._tag === "StepFailed" ? failed.key : undefined
    const carried = { id, by, now, parent: above?.id }
    const retriedWith = (history: ReadonlyArray<Entry>): Plan["retried"] => ({
      runId: id,
      from: original.id,
      ...(step === undefined ? {} : { step }),
      ...(failed?._tag === "ChildFinished" ? { child: failed.child } : {}),
      shared: history.length - 1,
      after: ranAfter(journal, place)
    })
    if ((yield* store.backend.run(id)) !== null) {
      return { retried: retriedWith(historyOf(original, journal, place, carried)), by, fresh: undefined, children: [] }
    }
    const { children, standIns } = yield* standInsOf(asked, journal, place, {
      id,
      root: above?.root ?? id,
      retryOf: original.id,
      isFirst: above?.isFirst ?? true
    }).pipe(
      Effect.catchTag("RetryRefused", ({ problem, runId }) => refuse(refusalOfChild(journal, place, runId, problem)))
    )
    const history = historyOf(original, journal, place, { ...carried, standIns })
    const row = RunForks.rowOf(original, id, history, now, above)
    // Made before the replay, which hands the values of the entries to the code.
    const [{ isLimited = false, ...start }, rest] = yield* RunForks.opsOf(
      runtime,
      original.id,
      row,
      history,
      yield* RunForks.joins(
        store,
        row,
        history,
        children.flatMap(({ fresh }) => fresh === undefined ? [] : [fresh.row])
      )
    )
    const told = StoredJson.copy([history[0]!, history.at(-1)!]) as ReadonlyArray<Entry>
    const registration = yield* runtime.loading.registrationOf(original)
    if (registration !== undefined) {
      const { difference, ended } = yield* replayed(runtime, registration, row, history)
      if (difference !== undefined) {
        return yield* refuse(`what it shares does not replay: at "${difference.key}", ${difference.detail}`)
      }
      if (ended === "failed") {
        return yield* refuse(
          "no step of it failed, and its code fails again with what is recorded; fork it at a step, or retry it with other code"
        )
      }
    }
    // It goes on with what the failed one has begun, and is in doubt where that one is.
    const op = {
      ...start,
      askedBy: original.id,
      listener: above?.id ?? null,
      ...(isLimited && children.length === 0 && (above?.isFirst ?? true) ? { isLimited } : {})
    }
    return { retried: retriedWith(history), by, fresh: { row, ops: [op, rest], told }, children }
  })

/** Stores what is planned, its children first: a run that asks for another finds it there, as it always does. */
const carryOut = (
  runtime: EngineRuntime,
  store: Store["Service"],
  { by, children, fresh, retried }: Plan
): Effect.Effect<Retried, RunNotFound | StorageFailed | Tenant.QuotaReached> =>
  Effect.gen(function*() {
    if (fresh === undefined) return { ...retried, joined: true }
    // What asks for this run alone is answered by it: its children are retried because of that, by the same person.
    yield* Effect.forEach(children, (child) => carryOut(runtime, store, child), { discard: true }).pipe(
      Effect.updateService(CurrentActor, (actor) => {
        if (actor === undefined) return undefined
        const { request: _, ...rest } = actor
        return rest
      })
    )
    const { from, runId, step } = retried
    const act = yield* Acting.of(
      runtime.host.now,
      { action: "run.retry", target: runId, by, detail: { from, ...(step === undefined ? {} : { step }) } },
      () => ({ ...retried, joined: false })
    )
    const { started } = yield* RunForks.write(store, fresh.ops, act)
    if (started) runtime.starts.onStarted(fresh.row, fresh.told)
    return { ...retried, joined: !started }
  })

/** The runs that go on for children of which the run failed, or which were stopped with it: those that there are, and those that are made of them. */
const standInsOf = Effect.fnUntraced(function*(
  asked: Asked,
  journal: ReadonlyArray<Entry>,
  { at }: Place,
  above: Above
): Effect.fn.Return<
  { readonly children: ReadonlyArray<Plan>; readonly standIns: ReadonlyMap<string, string> },
  RetryRefused | EntryCorrupt | StorageFailed
> {
  const told = new Set(
    journal.flatMap((entry) =>
      entry._tag === "ChildFinished" && (entry.seq < at || entry.exit._tag === "Success") ? [entry.child] : []
    )
  )
  const children: Array<Plan> = []
  const standIns = new Map<string, string>()
  for (const entry of journal.slice(0, at)) {
    if (entry._tag !== "ChildStarted" || !entry.linked || told.has(entry.child)) continue
    let run = yield* asked.store.backend.run(entry.child)
    let next = run
    // One that was retried by itself, and failed again, has a retry of its own.
    while (run !== null && (run.status === "failed" || run.status === "cancelled")) {
      next = yield* asked.store.backend.run(yield* retryId(run.id))
      if (next === null) break
      run = next
    }
    if (run === null) continue
    if (next === null) {
      const child = yield* planOf(asked, run, { ...above, isFirst: above.isFirst && children.length === 0 })
      children.push(child)
      standIns.set(entry.child, child.retried.runId)
    } else if (run.id !== entry.child) standIns.set(entry.child, run.id)
  }
  return { children, standIns }
})

/** Whether the run was stopped because this one, whose child it was, was told to stop. */
const isStoppedBy = (journal: ReadonlyArray<Entry>, parent: string): boolean => {
  const stop = journal.find(({ _tag }) => _tag === "StopRequested")
  return stop?._tag === "StopRequested" && stop.kind === "parent" && stop.by === parent
}

const refusalOfChild = (
  journal: ReadonlyArray<Entry>,
  { failed }: Place,
  run: string,
  problem: string
): string => {
  const isCause = failed?._tag === "ChildFinished" && failed.child === run
  return `${
    isCause ? "it failed of its child run" : "it has to go on with its child run"
  } ${run}, which cannot be retried: ${problem}`
}

/** Where a run failed. */
interface Place {
  /** The entry from which on its journal is not shared as it was. */
  readonly at: number
  /** What was told then that it failed of; undefined where it failed by itself, or past a limit. */
  readonly failed: Failure | undefined
  /** Steps that only tell of that failure, or of another. */
  readonly telling: ReadonlySet<string>
}

const unfailed = ({ reason, status }: RunRow): string =>
  status === "suspended" && reason === "operator"
    ? "it is suspended, and a resume has it go on"
    : !isFinal(status as RunStatus)
    ? `it is ${status}, and has not failed`
    : status === "completed"
    ? "it has completed"
    : "it was cancelled, and has not failed; fork it at the step from which on it is to go on"

/** Whether the code of the workflow has asked for this, or done it, in its own order. */
const isAct = (entry: Entry): boolean => EntryRole.roleOf(entry) === "command"

const failureOf = (entry: Entry): Failure | undefined =>
  entry._tag === "StepFailed" && entry.retryAt === undefined && entry.parked !== true
    ? entry
    : entry._tag === "ChildFinished" && entry.exit._tag === "Failure"
    ? entry
    : undefined

const causeOf = (failure: Failure): unknown =>
  failure._tag === "StepFailed" ? failure.cause : failure.exit._tag === "Failure" ? failure.exit.cause : undefined

/** What has failed first, where a step only tells of the failure of another, or of a child. */
const firstOf = (journal: ReadonlyArray<Entry>, tellsOf: Definitions["tellsOf"]) => {
  const runs = new Map(
    journal.flatMap((entry) =>
      entry._tag === "ChildStarted" ? [[entry.retryOf ?? entry.child, entry.child] as const] : []
    )
  )
  const first = (failure: Failure): Failure => {
    const told = failure._tag === "StepFailed" ? tellsOf?.(failure.cause) : undefined
    if (told === undefined) return failure
    const before = journal.slice(0, failure.seq).findLast((entry) =>
      "step" in told
        ? entry._tag === "StepFailed" && entry.key === told.step
        : entry._tag === "ChildFinished" && entry.child === runs.get(told.child)
    )
    const cause = before === undefined ? undefined : failureOf(before)
    return cause === undefined ? failure : first(cause)
  }
  return first
}

/**
 * A run fails of the last failure that says what the run says. Where none does,
 * as when its code has made another error of it, it fails of what was told
 * last, unless its code has gone on behind that. Failures that were told
 * without anything between them failed it together.
 */
const placeOf = (journal: ReadonlyArray<Entry>, tellsOf: Definitions["tellsOf"]): Place => {
  const end = journal.length - 1
  const last = journal[end]!
  const stop = journal.findIndex(({ _tag }) => _tag === "StopRequested")
  if (stop >= 0) return { at: stop, failed: undefined, telling: new Set() }
  const nested = nestedKeys(journal)
  const failures = journal.flatMap((entry) => {
    const failure = failureOf(entry)
    return failure === undefined || (failure._tag === "StepFailed" && nested.has(failure.key)) ? [] : [failure]
  })
  const text = last._tag === "RunFailed" ? FailureText.ofCause(last.cause) : ""
  const unwound = journal.findLastIndex(({ _tag }) => _tag === "UnwindStarted")
  const before = unwound < 0 ? journal : journal.slice(0, unwound)
  const lastAct = before.findLastIndex(isAct)
  const decisive = failures.findLast((failure) => FailureText.ofCause(causeOf(failure)) === text) ??
    failures.find(({ seq }) => seq > lastAct)
  if (decisive === undefined) return { at: unwound < 0 ? end : unwound, failed: undefined, telling: new Set() }
  const first = firstOf(journal, tellsOf)
  const failed = first(decisive)
  const since = journal.slice(0, failed.seq).findLastIndex(isAct)
  return {
    at: failures.find(({ seq }) => seq > since)!.seq,
    failed,
    telling: new Set(failures.flatMap((one) => one._tag === "StepFailed" && first(one) !== one ? [one.key] : []))
  }
}

const nestedKeys = (journal: ReadonlyArray<Entry>): ReadonlySet<string> =>
  new Set(journal.flatMap((entry) => entry._tag === "StepRequested" && entry.nested === true ? [entry.key] : []))

/** What the run has undone, as the reason why it cannot go on. */
const undoneOf = (journal: ReadonlyArray<Entry>): string | undefined => {
  const unwound = journal.findLastIndex(({ _tag }) => _tag === "UnwindStarted")
  if (unwound < 0) return undefined
  const undone = keysOf(journal.slice(unwound))
  return `it has undone what it did${
    undone.length === 0 ? "" : ` (${undone.join(", ")})`
  }, so a retry would take for done what is not; start it anew, or fork it at the step from which on all is to be done again`
}

const keysOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> => [
  ...new Set(entries.flatMap((entry) => entry._tag === "StepRequested" && entry.nested !== true ? [entry.key] : []))
]

/** Steps that the code asked for behind the failure. */
const ranAfter = (journal: ReadonlyArray<Entry>, { at, telling }: Place): ReadonlyArray<string> => {
  const before = new Set(keysOf(journal.slice(0, at)))
  return keysOf(journal.slice(at)).filter((key) => !before.has(key) && !telling.has(key))
}

/** The journal that the retry begins with: what came before the failure, what came later for that, and the failed steps as such that another attempt follows. */
const historyOf = (
  original: RunRow,
  journal: ReadonlyArray<Entry>,
  place: Place,
  { id, now, ...carried }: Pick<RunForks.Carried, "by" | "id" | "now" | "parent" | "standIns">
): ReadonlyArray<Entry> => {
  const { at, failed } = place
  const asked = requestsOf(journal.slice(0, at))
  const dropsSteps = ranAfter(journal, place).length > 0
  const reopened = (entry: Entry): Entry => {
    if (entry.seq < at || entry._tag !== "StepFailed" || entry.retryAt !== undefined) return entry
    const { artifacts: _artifacts, parked: _parked, ...rest } = entry
    return { ...rest, retryAt: now }
  }
  const placed = (entry: Entry, seq: number): Entry => ({ ...entry, seq })
  const kept = journal.filter((entry) => entry.seq < at || isLate(entry, asked, dropsSteps)).map(reopened).map(placed)
  const view = RunView.of(original.id, kept)
  const carry = RunForks.carrier(original.id, view, kept, {
    ...carried,
    id,
    now,
    then: journal[at]!.at,
    keepsKeys: true
  })
  const forked: JournalEntry.EntryOf<"RunForked"> = {
    _tag: "RunForked",
    seq: kept.length,
    at: now,
    epoch: 0,
    from: original.id,
    ...(failed?._tag === "StepFailed" ? { step: failed.key } : {}),
    fromSeq: at,
    seed: id,
    retry: true
  }
  return [
    ...kept.map((entry) =>
      RunForks.unowned(entry._tag === "StepFailed" && entry.retryAt === now ? entry : carry(entry))
    ),
    forked
  ]
}

interface Requested {
  readonly steps: ReadonlySet<string>
  readonly approvals: ReadonlySet<string>
  readonly children: ReadonlySet<string>
}

const requestsOf = (journal: ReadonlyArray<Entry>): Requested => {
  const keys = { steps: new Set<string>(), approvals: new Set<string>(), children: new Set<string>() }
  for (const entry of journal) {
    if (entry._tag === "StepRequested") keys.steps.add(entry.key)
    else if (entry._tag === "ApprovalRequested") keys.approvals.add(entry.key)
    else if (entry._tag === "ChildStarted") keys.children.add(entry.child)
  }
  return keys
}

/** Whether the entry, which came behind the failure, is about what was under way before it. */
const isLate = (entry: Entry, asked: Requested, dropsSteps: boolean): boolean => {
  switch (entry._tag) {
    case "StepRequested":
      return asked.steps.has(entry.key) || (entry.nested === true && !dropsSteps)
    case "StepCompleted":
    case "StepFailed":
    case "ProbeFailed":
    case "StepReleased":
    case "BodyLetGo":
      return asked.steps.has(entry.key)
    case "SignalReceived":
      return true
    case "ApprovalAnswered":
      return asked.approvals.has(entry.key)
    case "ChildFinished":
      return asked.children.has(entry.child) && entry.exit._tag === "Success"
    default:
      return false
  }
}
