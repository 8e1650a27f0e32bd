/**
 * Retries of failed runs: another run goes on for one that has failed, from
 * where it failed. It is stored as a fork is, whose history ends where the
 * failure was told; why, and the rules, stand in the package's DESIGN.md.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { RetryRefused } from "@fermata/core/RunsErrors"
import type { Retried } from "@fermata/core/RunStart"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import type { RunRow, StorageFailed } from "../Backend.ts"
import { sha256Hex } from "../Digest.ts"
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

/** Stores the retry of a failed run, or finds that there is one. Where its code is in this process, what is shared is replayed first. */
export const retry = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  store: Store["Service"],
  original: RunRow,
  by: string | undefined
): Effect.fn.Return<Retried, RetryRefused | EntryCorrupt | StorageFailed | Tenant.QuotaReached> {
  const refuse = (problem: string) =>
    new RetryRefused({ runId: original.id, status: original.status as RunStatus, problem })
  if (original.status !== "failed") return yield* refuse(unfailed(original))
  const { kind } = original
  if (kind !== "program" && runtime.extensions.documents.get(kind) === undefined) {
    return yield* refuse(`it is a run of a ${kind}, and this process does not serve ${kind}s`)
  }
  const journal = yield* store.journal(original.id)
  const place = placeOf(journal)
  const problem = yield* problemOf(store, journal, place)
  if (problem !== undefined) return yield* refuse(problem)
  const id = yield* retryId(original.id)
  const now = runtime.host.now()
  const history = historyOf(original, journal, place, { id, by, now })
  const step = place.failed?._tag === "StepFailed" ? place.failed.key : undefined
  const retried = {
    runId: id,
    from: original.id,
    ...(step === undefined ? {} : { step }),
    shared: history.length - 1,
    after: ranAfter(journal, place)
  }
  if ((yield* store.backend.run(id)) !== null) return { ...retried, joined: true }
  const row = RunForks.rowOf(original, id, history, now)
  // Made before the replay, which hands the values of the entries to the code.
  const [start, rest] = yield* RunForks.opsOf(runtime, row, history, yield* RunForks.joins(store, row, history))
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
  const act = yield* Acting.of(
    runtime.host.now,
    {
      action: "run.retry",
      target: id,
      by,
      detail: { from: original.id, ...(step === undefined ? {} : { step }) }
    },
    () => ({ ...retried, joined: false })
  )
  // It goes on with what the failed one has begun, and is in doubt where that one is.
  const { started } = yield* RunForks.write(store, [{ ...start, askedBy: original.id }, rest], act)
  if (started) runtime.starts.onStarted(row, told)
  return { ...retried, joined: !started }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Where a run failed. */
interface Place {
  /** The entry from which on its journal is not shared as it was. */
  readonly at: number
  /** What was told then that it failed of; undefined where it failed by itself, or past a limit. */
  readonly failed: Failure | undefined
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

/**
 * A run fails of the last failure that says what the run says. Where none does,
 * as when its code has made another error of it, it fails of what was told
 * last, unless its code has gone on behind that. Failures that were told
 * without anything between them failed it together.
 */
const placeOf = (journal: ReadonlyArray<Entry>): Place => {
  const end = journal.length - 1
  const last = journal[end]!
  const stop = journal.findIndex(({ _tag }) => _tag === "StopRequested")
  if (stop >= 0) return { at: stop, failed: undefined }
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
  if (decisive === undefined) return { at: unwound < 0 ? end : unwound, failed: undefined }
  const since = journal.slice(0, decisive.seq).findLastIndex(isAct)
  return { at: failures.find(({ seq }) => seq > since)!.seq, failed: decisive }
}

const nestedKeys = (journal: ReadonlyArray<Entry>): ReadonlySet<string> =>
  new Set(journal.flatMap((entry) => entry._tag === "StepRequested" && entry.nested === true ? [entry.key] : []))

/** Why the run cannot go on from there. */
const problemOf = Effect.fnUntraced(function*(
  store: Store["Service"],
  journal: ReadonlyArray<Entry>,
  place: Place
): Effect.fn.Return<string | undefined, StorageFailed> {
  const unwound = journal.findLastIndex(({ _tag }) => _tag === "UnwindStarted")
  if (unwound >= 0) {
    const undone = keysOf(journal.slice(unwound))
    return `it has undone what it did${
      undone.length === 0 ? "" : ` (${undone.join(", ")})`
    }, so a retry would take for done what is not; start it anew, or fork it at the step from which on all is to be done again`
  }
  if (place.failed?._tag === "ChildFinished") {
    return `it failed of its child run ${place.failed.child}, whose end it would be told again; retry that one, or fork this one at a step before it`
  }
  const finished = new Set(journal.flatMap((entry) => entry._tag === "ChildFinished" ? [entry.child] : []))
  for (const entry of journal.slice(0, place.at)) {
    if (entry._tag !== "ChildStarted" || !entry.linked || finished.has(entry.child)) continue
    const child = yield* store.backend.run(entry.child)
    if (child?.status === "cancelled" || child?.status === "failed") {
      return `its child run ${entry.child} was stopped with it, and the retry would be told so; fork it at a step before it`
    }
  }
  return undefined
})

const keysOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> => [
  ...new Set(entries.flatMap((entry) => entry._tag === "StepRequested" && entry.nested !== true ? [entry.key] : []))
]

/** Steps that the code asked for behind the failure. */
const ranAfter = (journal: ReadonlyArray<Entry>, { at }: Place): ReadonlyArray<string> => {
  const before = new Set(keysOf(journal.slice(0, at)))
  return keysOf(journal.slice(at)).filter((key) => !before.has(key))
}

/** The journal that the retry begins with: what came before the failure, what came later for that, and the failed steps as such that another attempt follows. */
const historyOf = (
  original: RunRow,
  journal: ReadonlyArray<Entry>,
  { at, failed }: Place,
  { by, id, now }: { readonly id: string; readonly by: string | undefined; readonly now: number }
): ReadonlyArray<Entry> => {
  const asked = requestsOf(journal.slice(0, at))
  const dropsSteps = ranAfter(journal, { at, failed }).length > 0
  const reopened = (entry: Entry): Entry => {
    if (entry.seq < at || entry._tag !== "StepFailed" || entry.retryAt !== undefined) return entry
    const { artifacts: _artifacts, parked: _parked, ...rest } = entry
    return { ...rest, retryAt: now }
  }
  const placed = (entry: Entry, seq: number): Entry => ({ ...entry, seq })
  const kept = journal.filter((entry) => entry.seq < at || isLate(entry, asked, dropsSteps)).map(reopened).map(placed)
  const view = RunView.of(original.id, kept)
  const carried = RunForks.carrier(original.id, view, kept, {
    id,
    by,
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
      RunForks.unowned(entry._tag === "StepFailed" && entry.retryAt === now ? entry : carried(entry))
    ),
    forked
  ]
}

interface Asked {
  readonly steps: ReadonlySet<string>
  readonly approvals: ReadonlySet<string>
  readonly children: ReadonlySet<string>
}

const requestsOf = (journal: ReadonlyArray<Entry>): Asked => {
  const keys = { steps: new Set<string>(), approvals: new Set<string>(), children: new Set<string>() }
  for (const entry of journal) {
    if (entry._tag === "StepRequested") keys.steps.add(entry.key)
    else if (entry._tag === "ApprovalRequested") keys.approvals.add(entry.key)
    else if (entry._tag === "ChildStarted") keys.children.add(entry.child)
  }
  return keys
}

/** Whether the entry, which came behind the failure, is about what was under way before it. */
const isLate = (entry: Entry, asked: Asked, dropsSteps: boolean): boolean => {
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
