/** The tools by which the official conformance suite tries a server, as far as workflows can be them. */
import { defineConfig } from "@fermata/cli/Config"
import * as Approval from "@fermata/engine/Approval"
import * as Step from "@fermata/engine/Step"
import { Effect, Schema } from "effect"
import { Workflow } from "effect/workflow"

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
  "base64"
)
const wav = Buffer.from("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA==", "base64")

const once = { payload: { id: Schema.optionalKey(Schema.String) }, idempotencyKey: () => "once" } as const

/** A workflow with these steps, of which each keeps what it is given. */
const keeping = (
  name: string,
  kept: ReadonlyArray<readonly [content: string | Uint8Array, mediaType: string]>
) => {
  const step = Step.make("keep", {
    error: Step.ArtifactRefused,
    onCrash: "rerun",
    run: (_, { keep }) =>
      Effect.forEach(kept, ([content, mediaType], index) => keep(content, { name: `${index}`, mediaType }), {
        discard: true
      })
  })
  return Workflow.make(name, { ...once, error: Step.ArtifactRefused }).toLayer(() => step())
}

const say = Step.make("say", {
  input: Schema.String,
  success: Schema.String,
  onCrash: "rerun",
  run: (text) => Effect.succeed(text)
})

/** A workflow that takes three steps. */
const stepping = (name: string) =>
  Workflow.make(name, { ...once, success: Schema.String }).toLayer(() =>
    Effect.gen(function*() {
      yield* say("started")
      yield* say("at work")
      return yield* say("done")
    })
  )

const Simple = Workflow.make("test_simple_text", { ...once, success: Schema.String })
const Broken = Workflow.make("test_error_handling", { ...once, error: Schema.String })
const Asks = Workflow.make("test_elicitation", {
  payload: { message: Schema.String },
  success: Schema.String,
  error: Approval.Denied,
  idempotencyKey: ({ message }) => message
})
const Address = Schema.Struct({ street: Schema.String, city: Schema.String }).annotate({ identifier: "address" })
const Dialect = Workflow.make("json_schema_2020_12_tool", {
  payload: { name: Schema.String, address: Address },
  idempotencyKey: ({ name }) => name
})

export default defineConfig({
  workflows: [
    Simple.toLayer(() => say("This is a simple text response for testing.")),
    Broken.toLayer(() => Effect.fail("This tool intentionally returns an error for testing")),
    Asks.toLayer(({ message }) =>
      Effect.map(Approval.ask("ask", { prompt: message, approvers: ["tester"] }), ({ by }) => by.join(", "))
    ),
    Dialect.toLayer(() => Effect.void),
    stepping("test_tool_with_logging"),
    stepping("test_tool_with_progress"),
    keeping("test_image_content", [[png, "image/png"]]),
    keeping("test_audio_content", [[wav, "audio/wav"]]),
    keeping("test_embedded_resource", [["This is an embedded resource content.", "text/plain"]]),
    keeping("test_multiple_content_types", [[png, "image/png"], [JSON.stringify({ test: "data" }), "application/json"]])
  ]
})
