/** How an agent is set up by who uses it: its models, its policy, and what is known of a run from outside. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, Models, Scripted } from "@fermata/agent"
import type { Price } from "@fermata/agent/Model"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { CrashHost } from "@fermata/testing"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const Write = Tool.make("Write", {
  parameters: Schema.Struct({ path: Schema.String, content: Schema.String }),
  success: Schema.String
})

const kit = Toolkit.make(Read, Write)

const flat = (rate: number): Price => ({ input: rate, output: rate, cacheRead: rate, cacheWrite: rate })

/** A model that says this, and what it costs; nobody knows it where it is undefined. */
const model = (name: string, script: Scripted.Script, price?: () => Price): Models.Provider => {
  const { find, ...rest } = Scripted.provider(script, { name })
  return {
    ...rest,
    find: (asked) => {
      const found = find(asked)
      return found &&
        Effect.map(found, ({ price: _, ...model }) => price === undefined ? model : { ...model, price: price() })
    }
  }
}

/** What a run's journal says of who was asked: which order was decided for each call, and who answered. */
const asked = Effect.fnUntraced(function*(run: string) {
  const runs = yield* Runs
  const decided = (yield* runs.journal(run)).flatMap((entry) =>
    entry._tag === "Decided" && entry.name === "models" ? [entry.value] : []
  )
  const answers = (yield* runs.show(run)).steps.flatMap(({ name, output }) =>
    name === "model" ? [(output as { readonly model: string }).model] : []
  )
  return { decided, answers }
})

describe("which of several models is asked", () => {
  it.effect("N-56: the next where the first is overloaded, and the journal says whose the answer is", () => {
    const agent = Agent.make("agent", { instructions: "", model: ["first", "second"] })
    const providers = [model("first", () => [Scripted.fail("overloaded")]), model("second", () => "from the second")]
    return Effect.gen(function*() {
      const run = yield* agent.start("go")
      yield* (yield* TestHost).settled
      assert.deepStrictEqual(yield* asked(run), { decided: [], answers: ["second"] })
    }).pipe(Effect.provide(
      Layer.provide(agent.layer, [Models.layer(providers), Chunks.layerMemory]).pipe(
        Layer.provideMerge(Runs.layer),
        Layer.provideMerge(TestHost.layer)
      )
    ))
  })

  it.effect("N-56: the cheapest that holds the question, decided once for each call and recorded; nobody's price is no low price", () =>
    Effect.gen(function*() {
      const prices = { one: 1, other: 10 }
      const script: Scripted.Script = (_, turn) =>
        turn === 0 ? [Scripted.call("Write", { path: "p", content: "c" })] : "done"
      const build = () => {
        const agent = Agent.make("agent", {
          instructions: "",
          model: ["unknown", "other", "small", "one"],
          modelOrder: "cheapest",
          toolkit: kit
        })
        const providers = [
          model("unknown", script),
          model("other", script, () => flat(prices.other)),
          model("one", script, () => flat(prices.one)),
          Scripted.provider(script, { name: "small", contextWindow: 100 })
        ]
        const handlers = kit.toLayer({ Read: () => Effect.succeed(""), Write: () => Effect.succeed("written") })
        return { agent, layer: Layer.provide(agent.layer, [handlers, Models.layer(providers), Chunks.layerMemory]) }
      }
      const world = yield* CrashHost.make
      const first = build()
      const before = yield* world.start(first.layer)
      const run = yield* before.use(first.agent.start("go", { id: "1" }))
      yield* before.settled
      // While people are asked, another model becomes the cheapest: for the next call, and for no call of before.
      prices.one = 20
      const after = yield* world.restart(before, build().layer)
      const withRuns = <A, E>(effect: Effect.Effect<A, E, Runs>) => after.use(Effect.provide(effect, Runs.layer))
      yield* withRuns(Effect.gen(function*() {
        const runs = yield* Runs
        const [question] = yield* runs.approvals()
        yield* runs.answer(question!.id, { decision: "approve", by: "operator" })
      }))
      yield* after.settled
      assert.deepStrictEqual(yield* withRuns(asked(run)), {
        decided: [["one", "other", "unknown"], ["other", "one", "unknown"]],
        answers: ["one", "other"]
      })
    }))
})
