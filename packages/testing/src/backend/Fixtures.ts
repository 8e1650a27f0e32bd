/**
 * Short ways to write operations, for the conformance suite.
 */
import { it } from "@effect/vitest"
import type {
  Act,
  AnswerOp,
  ApprovalRow,
  Backend,
  ClaimOp,
  CommitOp,
  DefinitionRow,
  FindingRow,
  HeartbeatOp,
  InboxOp,
  InboxRow,
  LeaveOp,
  Op,
  OutboxRow,
  RaiseOp,
  ReportOp,
  StartOp
} from "@fermata/engine/Backend"
import { type Change, hasEntries, hasEvent } from "@fermata/engine/ChangeLog"
import type { Equality, EventFilter, EventsOp, EventWait, SubscriptionRow } from "@fermata/engine/EventLog"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** An empty store of its own for each test; `connect` may be called more than once. */
export type MakeStore = Effect.Effect<
  { readonly connect: Effect.Effect<Backend, unknown, Scope.Scope> },
  unknown,
  Scope.Scope
>

/** A test with an empty store: one connection, and a way to open more. */
export const withBackend = (make: MakeStore) =>
(
  title: string,
  body: (
    backend: Backend,
    connect: Effect.Effect<Backend, unknown, Scope.Scope>
  ) => Effect.Effect<unknown, unknown, Scope.Scope>
): void =>
  it.effect(title, () =>
    Effect.gen(function*() {
      const { connect } = yield* make
      yield* body(yield* connect, connect)
    }))

/** Registers a test that is given a backend. */
export type Test = ReturnType<typeof withBackend>

/** Applies one operation and gives its answer. */
export const one = <const O extends Op>(backend: Backend, op: O) =>
  Effect.map(backend.write([op]), ([answer]) => answer)

/** Starts a program run, due at once and without an owner unless told otherwise. */
export const start = (
  id: string,
  run: Partial<StartOp["run"]> = {},
  rest: Partial<Omit<StartOp, "op" | "run">> = {}
): StartOp => ({
  op: "start",
  run: {
    id,
    workflow: "purchase",
    version: "1",
    kind: "program",
    definition: null,
    root: id,
    parent: null,
    status: "queued",
    owner: null,
    dueAt: 0,
    createdAt: 1_000,
    ...run
  },
  rows: [],
  blobs: [],
  subscriptions: [],
  listener: null,
  ...rest
})

/** Starts a run that "a" owns, at epoch 1. */
export const startOwned = (id: string, rest: Partial<Omit<StartOp, "op" | "run">> = {}): StartOp =>
  start(id, { status: "running", owner: "a", dueAt: null }, rest)

/** Appends `rows` at epoch 1 to a run of length `expected`. */
export const commit = (
  run: string,
  expected: number,
  rows: ReadonlyArray<string>,
  rest: Partial<Omit<CommitOp, "op" | "run" | "expected" | "rows">> = {}
): CommitOp => ({
  op: "commit",
  run,
  epoch: 1,
  expected,
  rows,
  blobs: [],
  at: 2_000,
  consumed: [],
  outbox: [],
  approvalsOpened: [],
  approvalsClosed: [],
  ...rest
})

/** Gives up a run of length `expected` as suspended. */
export const suspend = (
  run: string,
  expected: number,
  dueAt: number | null,
  rest: Partial<CommitOp> = {}
): CommitOp =>
  commit(run, expected, [], {
    status: { status: "suspended", reason: "signal", waits: "[]" },
    release: { dueAt },
    ...rest
  })

/** Ends a run of length `expected`. */
export const end = (run: string, expected: number, payload: string, rest: Partial<CommitOp> = {}): CommitOp =>
  commit(run, expected, [], {
    status: { status: "completed", reason: null, waits: null },
    ended: { payload },
    ...rest
  })

/** A signal for a run, at time 1,500. */
export const inboxRow = (run: string, id: string): InboxRow => ({
  run,
  id,
  kind: "signal",
  payload: `"${id}"`,
  at: 1_500
})
/** Puts that signal into the inbox. */
export const inbox = (run: string, id: string): InboxOp => ({ op: "inbox", row: inboxRow(run, id) })

/** An answer to question `key` of this version, which is then the only one, at time 1,600. */
export const answer = (
  run: string,
  key: string,
  id: string,
  version: number,
  rest: Partial<Omit<AnswerOp, "op" | "run" | "key" | "version">> = {}
): AnswerOp => ({
  op: "answer",
  run,
  key,
  version,
  answers: `["${id}"]`,
  status: "granted",
  row: { id, kind: "answer", payload: `"${id}"` },
  now: () => 1_600,
  before: null,
  from: null,
  ...rest
})

/** What stops a run that nobody wants any more. */
export const stopRow = { id: "stop", kind: "cancel", payload: "stop" }

/** Takes the listener off the run. */
export const leave = (run: string, listener: string, message?: string): LeaveOp => ({
  op: "leave",
  listener,
  row: { ...stopRow, run, at: 1_500 },
  ...(message === undefined ? {} : { message })
})

/** A row of the outbox. */
export const outboxRow = (id: string): OutboxRow => ({ id, kind: "event", payload: `{"id":"${id}"}` })

/** An open question of a run. */
export const approval = (run: string, key: string, rest: Partial<ApprovalRow> = {}): ApprovalRow => ({
  run,
  key,
  workflow: "purchase",
  prompt: "Charge?",
  approvers: `["finance","ada"]`,
  question: "{}",
  requestedAt: 1_200,
  deadline: null,
  answers: "[]",
  version: 0,
  status: "open",
  ...rest
})

/** What a run asks for of an event. */
export const subscription = (run: string, event: string, paths: ReadonlyArray<string> = []): SubscriptionRow => ({
  run,
  event,
  paths
})

/** An event that was handed on at 3,000. */
export const event = (id: string, name: string, payload: unknown = null, at = 3_000): EventsOp["rows"][number] => ({
  id,
  name,
  payload: JSON.stringify(payload),
  correlation: null,
  source: null,
  at
})

/** Publishes these events. */
export const events = (...rows: EventsOp["rows"]): EventsOp => ({ op: "events", rows })

/** A wait of a run for an event. */
export const wait = (run: string, key: string, event: string, equality: Equality | null = null): EventWait => ({
  run,
  key,
  event,
  equality
})

/** Ids of the events that are kept, the oldest first. */
export const eventIds = (backend: Backend, filter: Partial<EventFilter> = {}) =>
  Effect.map(backend.events({ limit: 100, ...filter }), (rows) => rows.map(({ id }) => id).toReversed())

/** A claim by "a" at time 10,000 that serves everything. */
export const claim = (rest: Partial<Omit<ClaimOp, "op">> = {}): ClaimOp => ({
  op: "claim",
  owner: "a",
  now: 10_000,
  limit: 100,
  programs: null,
  kinds: ["contract"],
  without: [],
  roots: null,
  ...rest
})

/** Says that an owner lives until then. */
export const heartbeat = (id: string, expiresAt: number): HeartbeatOp => ({
  op: "heartbeat",
  owner: { id, expiresAt, worker: true, info: "{}" }
})

/** Reports that "r" was found at epoch 0 and length 0, never due, and wakes it. */
export const report = (
  rest: Partial<FindingRow> = {},
  seen: Partial<Pick<ReportOp, "epoch" | "dueAt">> = {}
): ReportOp => ({
  op: "report",
  row: { run: "r", reason: "never-due", problem: "lost", length: 0, woken: true, at: 3_000, ...rest },
  epoch: 0,
  dueAt: null,
  ...seen
})

/** Raises what "purchase" may spend on a day, at time 1,700. */
export const raise = (
  id: string,
  day: number,
  micros: number,
  tokens: number,
  rest: Partial<RaiseOp["row"]> = {},
  reasons: ReadonlyArray<string> = ["budget"]
): RaiseOp => ({
  op: "raise",
  row: { id, workflow: "purchase", day, micros, tokens, by: "ada", note: null, at: 1_700, ...rest },
  reasons,
  message: { id: `raise:${id}`, kind: "signal", payload: id }
})

/** The definition of a program. */
export const definition = (rest: Partial<DefinitionRow> = {}): DefinitionRow => ({
  name: "purchase",
  version: "1",
  kind: "program",
  hash: "h1",
  schemas: "{}",
  document: null,
  at: 1_000,
  ...rest
})

/** A change in one line: what it adds to which run, how that stands, or what was published. */
export const brief = (change: Change): string =>
  hasEntries(change)
    ? `${change.run} ${change.first}: ${change.entries.join(" ")}`
    : hasEvent(change)
    ? `${change.event.name} ${change.event.id}: ${change.event.payload}`
    : `${change.run} ${change.status} ${change.reason} ${change.waits}`

/** An operation that no database knows: it makes the whole list fail. */
export const impossible = { op: "impossible" } as unknown as Op

/** An act on this target. */
export const act = (target: string, { at = 5_000, request, ...line }: Partial<Act["line"]> & {
  readonly at?: number
  readonly request?: Act["request"]
} = {}): Act => ({
  line: { who: "ann", how: "library", action: "run.cancel", target, detail: "{}", ...line },
  now: () => at,
  ...(request === undefined ? {} : { request })
})

/** A request of this caller under this key, which is answered with what the operation has come to. */
export const asked = (caller: string, key: string, hash = "h"): NonNullable<Act["request"]> => ({
  caller,
  key,
  route: "POST /api/it",
  hash,
  answer: (answer) => `{"keys":"${Object.keys(answer).sort().join()}"}`
})

/** The operation, as this act. */
export const acted = <O extends Op>(op: O, by: Act) => ({ ...op, act: by })

/** The ids of rows, in their order. */
export const ids = (rows: ReadonlyArray<{ readonly id: string }>): ReadonlyArray<string> => rows.map((row) => row.id)
