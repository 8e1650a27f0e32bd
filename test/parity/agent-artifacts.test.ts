import { assert, describe, it } from "@effect/vitest"
import { AgentStream, AgentTool, Transcript } from "@fermata/agent"
import * as RunView from "@fermata/core/RunView"
import * as SecretRef from "@fermata/core/SecretRef"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { answer, call, calls, inTurn, said, Wire, withTools, world } from "./AgentWorld.ts"

const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.Json })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const kit = Toolkit.make(Read)
const reads = inTurn(calls(call("a", "Read", { path: "p" }), call("b", "Read", { path: "q" })), answer("done"))

/** A run of an agent that reads `p` and `q`, which has ended, and what it told the model of each. */
const read = Effect.fnUntraced(function*(agent: ReturnType<typeof withTools>["agent"]) {
  const run = yield* agent.start("go", { id: "1" })
  yield* (yield* TestHost).settled
  const runs = yield* Runs
  const kept = (name: string) =>
    Effect.map(runs.artifact(run, name), ({ content }) => new TextDecoder().decode(content))
  return { run, runs, kept, told: said((yield* Wire)[1]!).slice(-2).join("\n") }
})

describe("results that a model is not shown as a whole", () => {
  it.effect("M-74: a result over 100,000 characters is cut for the model, which is told so, and the whole is kept under the name that it is told", () => {
    const list = Array.from({ length: 30_000 }, (_, index) => index)
    const { agent, layer } = withTools(kit, {
      Read: ({ path }) => Effect.succeed(path === "p" ? "x".repeat(150_000) : list)
    })
    return Effect.gen(function*() {
      const { kept, run, runs, told } = yield* read(agent)
      assert.include(told, String.raw`[cut: 100000 of 150000 characters; the whole is kept as \"Read.txt\"]`)
      assert.include(told, String.raw`[cut: 100000 of 168891 characters; the whole is kept as \"Read~2.json\"]`)
      assert.isBelow(told.length, 202_000)
      assert.strictEqual(yield* kept("Read.txt"), "x".repeat(150_000))
      assert.deepStrictEqual(JSON.parse(yield* kept("Read~2.json")), list)

      const { steps } = yield* runs.show(run)
      const [whole] = steps.find(({ key }) => key === "Read")!.artifacts!
      assert.deepInclude(whole, { name: "Read.txt", mediaType: "text/plain", bytes: 150_000 })
      const outcomes = steps.filter(({ label }) => label === "tool").map(({ output }) => output)
      assert.deepInclude(outcomes[0], { isFailure: false, cut: { characters: 150_000, whole } })
      assert.isBelow(JSON.stringify(outcomes).length, 202_000, "the journal has the whole nowhere else")
    }).pipe(Effect.provide(world(reads, layer)))
  })

  it.effect("M-74: whoever follows the run, and its transcript, are told what was cut and where the whole is", () => {
    const { agent, layer } = withTools(kit, {
      Read: ({ path }) => Effect.succeed(path === "p" ? "x".repeat(100_001) : "y".repeat(100_000))
    })
    return Effect.gen(function*() {
      const { run, runs } = yield* read(agent)
      const [artifact] = yield* runs.artifacts(run)
      const { step: _, ...whole } = artifact!
      const results = (yield* Stream.runCollect(AgentStream.of(run))).filter(({ type }) => type === "tool-result")
      assert.deepInclude(results[0], { step: "Read", cut: { characters: 100_001, whole } })
      assert.notProperty(results[1], "cut")
      const lines = Transcript.linesOf(yield* runs.show(run))
      const again = Transcript.read(Transcript.shardsOf(lines))
      assert.deepStrictEqual(again, { lines, damage: [] })
      assert.deepInclude(lines.find(({ type }) => type === "tool"), {
        key: "Read",
        cut: { characters: 100_001, whole }
      })
    }).pipe(Effect.provide(world(reads, layer)))
  })

  it("M-74: what was cut before there were artifacts is read with its length alone", () => {
    const view = RunView.of("r", [
      { _tag: "RunRequested", seq: 0, at: 0, epoch: 0, workflow: "agent", version: "1", payload: null },
      {
        _tag: "StepRequested",
        seq: 1,
        at: 0,
        epoch: 1,
        key: "Read",
        name: "Read",
        attempt: 1,
        onCrash: "rerun",
        label: "tool"
      },
      {
        _tag: "StepCompleted",
        seq: 2,
        at: 0,
        epoch: 1,
        key: "Read",
        attempt: 1,
        output: { isFailure: false, result: "x", cut: 150_000 }
      }
    ])
    assert.deepInclude(Transcript.linesOf(view)[1], { type: "tool", cut: { characters: 150_000 } })
  })

  it.effect("M-74: one that is larger than an artifact may be is cut, and kept nowhere", () => {
    const { agent, layer } = withTools(kit, {
      Read: ({ path }) => Effect.succeed(path === "p" ? "€".repeat(5_600_000) : "short")
    })
    return Effect.gen(function*() {
      const { run, runs, told } = yield* read(agent)
      assert.include(told, "[cut: 100000 of 5600000 characters]")
      assert.deepStrictEqual(yield* runs.artifacts(run), [])
      assert.strictEqual((yield* runs.show(run)).status, "completed")
    }).pipe(Effect.provide(world(reads, layer)))
  })

  it.effect("S15: what is kept of a result is without the secrets that its handler was told", () => {
    const { agent, layer } = withTools(kit, {
      Read: () =>
        Effect.map(
          Effect.orDie(Secrets.resolve(SecretRef.make("KEY"))),
          (key) => `${"x".repeat(120_000)} Bearer ${Redacted.value(key)}`
        )
    })
    return Effect.gen(function*() {
      const { kept } = yield* read(agent)
      assert.match(yield* kept("Read.txt"), /^x+ Bearer \[secret KEY\]$/)
    }).pipe(
      Effect.provide(world(reads, Layer.provide(layer, Secrets.layerMemory({ KEY: "sk-4eC39HqLyjWDarjt" }))))
    )
  })
})

describe("what a handler keeps", () => {
  it.effect("M-74: is an artifact of its call, beside its result", () => {
    const { agent, layer } = withTools(kit, {
      Read: Effect.fnUntraced(function*({ path }) {
        const { keep } = yield* AgentTool.call
        const { name } = yield* Effect.orDie(
          keep(Uint8Array.of(255, 216), { name: `${path}.jpg`, mediaType: "image/jpeg" })
        )
        return `a picture, kept as ${name}`
      })
    })
    return Effect.gen(function*() {
      const { run, runs, told } = yield* read(agent)
      assert.include(told, "a picture, kept as q.jpg")
      assert.deepStrictEqual(
        (yield* runs.artifacts(run)).map(({ mediaType, name, step }) => [step, name, mediaType]),
        [["Read", "p.jpg", "image/jpeg"], ["Read~2", "q.jpg", "image/jpeg"]]
      )
      assert.deepStrictEqual((yield* runs.artifact(run, "q.jpg")).content, Uint8Array.of(255, 216))
    }).pipe(Effect.provide(world(reads, layer)))
  })
})
