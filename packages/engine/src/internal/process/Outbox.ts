/**
 * Carries what runs and callers have left in the outbox to where it belongs:
 * at least once, and receivers go by id.
 */
import * as EventName from "@fermata/core/EventName"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Desk } from "../../Answers.ts"
import type { Backend, Op, OutboxRow, StartOp, StorageFailed } from "../../Backend.ts"
import type { EventsOp } from "../../EventLog.ts"
import type { Message } from "../../InboxMessage.ts"
import { engineSource, EventMessage, InboxRequest, LeaveRequest, StartRequest } from "../../StartRequest.ts"
import type { Store } from "../../Store.ts"
import * as AnswerEvents from "../AnswerEvents.ts"
import type { Extensions } from "../Extensions.ts"
import * as Joins from "../Joins.ts"
import type { PreparedStart } from "./Starts.ts"

/** What carrying messages needs of the process. */
export interface Carrier {
  readonly backend: Backend
  readonly store: Store["Service"]
  readonly desk: Desk
  readonly extensions: Pick<Extensions, "documents" | "route">
  readonly closed: boolean
  /** ms since the epoch. */
  readonly now: () => number
  /** The start of a run, beside so many in the same transaction that this process is to own; with infinity it owns none. */
  readonly prepare: (request: StartRequest, given: number) => Effect.Effect<PreparedStart>
  /** Has the process look at what is due. */
  readonly poke: () => void
}

const limit = 200

const decodeStart = Schema.decodeUnknownExit(Schema.fromJsonString(StartRequest))
const decodeInbox = Schema.decodeUnknownExit(Schema.fromJsonString(InboxRequest))
const decodeLeave = Schema.decodeUnknownExit(Schema.fromJsonString(LeaveRequest))
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
    const batch: Batch = {
      kept: [],
      starts: [],
      isOfStarts: rows.every(({ kind }) => kind !== "inbox" && kind !== "leave")
    }
    const { ops, answers } = yield* Effect.onError(
      carry(carrier, rows, batch),
      () => Effect.sync(() => batch.starts.forEach((start) => start.drop()))
    )
    const { starts } = batch
    for (let index = 0; index < ops.length; index++) {
      const op = ops[index]!
      const answer = answers[index]!
      if (op.op !== "start" || !("started" in answer)) continue
      yield* starts.shift()!.written(answer)
      if (!answer.started) yield* Joins.tellOtherInput(carrier.store, answer.run, Joins.payloadOf(op))
    }
    carried = true
    if (rows.length < limit) return carried
  }
  return carried
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Carries these rows in one transaction with their removal. */
const carry = Effect.fnUntraced(function*(carrier: Carrier, rows: ReadonlyArray<OutboxRow>, batch: Batch) {
  const ops: Array<Op> = []
  for (const row of rows) ops.push(...(yield* route(carrier, row, batch)))
  // Before the runs that they start, so that each knows which event started it and which came behind.
  if (batch.kept.length > 0) ops.unshift({ op: "events", rows: batch.kept })
  ops.push({ op: "delivered", ids: rows.map((row) => row.id) })
  return { ops, answers: yield* carrier.backend.write(ops) }
})

/** What is carried in one transaction: events that runs may wait for, and the starts among its operations, in their order. */
interface Batch {
  readonly kept: Array<EventsOp["rows"][number]>
  readonly starts: Array<PreparedStart>
  /** Whether nothing in it may be for a run that it starts. */
  readonly isOfStarts: boolean
}

const isEvent = ({ kind }: OutboxRow): boolean => kind !== "start" && kind !== "inbox" && kind !== "leave"

/** The operations that a message of the outbox comes to. Its events and starts are also put into the batch. */
const route = (
  carrier: Carrier,
  row: OutboxRow,
  batch: Batch
): Effect.Effect<ReadonlyArray<Op>, StorageFailed> => {
  switch (row.kind) {
    case "start": {
      const request = decodeStart(row.payload)
      if (Exit.isFailure(request)) return Effect.succeed([])
      return Effect.map(startOf(carrier, request.value, batch), (op) => [{ ...op, message: row.id }])
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
    default: {
      const event = decodeEvent(row.payload)
      if (Exit.isFailure(event)) return Effect.succeed([])
      const { correlationId, id, name, payload, source } = event.value
      // An event that asks the engine for something is no fact, so it is not kept.
      if (!EventName.isReserved(name) || source === engineSource) {
        batch.kept.push({
          id,
          name,
          payload: StoredJson.textOf(payload),
          correlation: correlationId ?? null,
          source: source ?? null,
          at: carrier.now()
        })
      }
      return routeEvent(carrier, event.value, batch)
    }
  }
}

/** The operations that an event comes to, beside the one that keeps it. */
const routeEvent = Effect.fnUntraced(
  function*(carrier: Carrier, event: EventMessage, batch: Batch): Effect.fn.Return<ReadonlyArray<Op>, StorageFailed> {
    if (event.source !== engineSource && AnswerEvents.isAnswer(event)) {
      if (yield* AnswerEvents.take(carrier.desk, event)) carrier.poke()
      return []
    }
    const ops: Array<Op> = []
    for (const delivery of yield* carrier.extensions.route(event)) {
      if (delivery._tag === "Start") {
        ops.push(yield* startOf(carrier, delivery.request, batch))
        continue
      }
      const { id, name, payload, runId } = delivery
      const message: Message<"signal"> = { name, payload }
      ops.push({
        op: "inbox",
        row: { run: runId, id, kind: "signal", payload: StoredJson.textOf(message), at: carrier.now() }
      })
    }
    return ops
  }
)

/** A run goes ahead of its start only where it is a new one, and no message that comes with the start may be for it. */
const startOf = Effect.fnUntraced(
  function*(carrier: Carrier, request: StartRequest, batch: Batch): Effect.fn.Return<StartOp, StorageFailed> {
    const isNew = batch.isOfStarts && (yield* carrier.backend.run(request.id)) === null
    const given = isNew ? batch.starts.filter(({ op }) => op.run.owner !== null).length : Infinity
    const start = yield* carrier.prepare(request, given)
    batch.starts.push(start)
    return start.op
  }
)
