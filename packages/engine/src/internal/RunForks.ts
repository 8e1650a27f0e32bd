/**
 * Forks of runs: what of a journal another run shares, and how it is stored.
 * The rules are a table in the package's DESIGN.md.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { ForkRefused, type PayloadRefused, type RunNotFound, StepNotRequested } from "@fermata/core/RunsErrors"
import type { Forked, ForkOptions } from "@fermata/core/RunStart"
import * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import type { Act, Answers, CommitOp, OutboxRow, RunRow, StartOp, StorageFailed } from "../Backend.ts"
import type { Definitions } from "../Extension.ts"
import { payloadText, type StartRequest } from "../StartRequest.ts"
import { encodeEntries, type Store } from "../Store.ts"
import * as Acting from "./Acting.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as Identity from "./Identity.ts"
import * as Questions from "./Questions.ts"
import * as Quota from "./Quota.ts"
import type { Registration } from "./run/RunHost.ts"
import { CurrentRun } from "./run/RunPort.ts"
import { replay } from "./RunReplay.ts"
import { check } from "./RunStarts.ts"
import { deleted, readable } from "./RunWatch.ts"
import { idempotencyKey } from "./StepKeys.ts"

type Entry = JournalEntry.JournalEntry

/** Stores a fork of the run. Where its code is in this process, the shared part is replayed first. */
export const fork = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  store: Store["Service"],
  original: RunRow,
  options: ForkOptions
): Effect.fn.Return<
  Forked,
  StepNotRequested | ForkRefused | PayloadRefused | RunNotFound | EntryCorrupt | StorageFailed | Tenant.QuotaReached
> {
  const journal = yield* readable(store, original.id, 0)
  const seq = journal.findIndex((entry) => entry._tag === "StepRequested" && entry.key === options.at)
  if (seq < 0) {
    const known = RunView.of(original.id, journal).steps.map(({ key }) => key)
    return yield* new StepNotRequested({ runId: original.id, key: options.at, known })
  }
  const { kind } = original
  const extended = runtime.extensions.documents.get(kind)
  if (kind !== "program" && extended === undefined) {
    return yield* refused(original, options.at, `it is a run of a ${kind}, and this process does not serve ${kind}s`)
  }
  const set = yield* replacements(original, options)
  const registration = yield* runtime.loading.registrationOf(original)
  const payload = options.input === undefined
    ? undefined
    : yield* payloadOf(original, journal[0]!, options.input, registration, extended)
  const id = Tenant.qualify(Tenant.of(original.id), yield* Identity.newRunId)
  const now = runtime.host.now()
  const history = yield* shared(original, journal.slice(0, seq + 1), { ...options, set, id, payload, now })
  const row = rowOf(original, id, history, now)
  // Made before the replay, which hands the values of the entries to the code.
  const ops = yield* opsOf(runtime, original.id, row, history, yield* joins(store, row, history))
  const told = StoredJson.copy([history[0]!, history.at(-1)!]) as ReadonlyArray<Entry>
  if (registration !== undefined) {
    const difference = yield* replay(runtime, registration, row, history)
    if (difference !== undefined) {
      return yield* refused(
        original,
        options.at,
        `what it shares does not replay: at "${difference.key}", ${difference.detail}`
      )
    }
  }
  const forked: Forked = { runId: id, from: original.id, step: options.at, shared: seq }
  const act = yield* Acting.of(
    runtime.host.now,
    {
      action: "run.fork",
      target: id,
      by: options.by,
      detail: {
        from: original.id,
        step: options.at,
        ...(options.input === undefined ? {} : { input: true }),
        ...(options.set === undefined ? {} : { set: Object.keys(options.set) })
      }
    },
    () => forked
  )
  yield* write(store, ops, act)
  runtime.starts.onStarted(row, told)
  return forked
})

/** How a run carries on what another has recorded. */
export interface Carried {
  readonly id: string
  readonly by?: string | undefined
  /** Another payload. */
  readonly payload?: unknown
  /** When the two part: now, and by the clock of the other run (ms since the epoch). What is waited for has as long to go as it had then. */
  readonly now: number
  readonly then: number
  /** Steps without an outcome keep the idempotency keys under which the other run has asked for them. */
  readonly keepsKeys?: boolean
  /** The run that it is a child of. */
  readonly parent?: string | undefined
  /** The runs that go on for children of the other. */
  readonly standIns?: ReadonlyMap<string, string>
}

/** What an entry of the original is in the run that carries on with it; `view` is the fold of `before`. */
export const carrier = (
  original: string,
  view: RunView.RunView,
  before: ReadonlyArray<Entry>,
  { by, id, keepsKeys, now, parent, payload, standIns, then }: Carried
): (entry: Entry) => Entry => {
  const later = (due: number) => Math.ceil(now + Math.max(0, due - then))
  const fired = new Set(before.flatMap((entry) => entry._tag === "TimerFired" ? [entry.timer] : []))
  return (entry) => {
    switch (entry._tag) {
      case "RunRequested": {
        const { by: _by, caller: _caller, parent: _parent, trigger: _trigger, ...rest } = entry
        return {
          ...rest,
          ...(payload === undefined ? {} : { payload }),
          seed: entry.seed ?? original,
          ...(by === undefined ? {} : { by }),
          ...(parent === undefined ? {} : { parent })
        }
      }
      case "ChildStarted": {
        const child = standIns?.get(entry.child)
        return child === undefined ? entry : { ...entry, child, retryOf: entry.retryOf ?? entry.child }
      }
      case "StepRequested":
        return keepsKeys === true || entry.idempotencyKey === undefined || isOver(RunView.step(view, entry.key))
          ? entry
          : { ...entry, idempotencyKey: idempotencyKey(id, entry.key) }
      case "StepFailed":
        return entry.retryAt !== undefined && RunView.step(view, entry.key)?.status === "backoff"
          ? { ...entry, retryAt: later(entry.retryAt) }
          : entry
      case "TimerSet":
        return fired.has(entry.timer) ? entry : { ...entry, dueAt: later(entry.dueAt) }
      case "ApprovalRequested":
        return RunView.approval(view, entry.key)?.status !== "open" ? entry : {
          ...entry,
          ...(entry.deadline === undefined ? {} : { deadline: later(entry.deadline) }),
          ...(entry.escalate === undefined
            ? {}
            : { escalate: entry.escalate.map(({ at, to }) => ({ at: later(at), to })) }),
          ...(entry.remind === undefined ? {} : { remind: { ...entry.remind, from: later(entry.remind.from) } })
        }
      case "EventEmitted": {
        const own = `${original}:emit:`
        return entry.id.startsWith(own) ? { ...entry, id: `${id}:emit:${entry.id.slice(own.length)}` } : entry
      }
      default:
        return entry
    }
  }
}

/** The row of a run that carries on with the history of another, as a top run where there is none above it. */
export const rowOf = (
  { restored: _restored, ...original }: RunRow,
  id: string,
  history: ReadonlyArray<Entry>,
  now: number,
  above?: Pick<RunRow, "id" | "root">
): RunRow => ({
  ...original,
  id,
  root: above?.root ?? id,
  parent: above?.id ?? null,
  status: "queued",
  reason: null,
  waits: null,
  length: history.length,
  epoch: 0,
  owner: null,
  dueAt: 0,
  takeovers: 0,
  createdAt: now,
  updatedAt: now
})

/** Nobody has owned the run yet. Blobs are made anew when it is stored. */
export const unowned = ({ blobs: _blobs, ...entry }: Entry): Entry => ({ ...entry, epoch: 0 })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const refused = (original: RunRow, step: string, problem: string) =>
  new ForkRefused({ runId: original.id, step, problem })

/** The payload with another input, as it is stored. */
const payloadOf = (
  original: RunRow,
  first: Entry,
  input: unknown,
  registration: Registration | undefined,
  extended: Definitions | undefined
): Effect.Effect<unknown, PayloadRefused> => {
  const before = first._tag === "RunRequested" ? first.payload : null
  const payload = extended?.withInput?.(before, input) ?? input
  const checked = registration === undefined
    ? Effect.succeed(payload)
    : Effect.map(check(registration.workflow, payload), ({ encoded }) => encoded)
  return Effect.map(
    Effect.flatMap(checked, (given) => payloadText(original.workflow, given)),
    (stored) => stored.read()
  )
}

/** The outputs that replace others, as they are stored. */
const replacements = (
  { id }: RunRow,
  { at, set = {} }: ForkOptions
): Effect.Effect<Readonly<Record<string, unknown>>, ForkRefused> =>
  Effect.map(
    Effect.forEach(Object.entries(set), ([key, output]) =>
      Effect.matchEffect(Effect.fromResult(StoredJson.of(output)), {
        onFailure: ({ reason }) =>
          Effect.fail(
            new ForkRefused({
              runId: id,
              step: at,
              problem: `the output that is set for step "${key}" cannot be stored: ${reason}`
            })
          ),
        onSuccess: (stored) => Effect.succeed([key, stored.read()] as const)
      })),
    (entries) => Object.fromEntries(entries)
  )

interface Change extends ForkOptions {
  readonly id: string
  readonly payload: unknown
  readonly now: number
}

/** The journal that a fork begins with. `journal` ends with the request of the step. */
const shared = Effect.fnUntraced(function*(original: RunRow, journal: ReadonlyArray<Entry>, change: Change) {
  const before = journal.slice(0, -1)
  const view = RunView.of(original.id, before)
  const outcomes = lastOutcomes(before)
  const set = Object.keys(change.set ?? {})
  for (const key of set) {
    if (!outcomes.has(key) || !isOver(RunView.step(view, key))) {
      const over = view.steps.filter(isOver).map((step) => step.key)
      return yield* refused(
        original,
        change.at,
        `step "${key}" has no outcome before it that could be replaced; ${
          over.length === 0 ? "no step has" : `these have: ${over.join(", ")}`
        }`
      )
    }
  }
  const carried = carrier(original.id, view, before, { ...change, then: journal.at(-1)!.at })
  const changed = (entry: Entry): Entry =>
    (entry._tag === "StepCompleted" || entry._tag === "StepFailed") && outcomes.get(entry.key) === entry.seq &&
      set.includes(entry.key)
      ? replaced(entry, change)
      : carried(entry)
  const forked: JournalEntry.EntryOf<"RunForked"> = {
    _tag: "RunForked",
    seq: before.length,
    at: change.now,
    epoch: 0,
    from: original.id,
    step: change.at,
    fromSeq: before.length,
    seed: change.id,
    ...(change.payload === undefined ? {} : { input: true }),
    ...(set.length === 0 ? {} : { set })
  }
  return [...before.map((entry) => unowned(changed(entry))), forked]
})

const isOver = (step: RunView.StepView | undefined): boolean =>
  step?.status === "completed" || step?.status === "failed"

/** The place of the last outcome of each step. */
const lastOutcomes = (journal: ReadonlyArray<Entry>): ReadonlyMap<string, number> =>
  new Map(
    journal.flatMap((entry) =>
      entry._tag === "StepCompleted" || entry._tag === "StepFailed" ? [[entry.key, entry.seq] as const] : []
    )
  )

const replaced = (
  { at, attempt, epoch, key, seq }: JournalEntry.EntryOf<"StepCompleted" | "StepFailed">,
  change: Change
): Entry => ({
  _tag: "StepCompleted",
  seq,
  at,
  epoch,
  key,
  attempt,
  output: change.set![key],
  settledBy: change.by ?? "fork"
})

/** Children that the fork waits for: it is told their end like the run that started them. `stored` are those that will be there before it. */
export const joins = Effect.fnUntraced(function*(
  store: Store["Service"],
  row: RunRow,
  history: ReadonlyArray<Entry>,
  stored: ReadonlyArray<RunRow> = []
) {
  const finished = new Set(history.flatMap((entry) => entry._tag === "ChildFinished" ? [entry.child] : []))
  const rows: Array<OutboxRow> = []
  for (const entry of history) {
    if (entry._tag !== "ChildStarted" || !entry.linked || finished.has(entry.child)) continue
    const child = stored.find(({ id }) => id === entry.child) ?? (yield* store.backend.run(entry.child))
    const request: StartRequest = {
      id: entry.child,
      workflow: entry.workflow,
      version: entry.version,
      kind: child?.kind ?? "program",
      definition: child?.definition ?? null,
      root: child?.root ?? row.id,
      parent: child === null ? row.id : child.parent,
      listener: row.id,
      payload: entry.payload,
      subscriptions: []
    }
    rows.push({ id: `start:${row.id}:${entry.child}`, kind: "start", payload: StoredJson.textOf(request) })
  }
  return rows
})

/** The events that the fork may ask for: those behind its own start. */
const subscriptionsOf = Effect.fnUntraced(function*(runtime: EngineRuntime, { definition, id }: RunRow) {
  const row = definition === null ? null : yield* runtime.backend.definitionByHash(definition)
  const subscriptions = row === null ? [] : runtime.extensions.documents.describe(row)?.subscriptions ?? []
  return subscriptions.map(({ event, paths = [] }) => ({
    run: id,
    event: Tenant.qualify(Tenant.of(id), event),
    paths
  }))
})

/** Stores such a run, as what somebody has done. */
export const write = (
  store: Store["Service"],
  [start, rest]: readonly [StartOp, CommitOp],
  act: Act | undefined
): Effect.Effect<Answers["start"], RunNotFound | StorageFailed | Tenant.QuotaReached> =>
  Effect.tap(
    act === undefined
      ? Effect.map(store.backend.write([start, rest]), ([answer]) => answer)
      : Effect.flatMap(store.backend.write([{ ...start, act }, rest]), ([answer]) => Acting.fresh(answer)),
    // What belongs to a run that was not started has found none.
    ({ full, gone }): Effect.Effect<void, RunNotFound | Tenant.QuotaReached> =>
      gone === true
        ? deleted(start.from!)
        : full === undefined
        ? Effect.void
        : Quota.reached(start.run.id, full)
  )

/** The run, its open questions and what it joins, in one transaction. */
export const opsOf = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  from: string,
  row: RunRow,
  history: ReadonlyArray<Entry>,
  outbox: ReadonlyArray<OutboxRow>
) {
  const encoded = encodeEntries(history)
  const { blobs, rows } = Effect.isEffect(encoded) ? yield* encoded : encoded
  const view = RunView.of(row.id, history)
  const open = history.filter((entry) => entry._tag === "ApprovalRequested")
    .filter((entry) => RunView.approval(view, entry.key)?.status === "open")
  const start: StartOp = {
    op: "start",
    run: row,
    rows,
    blobs,
    subscriptions: yield* subscriptionsOf(runtime, row),
    listener: null,
    // What it shares names artifacts, which go with the last run that names them.
    from,
    ...(Tenant.of(row.id) === undefined || (yield* CurrentRun) !== undefined ? {} : { isLimited: true })
  }
  const rest: CommitOp = {
    op: "commit",
    run: row.id,
    epoch: 0,
    expected: rows.length,
    rows: [],
    blobs: [],
    at: row.createdAt,
    consumed: [],
    outbox,
    approvalsOpened: open.map((entry) => {
      const { answers, routed = [] } = RunView.approval(view, entry.key)!
      return Questions.rowOf(row, entry, [...routed, ...answers], row.createdAt)
    }),
    approvalsClosed: [],
    release: { dueAt: 0 }
  }
  return [start, rest] as const
})
