/** Waits for an event and returns its payload. On timeout goes to `timeout.next`, or fails when that is absent. */
import * as EventName from "@fermata/core/EventName"
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import * as StepShape from "../../StepShape.ts"

/** The kind `wait`: waits for an event. */
export const wait = StepShape.make({
  kind: "wait",
  schema: {
    fields: {
      event: EventName.EventName,
      where: Schema.optionalKey(Parts.Expression),
      timeout: Schema.optionalKey(Schema.Struct({ ms: Parts.Millis, next: Schema.optionalKey(Parts.Next) })),
      next: Parts.Next
    },
    words: {
      kind: "Waits for an event. Its output is the payload.",
      event: "Its name.",
      where: "Takes the event only when this is true; sees its payload as `event`.",
      timeout: "Longest wait: `ms`, and `next`, where the run goes then. Without that `next` the step fails.",
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [{ path: ["where"], whole: true, names: ["event"] }],
    waits: StepShape.timeout
  },
  needs: ({ event, where }) => ({ events: [{ event, where }] }),
  graph: {
    brackets: ["[/", "/]"],
    ways: () => [StepShape.next, { label: "timeout", path: ["timeout", "next"] }]
  }
})
