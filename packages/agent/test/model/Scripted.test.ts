import { assert, describe, it } from "@effect/vitest"
import type { ModelRequest } from "@fermata/agent/Model"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Effect, Stream } from "effect"
import { Prompt } from "effect/ai"

const request = (messages: Prompt.RawInput = "hello"): ModelRequest => ({
  prompt: Prompt.make(messages),
  tools: [],
  maxTokens: 100,
  idempotencyKey: "k"
})

const ask = Effect.fnUntraced(function*(provider: Models.Provider, asked = request(), name = "scripted") {
  const model = yield* Models.make([provider]).get(name)
  return yield* Stream.runCollect(model.stream(asked))
})

const later = request([
  { role: "user", content: "hello" },
  { role: "assistant", content: "one" },
  { role: "user", content: "more" }
])

describe("the scripted model", () => {
  it.effect("says the answer of the turn, in pieces, with calls, and ends with usage", () =>
    Effect.gen(function*() {
      const script = [
        [Scripted.thought("hm"), Scripted.text("I look at it."), Scripted.call("Read", { path: "a" })],
        "It says hello."
      ]
      const parts = yield* ask(Scripted.provider(script))
      assert.isAbove(parts.filter(({ type }) => type === "text-delta").length, 1)
      assert.deepInclude(parts.find(({ type }) => type === "tool-call"), { name: "Read", params: { path: "a" } })
      const end = parts.find((part) => part.type === "finish")
      assert.strictEqual(end!.reason, "tool-calls")
      assert.isAbove(end!.usage.outputTokens.total!, 0)
      const next = yield* ask(Scripted.provider(script), later)
      assert.strictEqual(
        next.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join(""),
        "It says hello."
      )
    }))

  it.effect("says the same to the same conversation", () =>
    Effect.gen(function*() {
      const provider = Scripted.provider((_, turn) => [Scripted.call("A", { turn }), Scripted.call("A", {})])
      const twice = [yield* ask(provider), yield* ask(provider)]
      assert.deepStrictEqual(twice[0], twice[1])
      const ids = [...twice[0]!, ...yield* ask(provider, later)].flatMap((part) =>
        part.type === "tool-call" ? [part.id] : []
      )
      assert.strictEqual(new Set(ids).size, 4, "no id twice in a conversation")
    }))

  it.effect("says without a script that no provider was asked", () =>
    Effect.gen(function*() {
      const parts = yield* ask(Scripted.provider())
      const said = parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join("")
      assert.include(said, "no provider was asked")
      assert.include(said, "hello")
    }))

  it.effect("fails as the table says, after what it said before", () =>
    Effect.gen(function*() {
      const model = yield* Models.make([
        Scripted.provider(() => [Scripted.text("so far"), Scripted.fail("rate limit", { retryAfterMs: 5 })], {
          name: "m"
        })
      ]).get("m")
      const seen: Array<string> = []
      const failure = yield* Effect.flip(
        Stream.runForEach(model.stream(request()), ({ type }) => Effect.sync(() => seen.push(type)))
      )
      assert.deepInclude({ ...failure }, { code: "ERR_RATE_LIMIT", model: "m", retryAfterMs: 5, retryable: true })
      assert.include(seen, "text-end")
      assert.notInclude(seen, "finish")
    }))

  it.effect("does not go on behind the end of its script", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.flip(ask(Scripted.provider(["one"]), later))
      assert.include(failure.message, "its script has 1 answers")
    }))

  it.effect("ends as it is told to, and has no price until it is given one", () =>
    Effect.gen(function*() {
      const parts = yield* ask(
        Scripted.provider(() => [Scripted.text("cut"), Scripted.end("length", { input: 7, output: 3, cacheRead: 2 })])
      )
      assert.deepInclude(parts.at(-1), {
        type: "finish",
        reason: "length",
        usage: {
          inputTokens: { uncached: 7, total: 9, cacheRead: 2, cacheWrite: 0 },
          outputTokens: { total: 3, text: 3, reasoning: undefined }
        }
      })
      const { price } = yield* Models.make([Scripted.provider()]).get("scripted")
      assert.deepStrictEqual(price, { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 })
    }))
})
