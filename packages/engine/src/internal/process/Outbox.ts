/**
 * Carries what runs and callers have left in the outbox to where it belongs:
 * at least once, and receivers go by id.
 */
import * as EventName from "@fermata/core/EventName"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import * as Upcast from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Desk } from "../../Answers.ts"
import type { Backend, Op, OutboxRow, RunRow, StartOp, StorageFailed } from "../../Backend.ts"
import { CurrentTenant } from "../../CurrentTenant.ts"
import type { EventsOp } from "../../EventLog.ts"
import type { Message } from "../../InboxMessage.ts"
import {
  engineSource,
  EventMessage,
  FreeRequest,
  InboxRequest,
  inTenant,
  LeaveRequest,
  startOp,
  StartRequest,
  TaskMessage
} from "../../StartRequest.ts"
import { encodeEntries } from "../../Store.ts"
import type { Store } from "../../Store.ts"
import * as AnswerEvents from "../AnswerEvents.ts"
import type { Extensions } from "../Extensions.ts"
import * as Joins from "../Joins.ts"
import * as Intake from "../tasks/Intake.ts"
import * as TaskRuns from "../tasks/Runs.ts"

/** What carrying messages needs of the process. */
export interface Carrier {
  readonly backend: Backend
  readonly store: Store["Service"]
  readonly desk: Desk
  readonly extensions: Pick<Extensions, "documents" | "route">
  /** Has the process take up the runs of this tree, also if it is no worker. */
  readonly adopt: (root: string) => void
  readonly closed: boolean
  /** ms since the epoch. */
  readonly now: () => number
  /** Tells of runs that were started. */
  readonly announceStart: (run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>) => void
  /** Has the process look at what is due. */
  readonly poke: () => void
  /** Events were kept. */
  readonly kept: () => void
  /** Tasks were added. */
  readonly queued: () => void
  /** Something waits at a schedule no longer. */
  readonly scheduleFreed: () => void
}

const limit = 200

const decodeStart = Schema.decodeUnknownExit(Schema.fromJsonString(StartRequest))
const decodeInbox = Schema.decodeUnknownExit(Schema.fromJsonString(InboxRequest))
const decodeLeave = Schema.decodeUnknownExit(Schema.fromJsonString(LeaveRequest))
const decodeTask = Schema.decodeUnknownExit(Schema.fromJsonString(TaskMessage))
const decodeFree = Schema.decodeUnknownExit(Schema.fromJsonString(FreeRequest))
const decodeListen = Schema.decodeUnknownExit(TaskRuns.Listen)
const decodeEnded = Schema.decodeUnknownExit(TaskRuns.Ended)
const decodeEvent = Schema.decodeUnknownExit(Schema.fromJsonString(EventMessage))

/** Carries all that is there, each batch in one transaction with its removal. Answers whether there was anything. */
export const deliver = Effect.fnUntraced(function*(carrier: Carrier) {
  let events = true
  let carried = false
  while (!carrier.closed) {
    const rows = yield* carrier.backend.outbox(limit, events)
    if (rows.length === 0) return carried
    // Events that documents may want are left to a process that has an extension for every kind of them that there is.
    if (events && rows.some(isEvent) && !(yield* carrier.extensions.documents.hasEvery(carrier.backend))) {
      events = false
      continue
    }
    const ops: Array<Op> = []
    const kept: Array<EventsOp["rows"][number]> = []
    for (const row of rows) ops.push(...(yield* route(carrier, row, kept)))
    // Before the runs that they start, so that each knows which event started it and which came behind.
    if (kept.length > 0) ops.unshift({ op: "events", rows: kept })
    ops.push({ op: "delivered", ids: rows.map((row) => row.id) })
    const answers = yield* carrier.backend.write(ops)
    if (kept.length > 0) carrier.kept()
    if (rows.some(({ kind }) => kind === "task" || kind === "ended")) carrier.queued()
    for (let index = 0; index < ops.length; index++) {
      const op = ops[index]!
      const answer = answers[index]!
      if ("freed" in answer && answer.freed && "due" in answer && answer.due) carrier.scheduleFreed()
      if (op.op !== "start" || !("started" in answer)) continue
      if (!answer.started) {
        carrier.adopt(answer.run.root)
        yield* Joins.tellOtherInput(carrier.store, answer.run, Joins.payloadOf(op))
        continue
      }
      carrier.announceStart(
        answer.run,
        op.rows.flatMap((row, seq) => {
          const entry = Upcast.read(answer.run.id, seq, row)
          return Exit.isSuccess(entry) ? [entry.value] : []
        })
      )
    }
    carried = true
    // Who listens for the end of a run may have been told of it at once, and a task that has ended tells who waits for it.
    if (rows.length < limit && !rows.some(({ kind }) => kind === "listen" || kind === "ended")) return carried
  }
  return carried
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isEvent = ({ kind }: OutboxRow): boolean => kind === "event"

/** The operations that a message of the outbox comes to. An event that runs may wait for is also put into `kept`. */
const route = (
  carrier: Carrier,
  row: OutboxRow,
  kept: Array<EventsOp["rows"][number]>
): Effect.Effect<ReadonlyArray<Op>, StorageFailed> => {
  switch (row.kind) {
    case "start": {
      const request = decodeStart(row.payload)
      if (Exit.isFailure(request)) return Effect.succeed([])
      return Effect.map(startOf(carrier, request.value), (op) => [{ ...op, message: row.id }])
    }
    case "inbox": {
      const request = decodeInbox(row.payload)
      if (Exit.isFailure(request)) return Effect.succeed([])
      const { id, kind, message, run } = request.value
      return Effect.succeed([{
        op: "inbox",
        row: { run, id, kind, payload: StoredJson.textOf(message), at: carrier.now() }
      }])
    }
    case "leave": {
      const request = decodeLeave(row.payload)
      if (Exit.isFailure(request)) return Effect.succeed([])
      const { listener, ...stop } = request.value
      return Effect.succeed([{ op: "leave", listener, row: { ...stop, at: carrier.now() }, message: row.id }])
    }
    case "free": {
      const request = decodeFree(row.payload)
      return Effect.succeed(Exit.isFailure(request) ? [] : [{ op: "free", ...request.value }])
    }
    case "task": {
      const message = decodeTask(row.payload)
      if (Exit.isFailure(message)) return Effect.succeed([])
      const { request, tenant, waiter } = message.value
      const op = Intake.opOf(request, { id: row.id, isEngine: true, now: carrier.now(), tenant })
      return Effect.match(op, {
        // Whoever asked for it has looked before; nobody is there any more to be told.
        onFailure: () => [],
        onSuccess: (op): ReadonlyArray<Op> => [{
          ...op,
          task: { ...op.task, waiterRun: waiter?.run ?? null, waiterStep: waiter?.step ?? null },
          isLimited: false,
          message: row.id
        }]
      })
    }
    case "listen": {
      const message = decodeListen(row.payload)
      return Effect.succeed(
        Exit.isFailure(message) ? [] : [{ op: "listen", ...message.value, at: carrier.now(), message: row.id }]
      )
    }
    case "ended": {
      const message = decodeEnded(row.payload)
      return Effect.succeed(Exit.isFailure(message) ? [] : [TaskRuns.settling(message.value, carrier.now())])
    }
    case "event": {
      const event = decodeEvent(row.payload)
      if (Exit.isFailure(event)) return Effect.succeed([])
      const { correlationId, id, name, payload, source, tenant } = event.value
      // An event that asks the engine for something is no fact, so it is not kept.
      if (!EventName.isReserved(name) || source === engineSource) {
        kept.push({
          id,
          name: Tenant.qualify(tenant, name),
          payload: StoredJson.textOf(payload),
          correlation: correlationId ?? null,
          source: source ?? null,
          at: carrier.now()
        })
      }
      return routeEvent(carrier, event.value)
    }
    default:
      return Effect.die(new Error(`A message of the outbox is a "${row.kind}", which the store was not to give`))
  }
}

/** The operations that an event comes to, beside the one that keeps it. */
const routeEvent = Effect.fnUntraced(
  function*(carrier: Carrier, event: EventMessage): Effect.fn.Return<ReadonlyArray<Op>, StorageFailed> {
    if (event.source !== engineSource && AnswerEvents.isAnswer(event)) {
      if (yield* inTenantOf(event, AnswerEvents.take(carrier.desk, event))) carrier.poke()
      return []
    }
    const ops: Array<Op> = []
    for (const delivery of yield* inTenantOf(event, carrier.extensions.route(event))) {
      if (delivery._tag === "Start") {
        ops.push(yield* startOf(carrier, inTenant(delivery.request, event.tenant), event.correlationId))
        continue
      }
      const { id, name, payload, runId } = delivery
      if (!Tenant.reaches(event.tenant, runId)) continue
      const message: Message<"signal"> = { name, payload }
      ops.push({
        op: "inbox",
        row: { run: runId, id, kind: "signal", payload: StoredJson.textOf(message), at: carrier.now() }
      })
    }
    return ops
  }
)

/** What an event does is done in its tenant. */
const inTenantOf = <A, E>({ tenant }: EventMessage, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.provideService(effect, CurrentTenant, tenant)

const startOf = (carrier: Carrier, request: StartRequest, askedBy?: string): Effect.Effect<StartOp> => {
  const { entry, op } = startOp(request, carrier.now(), null, request.parent ?? askedBy ?? null)
  const encoded = encodeEntries([entry as JournalEntry.JournalEntry])
  return Effect.map(
    Effect.isEffect(encoded) ? encoded : Effect.succeed(encoded),
    (stored) => ({ ...op, ...stored })
  )
}
