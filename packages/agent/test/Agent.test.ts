import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import { AgentFailed } from "@fermata/agent/AgentErrors"
import * as AgentTool from "@fermata/agent/AgentTool"
import type { ModelRequest } from "@fermata/agent/Model"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Policy from "@fermata/agent/Policy"
import { Chunks } from "@fermata/engine/Chunks"
import { Engine } from "@fermata/engine/Engine"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const read = AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })
const Look = Tool.make("Look", { parameters: Schema.Struct({ n: Schema.Int }), success: Schema.String }).annotateMerge(
  read
)
const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })

const host = Layer.mergeAll(Layer.provideMerge(Runs.layer, TestHost.layer), Chunks.layerMemory)

type Needs = Layer.Success<typeof host> | Layer.Success<ReturnType<typeof Models.layer>>

/** 100 tokens of question and 50 of answer each time. */
const used = { input: 100, output: 50 }

const models = (script: Scripted.Script, asked: Array<ModelRequest>) =>
  Models.layer([Scripted.provider((request, turn) => {
    asked.push(request)
    return script(request, turn)
  }, { name: "m" })])

/** Runs what needs an agent, with what its model says. */
const served = <A, E>(
  layer: Layer.Layer<never, never, Needs>,
  script: Scripted.Script,
  use: Effect.Effect<A, E, Needs>,
  asked: Array<ModelRequest> = []
): Effect.Effect<A, unknown> =>
  Effect.provide(use, Layer.provideMerge(layer, Layer.provideMerge(models(script, asked), host)))

describe("an agent", () => {
  it.effect("answers, calls its tools, and tells the model what they gave in the order of its calls", () => {
    const kit = Toolkit.make(Look)
    const seer = Agent.make("seer", { instructions: "See.", model: "m", toolkit: kit })
    const asked: Array<ModelRequest> = []
    const layer = Layer.provide(seer.layer, kit.toLayer({ Look: ({ n }) => Effect.succeed(`saw ${n}`) }))
    return served(
      layer,
      (_, turn) =>
        turn === 0
          ? [
            Scripted.text("I look."),
            Scripted.call("Look", { n: 1 }, "a"),
            Scripted.call("Look", { n: 2 }, "b"),
            Scripted.end("tool-calls", used)
          ]
          : [Scripted.text("Seen both."), Scripted.end("stop", used)],
      Effect.gen(function*() {
        const { output, turns, usage } = yield* seer.run("look at 1 and 2")
        assert.strictEqual(output, "Seen both.")
        assert.strictEqual(turns, 2)
        assert.deepStrictEqual(usage, { input: 200, cacheRead: 0, cacheWrite: 0, output: 100 })
        const results = asked[1]!.prompt.content.at(-1)!
        assert.deepStrictEqual(
          results.role === "tool"
            ? results.content.map((part) => part.type === "tool-result" ? [part.id, part.result] : [])
            : [],
          [["a", "saw 1"], ["b", "saw 2"]]
        )
      }),
      asked
    )
  })

  it.effect("asks people about what changes the world, and makes the call with the arguments that they approved", () => {
    const kit = Toolkit.make(Write)
    const writer = Agent.make("writer", { instructions: "Write.", model: "m", toolkit: kit })
    const written: Array<string> = []
    const layer = Layer.provide(
      writer.layer,
      kit.toLayer({ Write: ({ path }) => Effect.sync(() => (written.push(path), "written")) })
    )
    return served(
      layer,
      (_, turn) =>
        turn === 0
          ? [Scripted.call("Write", { path: "/etc/passwd" }, "a"), Scripted.end("tool-calls", used)]
          : [Scripted.text("Done."), Scripted.end("stop", used)],
      Effect.gen(function*() {
        const runs = yield* Runs
        yield* writer.start("write", { id: "1" })
        yield* Effect.flatMap(Engine, (engine) => engine.settled)
        const [question] = yield* runs.approvals()
        assert.deepStrictEqual(question!.args, { path: "/etc/passwd" })
        assert.deepStrictEqual(written, [])
        yield* runs.answer(question!.id, { decision: "approve", by: "operator", edit: { path: "/tmp/x" } } as never)
        assert.strictEqual((yield* writer.run("write", { id: "1" })).output, "Done.")
        assert.deepStrictEqual(written, ["/tmp/x"])
      })
    )
  })

  it.effect("M-53: fails when it has asked its model as often as it may, and has not acted for nothing", () => {
    const kit = Toolkit.make(Look)
    const seer = Agent.make("seer", { instructions: "See.", model: "m", toolkit: kit, limits: { turns: 2 } })
    let looked = 0
    const layer = Layer.provide(seer.layer, kit.toLayer({ Look: () => Effect.sync(() => `${++looked}`) }))
    return served(
      layer,
      (_, turn) => [Scripted.call("Look", { n: turn }, `${turn}`), Scripted.end("tool-calls", used)],
      Effect.gen(function*() {
        const failure = yield* Effect.flip(seer.run("look"))
        assert.instanceOf(failure, AgentFailed)
        assert.strictEqual(failure.code, "ERR_MAX_TURNS")
        assert.strictEqual(failure.turns, 2)
        assert.strictEqual(looked, 1)
      })
    )
  })

  it.effect("M-45: a subagent is a child run with a question of its own, which its parent waits for", () => {
    const kit = Toolkit.make(Write)
    const helper = Agent.make("helper", { instructions: "helper", model: "m", toolkit: kit })
    const boss = Agent.make("boss", { instructions: "boss", model: "m", agents: [helper], policy: Policy.open })
    const layer = Layer.provide(
      Layer.mergeAll(boss.layer, helper.layer),
      kit.toLayer({ Write: ({ path }) => Effect.succeed(`wrote ${path}`) })
    )
    return served(
      layer,
      (request, turn) => {
        const isBoss = request.prompt.content[0]?.content === "boss"
        if (turn > 0) return [Scripted.text(isBoss ? "All done." : "Helped."), Scripted.end("stop", used)]
        return [
          isBoss ? Scripted.call("helper", { prompt: "help" }, "a") : Scripted.call("Write", { path: "/x" }, "b"),
          Scripted.end("tool-calls", used)
        ]
      },
      Effect.gen(function*() {
        const runs = yield* Runs
        yield* boss.start("go", { id: "1" })
        yield* Effect.flatMap(Engine, (engine) => engine.settled)
        const [question] = yield* runs.approvals()
        assert.strictEqual(question!.workflow, "helper")
        yield* runs.answer(question!.id, { decision: "approve", by: "operator" })
        const { output, usage } = yield* boss.run("go", { id: "1" })
        assert.strictEqual(output, "All done.")
        assert.strictEqual(usage.output, 200)
      })
    )
  })

  it.effect("M-56, M-80: waits as long as the provider says, durably, and gives up after so many attempts", () => {
    const seer = Agent.make("seer", { instructions: "", model: "m" })
    let asked = 0
    return served(
      seer.layer,
      () => {
        asked++
        return [Scripted.fail("rate limit", { retryAfterMs: 7_000 })]
      },
      Effect.gen(function*() {
        const test = yield* TestHost
        yield* seer.start("hi", { id: "1" })
        yield* test.settled
        assert.strictEqual(asked, 1)
        yield* test.adjust(6_999)
        assert.strictEqual(asked, 1)
        yield* test.adjust(1)
        assert.strictEqual(asked, 2)
        yield* test.adjust(7_000)
        const failure = yield* Effect.flip(seer.run("hi", { id: "1" }))
        assert.strictEqual(failure.code, "ERR_RATE_LIMIT")
        assert.strictEqual(asked, 3)
      })
    )
  })
})
