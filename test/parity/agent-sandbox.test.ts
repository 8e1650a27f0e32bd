import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, Models, Policy, Scripted } from "@fermata/agent"
import { Sandbox } from "@fermata/agent/Sandbox"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { answer, call, calls, inTurn, said, Wire, world } from "./AgentWorld.ts"

const Look = AgentTool.requires(
  Tool.make("Look", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
    .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "process" })),
  Sandbox
)
const kit = Toolkit.make(Look)
const looks = inTurn(calls(call("a", "Look", { path: "a.txt" })), answer("done"))

const agentOf = (policy: Policy.Policy) => Agent.make("agent", { instructions: "", model: "m", toolkit: kit, policy })

/** The handlers, and how often one was begun. */
const handlers = () => {
  const begun: Array<string> = []
  const layer = kit.toLayer({
    Look: ({ path }) =>
      Effect.gen(function*() {
        begun.push(path)
        const { exec, readFile, writeFile } = yield* Sandbox
        yield* writeFile(path, "new")
        const { exitCode, stderr, stdout } = yield* exec("wc")
        return [yield* readFile(path), stdout, stderr, exitCode].join("|")
      }).pipe(Effect.orDie)
  })
  return { begun, layer }
}

const nothing = { bytes: 0, cut: 0, isText: true }
const fake = Layer.succeed(Sandbox, {
  told: "a fake",
  isolated: true,
  shell: "/bin/sh",
  readFile: (path) => Effect.succeed(`file:${path}`),
  writeFile: () => Effect.void,
  exec: (command, args = []) =>
    Effect.succeed({
      stdout: `${command} of ${args.length}`,
      stderr: "no problem",
      exitCode: 7,
      timedOut: false,
      written: { stdout: nothing, stderr: nothing }
    })
})

describe("a sandbox", () => {
  it.effect("P-60: is a capability of the process, with readFile, writeFile and exec, that a handler asks for", () => {
    const { layer } = handlers()
    const agent = agentOf(Policy.rules({ mode: "open" }))
    return Effect.gen(function*() {
      yield* agent.start("go", { id: "1" })
      yield* (yield* TestHost).settled
      assert.include(said((yield* Wire)[1]!).at(-1), "file:a.txt|wc of 0|no problem|7")
    }).pipe(Effect.provide(world(looks, agent.layer.pipe(Layer.provide(layer), Layer.provide(fake)))))
  })

  it.effect("P-61: where it is missing, the call fails by its name before the tool's body, and nobody is asked about it", () => {
    const { begun, layer } = handlers()
    const agent = agentOf(Policy.rules({ approvers: ["ada"] }))
    // The type of the layer says that it is missing.
    const typed: Layer.Layer<never, never, Sandbox | Layer.Services<typeof agent.layer>> = agent.layer
    const untyped = Layer.provide(typed, layer) as unknown as Parameters<typeof world>[1]
    return Effect.gen(function*() {
      yield* agent.start("go", { id: "1" })
      yield* (yield* TestHost).settled
      assert.deepStrictEqual(yield* (yield* Runs).approvals(), [])
      assert.include(
        said((yield* Wire)[1]!).at(-1),
        String.raw`tool \"Look\" requires @fermata/agent/Sandbox, which this process does not have`
      )
      assert.deepStrictEqual(begun, [])
    }).pipe(Effect.provide(world(looks, untyped!)))
  })

  it.effect("P-61: a call that people let be made, where it was there, fails so in a process that has none", () =>
    Effect.gen(function*() {
      const { begun, layer } = handlers()
      const agent = agentOf(Policy.rules({ approvers: ["ada"] }))
      const told: Array<string> = []
      const model = Scripted.provider((request, turn) => {
        if (turn > 0) told.push(Scripted.lastText(request))
        return turn === 0 ? [Scripted.call("Look", { path: "a.txt" })] : "done"
      }, { name: "m" })
      const serving = Layer.provide(agent.layer, Layer.mergeAll(layer, Models.layer([model]), Chunks.layerMemory))
      const machine = yield* CrashHost.make
      const first = yield* machine.start(Layer.provide(serving, fake))
      const run = yield* first.use(agent.start("go", { id: "1" }))
      yield* first.settled
      const second = yield* machine.restart(first, serving as unknown as Parameters<typeof machine.restart>[1])
      yield* second.use(Effect.provide(
        Effect.gen(function*() {
          const runs = yield* Runs
          const [question] = yield* runs.approvals()
          yield* runs.answer(question!.id, { decision: "approve", by: "ada" })
        }),
        Runs.layer
      ))
      yield* second.settled
      assert.strictEqual((yield* machine.run(run)).status, "completed")
      assert.include(told.join("\n"), "requires @fermata/agent/Sandbox, which this process does not have")
      assert.deepStrictEqual(begun, [])
    }))

  it("P-61: a program whose layers have none is no program", () => {
    const { layer } = handlers()
    const agent = agentOf(Policy.rules())
    const lacking = Layer.provide(agent.layer, layer)
    // @ts-expect-error the sandbox is missing
    const served: Parameters<typeof world>[1] = lacking
    const whole: Parameters<typeof world>[1] = Layer.provide(lacking, fake)
    assert.isDefined(served)
    assert.isDefined(whole)
  })
})
