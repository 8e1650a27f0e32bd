/** Publishes an event. Its output is the id of the event. */
import * as EventName from "@fermata/core/EventName"
import * as Parts from "../../ContractParts.ts"
import * as StepShape from "../../StepShape.ts"

/** The kind `emit`: publishes an event. */
export const emit = StepShape.make({
  kind: "emit",
  schema: {
    fields: {
      event: EventName.EventName,
      payload: Parts.withDefault(Parts.Template, {}),
      next: Parts.Next
    },
    words: {
      kind: "Publishes an event. Its output is the id of the event.",
      event: "Its name.",
      payload: "What it says. Default `{}`.",
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [{ path: ["payload"] }],
    asks: ({ event }) =>
      typeof event === "string" ? { request: { kind: "event:emit", event }, field: "event" } : undefined,
    output: () => ({ type: "string" })
  },
  needs: () => ({}),
  graph: { brackets: [">", "]"], ways: () => [StepShape.next] }
})
