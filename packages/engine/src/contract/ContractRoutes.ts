/**
 * What a published event does beside being kept for the runs that wait for it:
 * it starts runs of the contracts that it triggers and, when it is one of the
 * four inputs of the engine, completes a step or answers a question.
 */
import { standardShapes } from "@fermata/core/contract/StandardShapes"
import { needsOf, type StepShapes } from "@fermata/core/contract/StepShape"
import * as EventName from "@fermata/core/EventName"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Upcast from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Taking from "../Answers.ts"
import type { Op, StorageFailed } from "../Backend.ts"
import { engineEvents, engineEventsOf, needsJournal, outboxRow } from "../Events.ts"
import type { Message } from "../InboxMessage.ts"
import type { Committed, EngineCore, Route } from "../internal/EngineCore.ts"
import { engineSource, type EventMessage, startOp } from "../StartRequest.ts"
import { encodeEntries, type Store } from "../Store.ts"
import type { ContractRegistry, Stored } from "./ContractRegistry.ts"
import { requestOf } from "./ContractStart.ts"
import * as Expression from "./Expression.ts"
import { type Completion, signalName, stepOfKey } from "./Submission.ts"

/** Routes events to runs of contracts. */
export const make = (core: EngineCore, registry: ContractRegistry, shapes: StepShapes = standardShapes): Route => {
  const { backend } = core

  const signal = (run: string, id: string, name: string, payload: unknown): Op => ({
    op: "inbox",
    row: {
      run,
      id,
      kind: "signal",
      payload: StoredJson.textOf({ name, payload } satisfies Message<"signal">),
      at: core.now()
    }
  })

  const triggered = Effect.fnUntraced(function*(event: EventMessage) {
    const ops: Array<Op> = []
    for (const stored of yield* registry.newest) {
      const key = yield* triggerOf(stored, event)
      if (key === undefined) continue
      const { id, name } = event
      const asked = yield* Effect.result(
        requestOf(stored, { event: { id, name, payload: event.payload as Schema.Json }, ...key }, shapes)
      )
      if (Result.isFailure(asked)) {
        yield* Effect.logWarning(
          `event "${name}" (${id}) does not start contract "${stored.id}": ${asked.failure.message}`
        )
        continue
      }
      const request = asked.success
      const { entry, op } = startOp(request, core.now(), null)
      const encoded = encodeEntries([entry as JournalEntry.JournalEntry])
      ops.push({ ...op, ...(Effect.isEffect(encoded) ? yield* encoded : encoded) })
    }
    return ops
  })

  const completed = Effect.fnUntraced(function*(event: EventMessage) {
    const said = decodeCompletion(event.payload)
    if (Exit.isFailure(said)) {
      return yield* ignored(event, "its payload is not { runId, stepId, output } or { runId, stepId, error }")
    }
    const { error, output = null, runId, stepId } = said.value
    const row = yield* backend.run(runId)
    if (row === null || isFinal(row.status as RunStatus)) return yield* ignored(event, `there is no open run ${runId}`)
    const stored = row.definition === null ? undefined : yield* registry.byHash(row.definition)
    const step = stored?.contract.steps.find(({ id }) => id === stepOfKey(stepId))
    if (step === undefined || needsOf(shapes, step).completion !== true) {
      return yield* ignored(event, `run ${runId} has no task step "${stepId}"`)
    }
    const completion: Completion = event.name === "engine.step.failed"
      ? { error: error ?? "failed without a reason" }
      : { output }
    return [signal(runId, `step:${stepId}`, signalName(stepId), completion)]
  })

  const answered = Effect.fnUntraced(function*(event: EventMessage) {
    const said = decodeAnswer(event.payload)
    const by = Exit.isSuccess(said) ? said.value.grantedBy ?? said.value.deniedBy ?? said.value.by : undefined
    if (Exit.isFailure(said) || by === undefined) {
      return yield* ignored(event, "its payload is not { runId, stepId, grantedBy }")
    }
    const { choice, edit, hash, note, runId, stepId } = said.value
    const outcome = yield* Taking.take(core.desk, runId, stepId, {
      id: `answer:${event.id}`,
      decision: event.name === "engine.approval.granted" ? "approve" : "deny",
      by,
      identity: [by],
      ...(choice === undefined ? {} : { choice }),
      ...(edit === undefined ? {} : { edit: { value: edit } }),
      ...(hash === undefined ? {} : { seen: hash }),
      ...(note === undefined ? {} : { note })
    })
    switch (outcome._tag) {
      case "Taken":
      case "Known":
        core.poke()
        return []
      case "Refused":
        return yield* ignored(
          event,
          outcome.reason === "approver"
            ? `"${by}" is not one of the approvers: ${outcome.question.approvers.join(", ")}`
            : outcome.reason === "answered"
            ? `approval "${stepId}" of run ${runId} is answered already: ${outcome.problem}`
            : `the answer to approval "${stepId}" of run ${runId} is refused: ${outcome.problem}`
        )
      default:
        return yield* ignored(event, `run ${runId} has no open approval "${stepId}"`)
    }
  })

  return Effect.fnUntraced(function*(event) {
    if (!EventName.isReserved(event.name)) return yield* triggered(event)
    if (event.source === engineSource) {
      const chained = event.correlationId !== undefined && (yield* isStartedByEngine(core, event.correlationId))
      return chained ? [] : yield* triggered(event)
    }
    switch (event.name) {
      case "engine.step.completed":
      case "engine.step.failed":
        return yield* completed(event)
      case "engine.approval.granted":
      case "engine.approval.denied":
        return yield* answered(event)
      default:
        return yield* ignored(event, "it belongs to the engine")
    }
  })
}

/** What the engine tells the contracts that listen to it, in the commit that it is about. */
export const project = (registry: ContractRegistry): Parameters<EngineCore["projections"]["add"]>[0] => (committed) =>
  registry.listensTo()
    ? engineEventsOf(committed).filter(({ name }) => registry.listensTo(name)).map(outboxRow)
    : []

/**
 * Publishes what no commit of an owner can carry: that a run was asked for, and
 * what the end of a deadline meant. A process that dies in between tells nobody.
 */
export const publish = (core: EngineCore, store: Store["Service"], registry: ContractRegistry) =>
  Effect.fnUntraced(function*(committed: Committed): Effect.fn.Return<void, StorageFailed> {
    const entries = committed.entries.filter((entry) => entry._tag === "RunRequested" || needsJournal(entry))
    if (entries.length === 0) return
    const events = (yield* engineEvents(store, { ...committed, entries, givenUp: undefined })).filter(({ name }) =>
      registry.listensTo(name)
    )
    if (events.length === 0) return
    yield* core.write({ op: "publish", rows: events.map(outboxRow) })
    core.poke()
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const who = Schema.optionalKey(Schema.String)
const place = { runId: Schema.NonEmptyString, stepId: Schema.NonEmptyString }

const decodeCompletion = Schema.decodeUnknownExit(
  Schema.Struct({
    ...place,
    output: Schema.optional(Schema.NullOr(Schema.Json)),
    error: Schema.optional(Schema.NullOr(Schema.Json))
  })
)
const decodeAnswer = Schema.decodeUnknownExit(
  Schema.Struct({
    ...place,
    grantedBy: who,
    deniedBy: who,
    by: who,
    choice: who,
    edit: Schema.optionalKey(Schema.Json),
    hash: who,
    note: who
  })
)

const ignored = (event: EventMessage, why: string): Effect.Effect<ReadonlyArray<Op>> =>
  Effect.as(Effect.logWarning(`event "${event.name}" (${event.id}) is ignored: ${why}`), [])

/**
 * Whether the event triggers the contract, and the key of the run. A pattern
 * has to name the engine to match an event of it, so that `**` starts nothing
 * by the runs that it has started.
 */
const triggerOf = Effect.fnUntraced(
  function*({ contract, id }: Stored, event: EventMessage): Effect.fn.Return<{ readonly key?: string } | undefined> {
    const scope: Expression.Scope = { trigger: event.payload as Schema.Json }
    for (const trigger of contract.triggers) {
      if (trigger.type !== "event" || !EventName.matches(trigger.event, event.name)) continue
      if (EventName.isReserved(event.name) && !EventName.isReserved(trigger.event)) continue
      const complain = (error: Expression.ExpressionError) =>
        Effect.logWarning(
          `the trigger of contract "${id}" cannot cope with event "${event.name}" (${event.id}): ${error.message}`
        )
      if (trigger.where !== undefined) {
        const holds = yield* Effect.catch(
          Expression.evaluateCondition(trigger.where, scope),
          (error) => Effect.as(complain(error), false)
        )
        if (!holds) {
          continue
        }
      }
      if (trigger.key === undefined) return {}
      const key = yield* Effect.catch(
        Expression.evaluateExpression(trigger.key, scope),
        (error) => Effect.as(complain(error), null)
      )
      // Events without a key are not all one event.
      return key === null ? {} : { key: typeof key === "string" ? key : StoredJson.textOf(key) }
    }
    return undefined
  }
)

/** Whether an event of the engine started this run: such a run triggers no further ones, or two contracts could start each other for ever. */
const isStartedByEngine = Effect.fnUntraced(function*({ backend }: EngineCore, runId: string) {
  const [row] = yield* backend.entries(runId, 0, 1)
  const first = row === undefined ? undefined : Upcast.read(runId, 0, row)
  return first !== undefined && Exit.isSuccess(first) && first.value._tag === "RunRequested" &&
    first.value.trigger !== undefined && EventName.isReserved(first.value.trigger.event)
})
