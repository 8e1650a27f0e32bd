/**
 * Answers to questions that come as events, `engine.approval.granted` and
 * `engine.approval.denied`: with the payload that the engine tells of an answer.
 */
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Taking from "../Answers.ts"
import type { StorageFailed } from "../Backend.ts"
import type { EventMessage } from "../StartRequest.ts"

/** Whether the event asks the engine to take an answer. */
export const isAnswer = ({ name }: Pick<EventMessage, "name">): boolean =>
  name === "engine.approval.granted" || name === "engine.approval.denied"

/** Takes the answer. True when it counts; an answer that does not is told in the log. */
export const take = Effect.fnUntraced(
  function*(desk: Taking.Desk, event: EventMessage): Effect.fn.Return<boolean, StorageFailed> {
    const said = decode(event.payload)
    const by = Exit.isSuccess(said) ? said.value.grantedBy ?? said.value.deniedBy ?? said.value.by : undefined
    if (Exit.isFailure(said) || by === undefined) {
      return yield* ignored(event, "its payload is not { runId, stepId, grantedBy }")
    }
    const { choice, edit, hash, note, stepId } = said.value
    const runId = Tenant.qualify(event.tenant, said.value.runId)
    const outcome = yield* Taking.take(desk, runId, stepId, {
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
        return true
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
  }
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const text = Schema.optionalKey(Schema.String)

const decode = Schema.decodeUnknownExit(
  Schema.Struct({
    runId: Schema.NonEmptyString,
    stepId: Schema.NonEmptyString,
    grantedBy: text,
    deniedBy: text,
    by: text,
    choice: text,
    edit: Schema.optionalKey(Schema.Json),
    hash: text,
    note: text
  })
)

const ignored = (event: EventMessage, why: string): Effect.Effect<boolean> =>
  Effect.as(Effect.logWarning(`event "${event.name}" (${event.id}) is ignored: ${why}`), false)
