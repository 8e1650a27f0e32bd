import { assert, describe, it } from "@effect/vitest"
import { ModelFailed } from "@fermata/agent/Model"
import type { Answer } from "@fermata/core/AgentMessage"
import { Stream } from "effect"
import type { Response } from "effect/ai"
import * as fc from "fast-check"
import * as AnswerFold from "../src/internal/AnswerFold.ts"

const model = { name: "m", provider: "p", contextWindow: 1, maxOutput: 1, stream: () => Stream.empty }

const text = (text: string): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id: "0" },
  { type: "text-delta", id: "0", delta: text },
  { type: "text-end", id: "0" }
]
const call = (id: string, name: string, params: unknown): Response.StreamPartEncoded => ({
  type: "tool-call",
  id,
  name,
  params
})
const end = (
  reason: Response.FinishReason = "stop",
  { input = 100, output = 50 } = {}
): Response.StreamPartEncoded => ({
  type: "finish",
  reason,
  usage: {
    inputTokens: { uncached: input, total: input, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: output, text: output, reasoning: 0 }
  }
})

const fold = (parts: ReadonlyArray<Response.StreamPartEncoded>): Answer | ModelFailed => {
  const reading = AnswerFold.empty()
  for (const part of parts) AnswerFold.add(reading, part)
  return AnswerFold.answer(reading, model, () => 300)
}

const whole = (parts: ReadonlyArray<Response.StreamPartEncoded>): Answer => {
  const answer = fold(parts)
  if (answer instanceof ModelFailed) throw answer
  return answer
}

describe("the answer that a stream comes to", () => {
  it("M-73: is the same however the stream was cut, with blocks that are interleaved", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), fc.nat(9), fc.nat(9), (said, thought, cuts, more) => {
        const pieces = (text: string, count: number) =>
          Array.from(
            { length: count + 1 },
            (_, i) =>
              text.slice(Math.floor(i * text.length / (count + 1)), Math.floor((i + 1) * text.length / (count + 1)))
          )
        const words = pieces(said, cuts).map((delta) => ({ type: "text-delta" as const, id: "1", delta }))
        const thoughts = pieces(thought, more).map((delta) => ({ type: "reasoning-delta" as const, id: "1", delta }))
        const mixed = Array.from(
          { length: Math.max(words.length, thoughts.length) },
          (_, i) => [thoughts[i], words[i]].filter((part) => part !== undefined)
        ).flat()
        const answer = whole([
          { type: "reasoning-start", id: "1" },
          { type: "text-start", id: "1" },
          ...mixed,
          { type: "reasoning-delta", id: "1", delta: "", metadata: { p: { signature: "s" } } },
          { type: "reasoning-end", id: "1" },
          { type: "text-end", id: "1" },
          end()
        ])
        assert.deepStrictEqual(answer.content, [
          { type: "thought", text: thought, marks: { p: { signature: "s" } } },
          { type: "text", text: said }
        ])
      })
    )
  })

  it("M-76: may be empty; and a thought without its end is left out, since nobody takes it back", () => {
    assert.deepStrictEqual(whole([end()]).content, [])
    assert.deepStrictEqual(
      whole([{ type: "text-start", id: "1" }, { type: "text-end", id: "1" }, end()]).content,
      []
    )
    const cut = whole([
      { type: "reasoning-start", id: "1" },
      { type: "reasoning-delta", id: "1", delta: "hm" },
      { type: "text-start", id: "2" },
      { type: "text-delta", id: "2", delta: "half" },
      end("length")
    ])
    assert.deepStrictEqual(cut.content, [{ type: "text", text: "half" }])
    assert.strictEqual(cut.finish, "length")
  })

  it("M-62: a stream without its end, and one that said an error, are no answers, and may have been paid", () => {
    const ended = fold(text("half"))
    assert.instanceOf(ended, ModelFailed)
    assert.deepInclude(ended, { code: "ERR_STREAM_INCOMPLETE", retryable: true, maybePaid: true })
    const broken = fold([...text("half"), { type: "error", error: { message: "Overloaded" } }, end()])
    assert.instanceOf(broken, ModelFailed)
    assert.include(broken.problem, "Overloaded")
  })

  it("whoever calls tools wants them called, whatever reason is given beside", () => {
    const parts = (reason: Response.FinishReason) => [call("a", "Read", {}), end(reason)]
    assert.strictEqual(whole(parts("other")).finish, "calls")
    assert.strictEqual(whole(parts("length")).finish, "length")
    assert.strictEqual(whole([...text("x"), end("other")]).finish, "unknown")
    assert.strictEqual(whole([...text("x"), end("pause")]).finish, "paused")
    assert.strictEqual(whole([...text("x"), end("content-filter")]).finish, "refused")
  })

  it("arguments that are no whole JSON make a call that nobody carries out", () => {
    assert.deepStrictEqual(whole([call("a", "Read", "{\"pa"), end("tool-calls")]).content, [
      { type: "broken-call", id: "a", tool: "Read", text: "{\"pa" }
    ])
  })

  it("N-02: usage that a provider tells is taken, with what its cache held apart; where it tells none it is estimated, and says so", () => {
    const usage = (inputTokens: object, outputTokens: object) =>
      whole([
        ...text("x".repeat(30)),
        { type: "finish", reason: "stop", usage: { inputTokens, outputTokens } } as Response.StreamPartEncoded
      ]).usage
    assert.deepStrictEqual(usage({ uncached: 5, cacheRead: 7, cacheWrite: 1 }, { total: 3 }), {
      input: 5,
      cacheRead: 7,
      cacheWrite: 1,
      output: 3
    })
    assert.deepStrictEqual(usage({ total: 13, cacheRead: 7, cacheWrite: 1 }, { total: 3 }), {
      input: 5,
      cacheRead: 7,
      cacheWrite: 1,
      output: 3
    })
    assert.deepStrictEqual(usage({}, {}), { input: 100, cacheRead: 0, cacheWrite: 0, output: 10, estimated: true })
  })
})
