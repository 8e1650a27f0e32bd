/**
 * What a published event does beside being kept for the runs that wait for it:
 * it starts runs of the contracts that it triggers, or completes a step whose
 * work was handed over.
 */
import * as EventName from "@fermata/core/EventName"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Upcast from "@fermata/core/Upcast"
import type { Backend, StorageFailed } from "@fermata/engine/Backend"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import type { Delivery, Extension } from "@fermata/engine/Extension"
import { engineSource, type EventMessage } from "@fermata/engine/StartRequest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { ContractRegistry, Stored } from "../ContractRegistry.ts"
import * as Expression from "../Expression.ts"
import { standardShapes } from "../StandardShapes.ts"
import { needsOf, type StepShapes } from "../StepShape.ts"
import { stepsOf } from "../StepTree.ts"
import { type Completion, signalName, stepOfKey } from "../Submission.ts"
import { requestOf } from "./ContractStart.ts"

/** Routes events to runs of contracts. */
export const make = (
  backend: Backend,
  registry: ContractRegistry,
  shapes: StepShapes = standardShapes
): NonNullable<Extension["route"]> => {
  const triggered = Effect.fnUntraced(function*(event: EventMessage) {
    const starts: Array<Delivery> = []
    for (const stored of yield* registry.newest) {
      const key = yield* triggerOf(stored, event)
      if (key === undefined) continue
      const { by, id, name } = event
      const asked = yield* Effect.result(
        requestOf(stored, { event: { by, id, name, payload: event.payload as Schema.Json }, ...key }, shapes)
      )
      if (Result.isFailure(asked)) {
        yield* Effect.logWarning(
          `event "${name}" (${id}) does not start contract "${stored.id}": ${asked.failure.message}`
        )
        continue
      }
      starts.push({ _tag: "Start", request: asked.success })
    }
    return starts
  })

  const completed = Effect.fnUntraced(
    function*(event: EventMessage): Effect.fn.Return<ReadonlyArray<Delivery>, StorageFailed> {
      const said = decodeCompletion(event.payload)
      if (Exit.isFailure(said)) {
        return yield* ignored(event, "its payload is not { runId, stepId, output } or { runId, stepId, error }")
      }
      const { error, output = null, stepId } = said.value
      const runId = yield* CurrentTenant.idOf(said.value.runId)
      const row = yield* backend.run(runId)
      if (row === null || isFinal(row.status as RunStatus)) {
        return yield* ignored(event, `there is no open run ${runId}`)
      }
      const stored = row.definition === null ? undefined : yield* registry.byHash(row.definition)
      const step = stored && stepsOf(stored.contract, shapes).find(({ id }) => id === stepOfKey(stepId))
      if (step === undefined || needsOf(shapes, step).completion !== true) {
        return yield* ignored(event, `run ${runId} has no task step "${stepId}"`)
      }
      const completion: Completion = event.name === "engine.step.failed"
        ? { error: error ?? "failed without a reason" }
        : { output }
      return [{ _tag: "Signal", runId, id: `step:${stepId}`, name: signalName(stepId), payload: completion }]
    }
  )

  return Effect.fnUntraced(function*(event) {
    if (!EventName.isReserved(event.name)) return yield* triggered(event)
    if (event.source === engineSource) {
      const chained = event.correlationId !== undefined && (yield* isStartedByEngine(backend, event.correlationId))
      return chained ? [] : yield* triggered(event)
    }
    switch (event.name) {
      case "engine.step.completed":
      case "engine.step.failed":
        return yield* completed(event)
      default:
        return yield* ignored(event, "it belongs to the engine")
    }
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeCompletion = Schema.decodeUnknownExit(
  Schema.Struct({
    runId: Schema.NonEmptyString,
    stepId: Schema.NonEmptyString,
    output: Schema.optional(Schema.NullOr(Schema.Json)),
    error: Schema.optional(Schema.NullOr(Schema.Json))
  })
)
const ignored = (event: EventMessage, why: string): Effect.Effect<ReadonlyArray<Delivery>> =>
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
const isStartedByEngine = Effect.fnUntraced(function*(backend: Backend, runId: string) {
  const [row] = yield* backend.entries(runId, 0, 1)
  const first = row === undefined ? undefined : Upcast.read(runId, 0, row)
  return first !== undefined && Exit.isSuccess(first) && first.value._tag === "RunRequested" &&
    first.value.trigger !== undefined && EventName.isReserved(first.value.trigger.event)
})
