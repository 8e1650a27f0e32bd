/** What the published command serves in a soak: each workflow is what one kind of scene needs. */
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Scripted from "@fermata/agent/model/Scripted"
import { defineConfig } from "@fermata/cli/Config"
import { Approval, Signal, Step } from "@fermata/engine"
import * as HostSql from "@fermata/host-node/HostSql"
import * as Secrets from "@fermata/host-node/Secrets"
import { Effect, Layer, Option, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { SqlClient } from "effect/sql"
import { Workflow } from "effect/workflow"
import { act, deeds } from "./Ledger.ts"

const Payload = { round: Schema.Int, scene: Schema.String, input: Schema.String }
const workflow = <const Name extends string>(name: Name) =>
  Workflow.make(name, { payload: Payload, success: Schema.String, idempotencyKey: ({ scene }) => scene })

const Work = { round: Schema.Int, scene: Schema.String }
type Work = { readonly round: number; readonly scene: string }

/** What a body is told that matters here. */
type Told = { readonly key: string; readonly idempotencyKey: string; readonly entry?: number }

/** Acts, and takes long enough that a kill may come in between. */
const done = ({ round, scene }: Work, { entry, idempotencyKey, key }: Told) =>
  Effect.as(
    Effect.andThen(
      Effect.sync(() => act(round, { scene, key, idempotencyKey, ...(entry === undefined ? {} : { entry }) })),
      Effect.sleep("40 millis")
    ),
    key
  )

const step = { input: Work, success: Schema.String, run: done }
const reserve = Step.make("reserve", { ...step, onCrash: "rerun" })
const charge = Step.make("charge", { ...step, onCrash: "rerun-keyed" })
const mail = Step.make("mail", { ...step, onCrash: "ask" })
const ship = Step.make("ship", {
  ...step,
  onCrash: "probe",
  probe: ({ round, scene }, { key }) =>
    Effect.sync(() =>
      deeds(process.env["SOAK_FOLDER"]!, round).some((deed) => deed.scene === scene && deed.key === key)
        ? Option.some(key)
        : Option.none()
    )
})
const book = Step.make("book", {
  input: Work,
  success: Schema.String,
  onCrash: "commit-together",
  run: Effect.fn("book")(function*({ scene }, { key }) {
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO soak_bookings (scene) VALUES (${scene})`
    return key
  }, Effect.orDie)
})

const Order = workflow("order")
const orders = Order.toLayer(Effect.fnUntraced(function*({ round, scene }) {
  const work = { round, scene }
  yield* reserve(work)
  yield* charge(work)
  yield* Effect.sleep("200 millis")
  yield* ship(work)
  yield* book(work)
  return yield* mail(work)
})).pipe(
  Layer.provide(Layer.effectDiscard(Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE IF NOT EXISTS soak_bookings (scene TEXT NOT NULL)`
    yield* sql`CREATE INDEX IF NOT EXISTS soak_bookings_scene ON soak_bookings (scene)`
  }))),
  Layer.provide(HostSql.layer)
)

const votes = workflow("vote").toLayer(() =>
  Approval.ask("vote", { prompt: "Shall we?", approvers: ["ann", "bob", "cy"], quorum: 2 }).pipe(
    Effect.as("granted"),
    Effect.catchTag("ApprovalDenied", () => Effect.succeed("denied"))
  )
)

const Note = Signal.make("note", { schema: Schema.String })
const inboxes = workflow("inbox").toLayer(Effect.fnUntraced(function*() {
  for (let count = 0;; count++) {
    if ((yield* Signal.receive(Note)) === "stop") return String(count)
  }
}))

const Go = Signal.make("go")
const held = workflow("held").toLayer(() => Effect.as(Signal.receive(Go), "gone"))

const beat = workflow("beat").toLayer(() => Effect.as(Effect.sleep("500 millis"), "beaten"))

const Look = Tool.make("Look", {
  parameters: Schema.Struct({ round: Schema.Int, scene: Schema.String }),
  success: Schema.String
}).annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const kit = Toolkit.make(Look)
const Watcher = Agent.make("watcher", {
  instructions: "You watch.",
  model: "scripted",
  toolkit: kit,
  dailyBudget: { tokens: 1_000_000_000 }
})
const handlers = kit.toLayer({
  Look: (work) =>
    Effect.gen(function*() {
      yield* done(work, yield* AgentTool.call)
      return `look ${work.round} ${work.scene}`
    })
})

export default defineConfig({
  secrets: Secrets.layerEnv(),
  egress: { origins: [process.env["SOAK_RECEIVER"]!] },
  workflows: [orders, votes, inboxes, held, beat],
  contracts: "placed.json",
  tasks: {
    act: (input, { idempotencyKey, stepId }) =>
      Effect.as(done(input as Work, { key: stepId, idempotencyKey }), { done: true })
  },
  agents: [{ agent: Watcher, layer: Watcher.layer.pipe(Layer.provide(handlers)) }],
  scripted: (request, turn) => {
    const [, round, scene] = /look (\d+) (\S+)/.exec(Scripted.lastText(request)) ?? []
    return turn < 3 ? [Scripted.call("Look", { round: Number(round), scene })] : "All is well."
  }
})
