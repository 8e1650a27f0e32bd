import { assert, describe, it } from "@effect/vitest"
import * as Messages from "@fermata/agent/Messages"
import { AgentMessage } from "@fermata/core"
import type { AnswerPart, Message } from "@fermata/core/AgentMessage"
import { Schema } from "effect"
import * as fc from "fast-check"

const reader = { name: "m", provider: "anthropic" }
const call = (id: string): AnswerPart => ({ type: "call", id, tool: "Read", params: {} })
const result = (id: string) => ({ id, tool: "Read", isFailure: false, result: `of ${id}` })
const assistant = (...content: ReadonlyArray<AnswerPart>): Message => ({ role: "assistant", model: "m", content })

/** Histories as they may come from elsewhere, broken in every way. */
const history = fc.array(fc.oneof(
  fc.constantFrom<Message>(
    AgentMessage.user("hi"),
    { role: "user", content: [] },
    assistant(),
    assistant({ type: "text", text: "well" })
  ),
  fc.uniqueArray(fc.constantFrom("a", "b", "c"), { maxLength: 3 }).map((ids) => assistant(...ids.map(call))),
  fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 3 }).map((ids): Message => ({
    role: "tool",
    content: ids.map(result)
  }))
))

describe("messages", () => {
  it("M-70: a history from anywhere is made one that a model takes, and a whole one stays as it is", () => {
    fc.assert(fc.property(history, (messages) => {
      const whole = Messages.normalise(messages)
      for (const [index, message] of whole.entries()) {
        assert.notStrictEqual(message.content.length, 0)
        const before = whole[index - 1]
        if (message.role === "user") assert.notStrictEqual(before?.role, "user")
        if (message.role === "tool") {
          assert.strictEqual(before?.role, "assistant")
          assert.deepStrictEqual(
            message.content.map(({ id }) => id),
            before!.content.flatMap((part) => "type" in part && part.type === "call" ? [part.id] : [])
          )
        }
        if (message.role === "assistant" && before?.role === "assistant") {
          assert.fail("two messages of the model in a row")
        }
        const calls = message.role === "assistant" ? message.content.filter(({ type }) => type === "call") : []
        if (calls.length > 0) assert.strictEqual(whole[index + 1]?.role, "tool")
      }
      assert.deepStrictEqual(Messages.normalise(whole), whole)
    }))
  })

  it("a message is said in each prompt of its model as the same part, and to another model as that may hear it", () => {
    const messages = [AgentMessage.user("go"), assistant({ type: "thought", text: "well" }, call("a")), {
      role: "tool" as const,
      content: [result("a")]
    }]
    const prompt = (to: typeof reader) => Messages.toPrompt("", Messages.normalise(messages), to).content
    const first = prompt(reader)
    for (const [index, said] of prompt(reader).entries()) assert.strictEqual(said, first[index])
    const other = prompt({ name: "other", provider: "anthropic" })
    assert.strictEqual((other[1]!.content as ReadonlyArray<unknown>).length, 1, "thoughts are their model's own")
    assert.deepStrictEqual(prompt(reader), first)
  })

  it("M-70: a call without a result is told that it has none, and a result without a call is left out", () => {
    const whole = Messages.normalise([
      AgentMessage.user("go"),
      assistant(call("a"), call("b")),
      { role: "tool", content: [result("b"), result("x")] },
      AgentMessage.user("and?")
    ])
    assert.deepStrictEqual(whole[2], {
      role: "tool",
      content: [{ id: "a", tool: "Read", isFailure: true, result: "There is no result of this call." }, result("b")]
    })
  })

  it("M-75: ids that come twice are made unique, and stay so over the whole conversation", () => {
    const taken = new Set<string>()
    const first = Messages.withOwnIds([call("a"), call("a"), { type: "text", text: "" }], taken)
    const second = Messages.withOwnIds([call("a"), call("a~2")], taken)
    const ids = [...first, ...second].flatMap((part) => "id" in part ? [part.id] : [])
    assert.deepStrictEqual(ids, ["a", "a~2", "a~3", "a~2~2"])
  })

  it("thoughts and marks go back to the model that made them alone, and text to every one", () => {
    const thought: AnswerPart = { type: "thought", text: "hm", marks: { anthropic: { signature: "s" } } }
    const messages = [AgentMessage.user("go"), assistant(thought, { type: "text", text: "well" })]
    const own = Messages.toPrompt("be good", messages, reader).content
    assert.deepStrictEqual(own.map(({ role }) => role), ["system", "user", "assistant"])
    const said = own[2]!.content
    assert.deepStrictEqual(typeof said === "string" ? [] : said.map(({ options, type }) => [type, options]), [
      ["reasoning", { anthropic: { signature: "s" } }],
      ["text", {}]
    ])
    const other = Messages.toPrompt("", messages, { name: "n", provider: "anthropic" }).content[1]!.content
    assert.deepStrictEqual(typeof other === "string" ? [] : other.map(({ type }) => type), ["text"])
  })

  it("is stored and read as it is, with files and what a provider did by itself", () => {
    const message: Message = {
      role: "assistant",
      model: "m",
      content: [
        { type: "file", mediaType: "image/png", data: { base64: "AAAA" } },
        { type: "hosted-call", id: "s", tool: "web_search", params: { query: "x" } },
        { type: "hosted-result", id: "s", tool: "web_search", isFailure: false, result: ["y"] },
        { type: "broken-call", id: "b", tool: "Read", text: "{\"pa" }
      ]
    }
    const stored: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(AgentMessage.Message)(message)))
    assert.deepStrictEqual(Schema.decodeUnknownSync(AgentMessage.Message)(stored), message)
    const prompt = Messages.toPrompt("", [message], reader).content[0]!.content
    assert.deepStrictEqual(typeof prompt === "string" ? [] : prompt.map(({ type }) => type), [
      "file",
      "tool-call",
      "tool-result",
      "tool-call"
    ])
  })
})
