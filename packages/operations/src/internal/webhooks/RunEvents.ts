/** Which events of the engine the webhook of a run tells, and as what. */
import { waitsForPeople } from "@fermata/core/Suspension"
import { Wait } from "@fermata/core/Wait"
import type { RunWebhookEvent } from "@fermata/core/Webhook"
import type { EventMessage } from "@fermata/engine/StartRequest"
import * as Schema from "effect/Schema"

/** What the event means for whoever waits for its run; nothing where that goes on by itself. */
export const of = ({ name, payload }: EventMessage): RunWebhookEvent | undefined => {
  switch (name) {
    case "engine.run.completed":
      return "done"
    case "engine.run.failed":
      return "failed"
    case "engine.run.cancelled":
      return "cancelled"
    case "engine.run.paused":
    case "engine.run.suspended":
    case "engine.approval.requested":
      return "paused"
    case "engine.run.waiting":
      return waitsForPeople(waitsOf(payload)) ? "paused" : undefined
    default:
      return undefined
  }
}

/** Whether nothing more is told of the run after it. */
export const isLast = (event: RunWebhookEvent): boolean => event !== "paused"

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decode = Schema.decodeUnknownOption(Schema.Struct({ waits: Schema.Array(Wait) }))

const waitsOf = (payload: unknown): ReadonlyArray<Wait> => {
  const found = decode(payload)
  return found._tag === "Some" ? found.value.waits : []
}
