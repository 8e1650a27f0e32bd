/** The work behind the task `analyze-ticket`. It stands for whatever your own would do. */
import { Effect, Schema } from "effect"

const Input = Schema.Struct({
  ticket: Schema.Struct({ id: Schema.String, title: Schema.String, body: Schema.String }),
  triage: Schema.Struct({ severity: Schema.String })
})

const components = ["login", "billing", "search", "export"]

export const analyzeTicket = Effect.fn("analyzeTicket")(function*(json: Schema.Json) {
  const { ticket, triage } = yield* Schema.decodeUnknownEffect(Input)(json)
  const text = `${ticket.title} ${ticket.body}`.toLowerCase()
  return {
    component: components.find((name) => text.includes(name)) ?? "unknown",
    regression: text.includes("after the last release"),
    answerWithin: triage.severity === "critical" ? "1 hour" : "2 days"
  }
})
