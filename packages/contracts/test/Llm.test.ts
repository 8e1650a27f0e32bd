import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { Llm, type LlmRequest, valueOf } from "../src/Llm.ts"

const invoke = (prompt: string, more: Partial<LlmRequest> = {}) =>
  Effect.flatMap(Llm, (llm) => llm.invoke({ prompt, ...more }))

const shape = {
  type: "object",
  properties: { kind: { type: "string", enum: ["bug", "wish"] } },
  required: ["kind"]
} as const

describe("Llm", () => {
  it.effect("the scripted model answers by the first rule that fits, the same every time, and says what it is", () =>
    Effect.gen(function*() {
      const answers: Array<string> = []
      for (const prompt of ["a bug here", "a bug here", "wish 12", "loud"]) {
        answers.push((yield* invoke(prompt, { system: "be brief" })).text)
      }
      assert.deepStrictEqual(answers, ["bug", "bug", `{"number":12}`, "LOUD be brief"])
      assert.deepInclude(yield* invoke("a bug here"), { model: "scripted", usage: { inputTokens: 3, outputTokens: 1 } })
      const error = yield* Effect.flip(invoke("silence"))
      assert.deepInclude(error, { model: "scripted", retryable: false })
      assert.include(error.message, "no rule of its script")
    }).pipe(Effect.provide(Llm.layerScripted([
      { when: "bug", reply: "bug" },
      { when: /^wish (\d+)$/g, reply: ({ prompt }) => ({ number: Number(prompt.slice(5)) }) },
      { when: ({ prompt }) => prompt.length === 4, reply: ({ prompt, system }) => `${prompt.toUpperCase()} ${system}` }
    ]))))

  it.effect("without a model every question fails and says why", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(invoke("hello"))).message, "no model is configured")
    }).pipe(Effect.provide(Llm.layerNone)))

  it("an answer is its text, or JSON of the shape that was asked for", () => {
    const of = (text: string, output?: LlmRequest["output"], value?: object) =>
      valueOf({ prompt: "?", ...(output === undefined ? {} : { output }) }, {
        text,
        model: "m",
        ...(value === undefined ? {} : { value: value as never })
      })
    assert.deepStrictEqual(of("{}"), Result.succeed("{}"))
    for (const text of [`{"kind":"bug"}`, "```json\n{\"kind\":\"bug\"}\n```", "```\n{ \"kind\": \"bug\" }\n```"]) {
      assert.deepStrictEqual(of(text, shape), Result.succeed({ kind: "bug" }), text)
    }
    assert.deepStrictEqual(of("said otherwise", shape, { kind: "wish" }), Result.succeed({ kind: "wish" }))
    for (
      const [text, problem] of [["it is a bug", "its answer is none"], [`{"kind":"joke"}`, "kind must be one of"], [
        "[]",
        "it must be object"
      ]] as const
    ) {
      const answer = of(text, shape)
      assert.isTrue(
        Result.isFailure(answer) && answer.failure.retryable && answer.failure.message.includes(problem),
        text
      )
    }
  })
})
