import { assert, describe, it } from "@effect/vitest"
import * as Messages from "@fermata/agent/Messages"
import { AgentMessage } from "@fermata/core"
import type { AnswerPart, Message } from "@fermata/core/AgentMessage"
import * as fc from "fast-check"
import * as Compaction from "../src/internal/Compaction.ts"
import { History } from "../src/internal/History.ts"

const settings: Compaction.Settings = {
  strategy: "auto",
  contextLimit: 1_000,
  threshold: 0.85,
  keepLast: 6,
  summaryMaxTokens: 100,
  microcompactAgeMs: 300_000
}

const call = (id: string): AnswerPart => ({ type: "call", id, tool: "Read", params: { path: id } })
const tool = (id: string, result: string): Message => ({
  role: "tool",
  content: [{ id, tool: "Read", isFailure: false, result }]
})

/** A conversation of so many turns, a second apart. */
const talk = (turns: number, result = "x".repeat(500)): ReadonlyArray<Compaction.Said> => [
  { message: AgentMessage.user("go"), at: 0 },
  ...Array.from({ length: turns }, (_, turn): ReadonlyArray<Compaction.Said> => [
    { message: { role: "assistant", model: "m", content: [call(`${turn}`)] }, at: turn * 1_000 },
    { message: tool(`${turn}`, result), at: turn * 1_000 }
  ]).flat()
]

describe("a conversation made shorter", () => {
  it("M-209: the middle goes, and the first message, the latest and every pair of call and result stay", () => {
    fc.assert(fc.property(fc.nat(20), fc.integer({ min: 0, max: 12 }), (turns, keepLast) => {
      const said = talk(turns)
      const shorter = Compaction.replaceMiddle(said, { ...settings, keepLast }, "[left out]").map(({ message }) =>
        message
      )
      assert.deepStrictEqual(shorter[0], said[0]!.message)
      if (keepLast > 0 && turns > 0) assert.deepStrictEqual(shorter.at(-1), said.at(-1)!.message)
      // Nothing is left without its other half.
      assert.deepStrictEqual(
        Messages.normalise(shorter).filter(({ role }) => role !== "user"),
        shorter.filter(({ role }) => role !== "user")
      )
    }))
  })

  it("M-209, M-210: old, long results of tools are left out, and neither young nor late nor short ones", () => {
    const said = [...talk(10), { message: tool("short", "ok"), at: 0 }]
    const now = 300_000 + 5_000
    const shorter = Compaction.microcompact(said, settings, now)
    const left = shorter.filter(({ message }) =>
      message.role === "tool" && JSON.stringify(message).includes("was left out")
    )
    assert.deepStrictEqual(left.map(({ at }) => at), [0, 1_000, 2_000, 3_000, 4_000, 5_000])
    assert.deepStrictEqual(Compaction.microcompact(said, settings, 1_000), said)
  })

  it("M-29: is over its limit at the threshold by what the model has counted, and not again before it has grown", () => {
    const history = new History(AgentMessage.user("go"), 0)
    const answer = (tokens: number) => ({
      model: "m",
      provider: "p",
      content: [],
      finish: "calls" as const,
      usage: { input: tokens, cacheRead: 0, cacheWrite: 0, output: 0 }
    })
    for (let turn = 0; turn < 10; turn++) {
      history.answer(answer(100 * turn), [{ type: "text", text: "word ".repeat(20) }], 0)
    }
    assert.isTrue(history.isLong(settings))
    assert.isFalse(history.isShort(settings))
    const { size } = history
    history.replaceMiddle(settings, "left out")
    assert.isBelow(history.size, size)
    assert.strictEqual(history.messages.length, 8)
    // The model counts more than was estimated: that is what it has to grow from.
    for (const tokens of [900, 910, 930, 980]) {
      history.answer(answer(tokens), [], 0)
      assert.isFalse(history.isLong(settings), `${tokens}`)
    }
    history.answer(answer(990), [], 0)
    assert.isTrue(history.isLong(settings))
  })

  it("tells calls and results in words to a model that is to sum them up", () => {
    const words = Compaction.inWords(talk(1, "found"))
    assert.deepStrictEqual(words, [
      AgentMessage.user("go"),
      { role: "assistant", content: [{ type: "text", text: "[called Read with {\"path\":\"0\"}]" }] },
      AgentMessage.user("Read gave: found")
    ])
  })
})
