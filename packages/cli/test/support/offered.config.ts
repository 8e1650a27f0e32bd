/** What MCP clients are offered in tests: programs that ask people, wait, fail, keep artifacts and use a secret, two agents, and contracts. */
import * as Agent from "@fermata/agent/Agent"
import { defineConfig } from "@fermata/cli/Config"
import * as Approval from "@fermata/engine/Approval"
import * as EngineSecrets from "@fermata/engine/Secrets"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as Secrets from "@fermata/host-node/Secrets"
import { Effect, Redacted, Schema } from "effect"
import { Workflow } from "effect/workflow"

const record = Step.make("record", {
  input: Schema.String,
  success: Schema.String,
  onCrash: "rerun",
  run: (text) => Effect.succeed(text)
})

const Greet = Workflow.make("Greet", {
  payload: Schema.Struct({ name: Schema.String }).annotate({ description: "Greets somebody" }),
  success: Schema.Struct({ greeting: Schema.String }),
  idempotencyKey: ({ name }) => name
})
const GreetLayer = Greet.toLayer(({ name }) =>
  Effect.gen(function*() {
    yield* record("first")
    console.log("printed by a workflow")
    return { greeting: `${yield* record("Hello")} ${name}` }
  })
)

const Refund = Workflow.make("Refund", {
  payload: { order: Schema.String, cents: Schema.Int },
  success: Schema.String,
  error: Approval.Denied,
  idempotencyKey: ({ order }) => order
})
const RefundLayer = Refund.toLayer(({ cents, order }) =>
  Effect.gen(function*() {
    const { by, choice } = yield* Approval.ask("refund", {
      prompt: `Refund ${cents} cents?`,
      approvers: ["boss", "finance"],
      choices: ["card", "cash"],
      args: { schema: Schema.Struct({ order: Schema.String }), value: { order } }
    })
    return `${choice} by ${by}`
  })
)

const Shop = Workflow.make("Shop", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})
const Paid = Signal.make("paid", { schema: Schema.Struct({ cents: Schema.Int }) })
const ShopLayer = Shop.toLayer(() => Effect.map(Signal.receive(Paid), ({ cents }) => cents))

const Fail = Workflow.make("Fail", {
  payload: { id: Schema.String },
  error: Schema.Struct({ _tag: Schema.tag("Broken"), message: Schema.String }),
  idempotencyKey: ({ id }) => id
})
const FailLayer = Fail.toLayer(() => Effect.fail({ _tag: "Broken" as const, message: "it was made to fail" }))

const keep = Step.make("keep", {
  error: Step.ArtifactRefused,
  onCrash: "rerun",
  run: Effect.fnUntraced(function*(_, { keep }) {
    yield* keep("all is well", { name: "build.log" })
    yield* keep(Uint8Array.of(137, 80, 78, 71, 0, 255), { name: "chart.png", mediaType: "image/png" })
    yield* keep(Uint8Array.of(1), { name: "beep.wav", mediaType: "audio/wav" })
    yield* keep(Uint8Array.of(0), { name: "all.bin", mediaType: "application/octet-stream" })
  })
})
const Keep = Workflow.make("Keep", {
  payload: { id: Schema.String },
  error: Step.ArtifactRefused,
  idempotencyKey: ({ id }) => id
})
const KeepLayer = Keep.toLayer(() => keep())

/** Tells what it should keep to itself. */
const leak = Step.make("leak", {
  input: Schema.Struct({ secret: Schema.String }),
  success: Schema.String,
  onCrash: "rerun",
  run: (ref) => Effect.map(Effect.orDie(EngineSecrets.resolve(ref)), (text) => `it is ${Redacted.value(text)}`)
})
const Leak = Workflow.make("Leak", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})
const LeakLayer = Leak.toLayer(() => leak({ secret: "MCP_CANARY" }))

/** With thousands of steps, and a few large ones. */
const Long = Workflow.make("Long", {
  payload: { steps: Schema.Int, characters: Schema.Int },
  idempotencyKey: ({ characters, steps }) => `${steps} ${characters}`
})
const LongLayer = Long.toLayer(({ characters, steps }) =>
  Effect.forEach(Array(steps).keys(), (index) => record(`${index}`.padEnd(characters, ".")), {
    concurrency: 500,
    discard: true
  })
)

/** Does not take an object. */
const Writer = Agent.make("team.writer", { description: "Says it otherwise", instructions: "You write." })
const Counter = Agent.make("counter", {
  instructions: "You count.",
  input: Schema.Struct({ things: Schema.Array(Schema.String) }),
  output: Schema.Struct({ count: Schema.Int })
})
const Lonely = Agent.make("lonely", { instructions: "You are not asked.", model: "nobody/knows" })

export default defineConfig({
  workflows: [GreetLayer, RefundLayer, ShopLayer, FailLayer, KeepLayer, LeakLayer, LongLayer],
  agents: [
    { agent: Writer, layer: Writer.layer },
    { agent: Counter, layer: Counter.layer },
    ...(process.env["FIXTURE_LONELY"] === undefined ? [] : [{ agent: Lonely, layer: Lonely.layer }])
  ],
  contracts: "../../../../test/e2e/fixtures/approval.json",
  secrets: Secrets.layerEnv(),
  scripted: (request) =>
    JSON.stringify(request.prompt.content[0]).includes("You count") ? `{"count":2}` : "said otherwise"
})
