import { assert, describe, it } from "@effect/vitest"
import type { ModelRequest, Price } from "@fermata/agent/Model"
import * as Fallback from "@fermata/agent/model/Fallback"
import type * as ModelErrors from "@fermata/agent/model/ModelErrors"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Effect, Schema, Stream } from "effect"
import { Prompt, Tool } from "effect/ai"
import * as fc from "fast-check"

const flat = (rate: number): Price => ({ input: rate, output: rate, cacheRead: rate, cacheWrite: rate })
const model = (name: string, said: ReadonlyArray<Scripted.Said> | string, options: Scripted.Options = {}) =>
  Scripted.provider(() => said, { ...options, name })
const failing = (name: string, reason: ModelErrors.Reason, options: Scripted.Options = {}) =>
  model(name, [Scripted.fail(reason)], options)

const request: ModelRequest = { prompt: Prompt.make("hello"), tools: [], maxTokens: 100, idempotencyKey: "k" }

const ask = Effect.fnUntraced(function*(providers: ReadonlyArray<Models.Provider>, order?: Fallback.Order) {
  const names = providers.flatMap(({ models }) => models)
  const parts = yield* Stream.runCollect(Fallback.stream(Models.make(providers), names, request, order))
  return {
    whose: parts.flatMap((part) => part.type === "response-metadata" ? [part.metadata?.["fermata"]] : []),
    text: parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join("")
  }
})

describe("several models for one question", () => {
  it.effect("are asked in their order, and the answer says whose it is", () =>
    Effect.gen(function*() {
      const { text, whose } = yield* ask([
        failing("a", "overloaded"),
        failing("b", "unreachable"),
        model("c", "from c"),
        model("d", "from d")
      ])
      assert.strictEqual(text, "from c")
      assert.deepStrictEqual(whose, [{ model: "c", provider: "scripted" }], "and of no other")
    }))

  it.effect("are asked by what the question would cost, where the cheapest is wanted", () =>
    Effect.gen(function*() {
      const providers = [
        model("dear", "from dear", { price: flat(10) }),
        model("cheap", "from cheap", { price: flat(1) }),
        model("small and free", "from small", { price: flat(0), contextWindow: 50 })
      ]
      assert.strictEqual((yield* ask(providers, "cheapest")).text, "from cheap")
      assert.strictEqual((yield* ask(providers)).text, "from dear")
    }))

  it.effect("are not followed by another once something was heard", () =>
    Effect.gen(function*() {
      const midway = model("a", [Scripted.text("so far"), Scripted.fail("stream cut")])
      const failure = yield* Effect.flip(ask([midway, model("b", "from b")]))
      assert.deepInclude({ ...failure }, { code: "ERR_STREAM_INCOMPLETE", model: "a" })
    }))

  it.effect("are left out where they cannot help: a wrong question, a key that is refused, a window no larger", () =>
    Effect.gen(function*() {
      for (const reason of ["invalid request", "no access", "prompt too long"] as const) {
        const failure = yield* Effect.flip(ask([failing("a", reason), model("b", "from b")]))
        assert.strictEqual(failure.model, "a", reason)
      }
      const larger = model("b", "from b", { contextWindow: 300_000 })
      assert.strictEqual((yield* ask([failing("a", "prompt too long"), larger])).text, "from b")
    }))

  it.effect("say of each why it cannot be asked, when none can", () =>
    Effect.gen(function*() {
      const models = Models.make([model("tiny", "x", { contextWindow: 10 })])
      const failure = yield* Effect.flip(Stream.runDrain(Fallback.stream(models, ["tiny", "gpt-9"], request)))
      for (const words of ["tiny: it takes 10 tokens", "gpt-9: no provider"]) assert.include(failure.message, words)
      assert.include(
        (yield* Effect.flip(Stream.runDrain(Fallback.stream(models, [], request)))).message,
        "no model is named"
      )
    }))

  it.effect("ask nobody for a longer answer than it can give", () =>
    Effect.gen(function*() {
      const asked: Array<number> = []
      const short = Scripted.provider(({ maxTokens }) => (asked.push(maxTokens), "x"), { name: "a", maxOutput: 7 })
      yield* Stream.runDrain(Fallback.stream(Models.make([short]), ["a"], request))
      assert.deepStrictEqual(asked, [7])
    }))

  it.effect("by price, whatever the order of their names, and none twice", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.uniqueArray(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 6 }), (rates) =>
          Effect.runPromise(Effect.gen(function*() {
            const models = Models.make(rates.map((rate) => model(`m${rate}`, "x", { price: flat(rate) })))
            const names = rates.map((rate) =>
              `m${rate}`
            )
            const { models: chosen } = yield* Fallback.choose(
              models,
              [...names, ...names],
              { input: 10, output: 10 },
              "cheapest"
            )
            assert.deepStrictEqual(
              chosen.map(({ name }) => name),
              rates.toSorted((a, b) => a - b).map((rate) => `m${rate}`)
            )
          })))
      )
    ))

  it("a question is as large as its texts and tools, and a file no larger than files are", () => {
    const Read = Tool.make("Read", {
      description: "x".repeat(3_000),
      parameters: Schema.Struct({ path: Schema.String })
    })
    const small = Fallback.sizeOf(request)
    assert.deepInclude(small, { output: 100 })
    assert.isAbove(Fallback.sizeOf({ ...request, tools: [Read] }).input, small.input + 999)
    const picture = Prompt.make([{
      role: "user",
      content: [{ type: "file", mediaType: "image/png", data: new Uint8Array(5_000_000) }]
    }])
    assert.isAtMost(Fallback.sizeOf({ ...request, prompt: picture }).input, 20_000)
  })
})
