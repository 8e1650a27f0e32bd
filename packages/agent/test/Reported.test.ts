/** Situations that users of other engines have reported, lived here. */
import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Policy from "@fermata/agent/Policy"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"

const text = { success: Schema.String }
const Save = Tool.make("Save", { parameters: Schema.Struct({ value: Schema.String }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "write" }))
const Look = Tool.make("Look", { parameters: Schema.Struct({ path: Schema.String }), ...text })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const kit = Toolkit.make(Save, Look)

/** An agent in a world whose processes may die: what was saved, and what its model was told. */
const make = (options: {
  readonly policy?: Policy.Policy
  readonly look?: (path: string) => Effect.Effect<string>
} = {}) => {
  const saved: Array<string> = []
  const told: Array<string> = []
  const agent = Agent.make("agent", {
    instructions: "",
    model: "m",
    toolkit: kit,
    policy: options.policy ?? Policy.open
  })
  const handlers = kit.toLayer({
    Save: ({ value }) => Effect.sync(() => (saved.push(value), "saved")),
    Look: ({ path }) => options.look?.(path) ?? Effect.succeed(`text of ${path}`)
  })
  /** A process whose model says this. */
  const serving = (script: Scripted.Script) =>
    Layer.provide(
      agent.layer,
      Layer.mergeAll(
        handlers,
        Models.layer([Scripted.provider((request, turn) => {
          told.push(JSON.stringify(request.prompt.content))
          return script(request, turn)
        }, { name: "m" })]),
        Chunks.layerMemory
      )
    )
  return { agent, saved, serving, told }
}

const answer = (host: CrashHost.Host) =>
  host.use(Effect.provide(
    Effect.gen(function*() {
      const runs = yield* Runs
      const [question] = yield* runs.approvals()
      yield* runs.answer(question!.id, { decision: "approve", by: "operator" })
    }),
    Runs.layer
  ))

describe("reported elsewhere", () => {
  it.effect("agent-framework 6851 and 4075: a tool that was approved is not called again at a later turn", () =>
    Effect.gen(function*() {
      const { agent, saved, serving } = make({ policy: Policy.rules() })
      const world = yield* CrashHost.make
      const host = yield* world.start(
        serving((_, turn) =>
          turn === 0
            ? [Scripted.call("Save", { value: "a" })]
            : turn === 1
            ? [Scripted.call("Look", { path: "b" })]
            : "done"
        )
      )
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      yield* answer(host)
      yield* host.use(Agent.tell(run, "and something else"))
      yield* host.settled
      yield* host.evict
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.deepStrictEqual(saved, ["a"])
    }))

  it.effect("extra 139: what was approved is what is done, also where the model would say otherwise after a restart", () =>
    Effect.gen(function*() {
      const { agent, saved, serving } = make({ policy: Policy.rules() })
      const world = yield* CrashHost.make
      const says = (value: string) => serving((_, turn) => turn === 0 ? [Scripted.call("Save", { value })] : "done")
      const before = yield* world.start(says("reviewed"))
      const run = yield* before.use(agent.start("go", { id: "1" }))
      yield* before.settled
      const after = yield* world.restart(before, says("changed"))
      yield* answer(after)
      yield* after.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.deepStrictEqual(saved, ["reviewed"])
    }))

  it.effect("adk-python 3971, harness-sdk 1111, software-agent-sdk 4487: a process that dies within a tool leaves no call without its result", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let dying = true
      const { agent, serving, told } = make({
        look: (path) => dying && path === "b" ? Effect.as(Deferred.await(gate), "") : Effect.succeed(`text of ${path}`)
      })
      const world = yield* CrashHost.make
      const layer = serving((_, turn) =>
        turn === 0 ? [Scripted.call("Look", { path: "a" }), Scripted.call("Look", { path: "b" })] : "done"
      )
      const before = yield* world.start(layer)
      const run = yield* before.use(agent.start("go", { id: "1" }))
      yield* before.settled
      dying = false
      const after = yield* world.restart(before, layer)
      yield* after.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.strictEqual(told.length, 2, "and no answer was asked for twice")
      assert.include(told[1]!, "text of a")
      assert.include(told[1]!, "text of b")
    }))

  it.effect("mastra 21054: a tool that fails is a result, and the model goes on with it", () =>
    Effect.gen(function*() {
      const { agent, serving, told } = make({ look: () => Effect.die(new Error("ENOENT: no such file")) })
      const world = yield* CrashHost.make
      const host = yield* world.start(
        serving((_, turn) => turn === 0 ? [Scripted.call("Look", { path: "a" })] : "I go on.")
      )
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.include(told[1]!, "ENOENT: no such file")
    }))

  it.effect("hermes-agent 35151, pydantic-ai 3118: arguments that were cut are not carried out as if they were empty", () =>
    Effect.gen(function*() {
      const { agent, saved, serving, told } = make()
      const world = yield* CrashHost.make
      const host = yield* world.start(serving(({ maxTokens }, turn) =>
        turn > 0
          ? "done"
          : maxTokens > 8_192
          ? [Scripted.call("Save", { value: "whole" })]
          : [Scripted.call("Save", "{\"value\":\"ha"), Scripted.end("length")]
      ))
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.deepStrictEqual(saved, ["whole"])
      assert.notInclude(told.join(), "ha\"")
    }))

  it.effect("DeepSeek-v4-Flash 55: nor where the model says that it wanted to call, and the next request is one that it takes", () =>
    Effect.gen(function*() {
      const { agent, saved, serving, told } = make()
      const world = yield* CrashHost.make
      const host = yield* world.start(
        serving((_, turn) =>
          turn === 0 ? [Scripted.call("Save", "{\"value\":\"ha"), Scripted.end("tool-calls")] : "done"
        )
      )
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.deepStrictEqual(saved, [])
      assert.include(told[1]!, "not whole JSON")
    }))

  it.effect("openai-agents-js 995: what a run had asked for when it was cancelled is not told as nothing", () =>
    Effect.gen(function*() {
      const { agent } = make()
      const world = yield* CrashHost.make
      const model = { name: "m", provider: "p", contextWindow: 1_000, maxOutput: 100, stream: () => Stream.never }
      const hanging = Layer.provide(
        agent.layer,
        Layer.mergeAll(
          kit.toLayer({ Save: () => Effect.succeed(""), Look: () => Effect.succeed("") }),
          Models.layer([{ name: "p", models: ["m"], names: "m", find: () => Effect.succeed(model) }]),
          Chunks.layerMemory
        )
      )
      const host = yield* world.start(hanging)
      const run = yield* host.use(agent.start("go", { id: "1" }))
      yield* host.settled
      yield* host.use(Effect.provide(
        Effect.flatMap(Runs, (runs) => runs.cancel(run, { by: "ada", reason: "enough" })),
        Runs.layer
      ))
      yield* host.settled
      assert.strictEqual((yield* world.run(run)).status, "cancelled")
      const { spent } = yield* host.use(Effect.provide(Effect.flatMap(Runs, (runs) => runs.show(run)), Runs.layer))
      assert.isAbove(spent.total.tokens ?? 0, 0)
    }))
})
