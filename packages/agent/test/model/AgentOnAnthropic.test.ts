/** An agent whose model is Anthropic's client, against a server that fails in the middle. */
import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Models from "@fermata/agent/model/Models"
import * as Prices from "@fermata/agent/model/Prices"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Config, Effect, Layer, Redacted, Result, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as SseServer from "../support/SseServer.ts"

const rules = AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })
const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(rules)
const kit = Toolkit.make(Read)
const reader = Agent.make("reader", { instructions: "You read.", model: "claude-opus-5-5", toolkit: kit })

/** What became of a run whose provider gives these replies, and which files were read. */
const run = Effect.fnUntraced(function*(replies: ReadonlyArray<SseServer.Reply>, key = "sk-secret") {
  const server = yield* SseServer.make
  server.reply(replies)
  const read: Array<string> = []
  const handlers = kit.toLayer({ Read: ({ path }) => Effect.sync(() => (read.push(path), `content of ${path}`)) })
  const models = Models.layer([
    Anthropic.provider({ baseURL: server.url, apiKey: Config.succeed(Redacted.make(key)) })
  ])
  const host = Layer.provideMerge(Runs.layer, TestHost.layer)
  const app = Layer.provideMerge(
    Layer.provide(reader.layer, Layer.mergeAll(handlers, models, Chunks.layerMemory)),
    host
  )
  return yield* Effect.gen(function*() {
    const result = yield* Effect.result(reader.run("read a", { id: "1" }))
    const { spent } = yield* (yield* Runs).show(yield* reader.start("read a", { id: "1" }))
    return { server, read, result, spent }
  }).pipe(Effect.provide(app))
})

const answered = <A>(result: Result.Result<A, unknown>): A => {
  assert.isTrue(Result.isSuccess(result))
  return (result as Result.Success<A, unknown>).success
}

const thinking = { type: "thinking", thinking: "I should read it first", signature: "sig-1" } as const
const calls = { blocks: [thinking, SseServer.call("t1", "Read", { path: "/a" })] }
const done = { blocks: [SseServer.text("It says: content of /a.")] }

describe("an agent on Anthropic", () => {
  it.live("reads, and gives its thinking back with the signature", () =>
    Effect.gen(function*() {
      const { read, result, server } = yield* run([calls, done])
      assert.deepInclude({ ...answered(result) }, {
        output: "It says: content of /a.",
        turns: 2,
        usage: { input: 200, cacheRead: 0, cacheWrite: 0, output: 40 }
      })
      assert.deepStrictEqual(read, ["/a"])
      assert.deepStrictEqual(server.requests[1]!.body.messages[1].content[0], thinking)
      assert.strictEqual(new Set(server.requests.map(({ key }) => key)).size, 2, "each call has a key of its own")
    }))

  it.live("has the web searched by Anthropic where that is declared, and goes on with what was found", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const found = [{ type: "web_search_result", url: "https://example.com", title: "x", encrypted_content: "e" }]
      const searched = [
        { type: "server_tool_use", id: "srv_1", name: "web_search", input: { query: "fermata" } },
        { type: "web_search_tool_result", tool_use_id: "srv_1", content: found }
      ] as const
      server.reply([{ blocks: [...searched, SseServer.call("t1", "Read", { path: "/a" })] }, done])
      const tools = Toolkit.make(Read, Anthropic.webSearch({ maxUses: 2, blockedDomains: ["example.org"] }))
      const agent = Agent.make("searcher", {
        instructions: "You search.",
        model: "claude-opus-5-5",
        toolkit: tools
      })
      const app = Layer.provideMerge(
        Layer.provide(
          agent.layer,
          Layer.mergeAll(
            kit.toLayer({ Read: ({ path }) => Effect.succeed(`content of ${path}`) }),
            Models.layer([
              Anthropic.provider({ baseURL: server.url, apiKey: Config.succeed(Redacted.make("sk-secret")) })
            ]),
            Chunks.layerMemory
          )
        ),
        Layer.provideMerge(Runs.layer, TestHost.layer)
      )
      const { turns } = yield* Effect.provide(agent.run("what is a fermata?", { id: "1" }), app)
      assert.strictEqual(turns, 2)
      const [first, second] = server.requests
      assert.deepInclude(first!.body.tools.at(-1), {
        type: "web_search_20260318",
        name: "web_search",
        max_uses: 2,
        blocked_domains: ["example.org"]
      })
      assert.deepStrictEqual(second!.body.messages[1].content.slice(0, 2), searched)
    }))

  it.live("asks again under the same key after a stream that was cut, and calls no tool of the cut answer", () =>
    Effect.gen(function*() {
      const cut = { ...calls, fault: "cut", after: 6 } as const
      const { read, result, server } = yield* run([cut, calls, done])
      answered(result)
      assert.deepStrictEqual(read, ["/a"])
      const [first, second, third] = server.requests.map(({ key }) => key)
      assert.isDefined(first)
      assert.strictEqual(second, first)
      assert.notStrictEqual(third, first)
      assert.strictEqual(server.tally.answers, 3, "the cut one may be billed")
    }))

  it.live("asks again while the provider is overloaded, and as soon as it says", () =>
    Effect.gen(function*() {
      const { result, server } = yield* run([
        { status: 529, type: "overloaded_error", message: "Overloaded", headers: { "retry-after-ms": "1" } },
        { ...done, fault: { type: "overloaded_error", message: "Overloaded" }, after: 3 },
        done
      ])
      answered(result)
      assert.strictEqual(server.requests.length, 3)
    }))

  it.live("asks once where asking again would not help", () =>
    Effect.gen(function*() {
      const { result, server } = yield* run([{ status: 401, type: "authentication_error", message: "invalid key" }])
      assert.deepInclude({ ...(result as { readonly failure: object }).failure }, { code: "ERR_AUTH", turns: 0 })
      assert.strictEqual(server.requests.length, 1)
      assert.notInclude(JSON.stringify(result), "sk-secret")
    }))

  it.live("S15: an answer that repeats the key has its name, and one that has the word of a server without keys keeps it", () =>
    Effect.gen(function*() {
      const outputOf = (key: string) =>
        Effect.map(
          run([{ blocks: [SseServer.text(`I was sent ${key}.`)] }], key),
          ({ result }) => answered(result).output
        )
      assert.strictEqual(yield* outputOf("sk-ant-api03-0123456789"), "I was sent [secret key].")
      assert.strictEqual(yield* outputOf("not-needed"), "I was sent not-needed.")
    }))

  it.live("does not call a tool whose arguments were not whole, and tells the model so", () =>
    Effect.gen(function*() {
      const broken = { blocks: [{ type: "tool_use", id: "t1", name: "Read", json: `{"path":"/a` } as const] }
      const { read, result, server } = yield* run([broken, { blocks: [SseServer.text("Sorry.")] }])
      answered(result)
      assert.deepStrictEqual(read, [])
      const [told] = server.requests[1]!.body.messages.at(-1).content
      assert.deepInclude(told, { type: "tool_result", tool_use_id: "t1", is_error: true })
    }))

  it.live("calls no tool of an answer that came to the end of its tokens, though it looks whole", () =>
    Effect.gen(function*() {
      const { read, result } = yield* run([{ ...calls, stop: "max_tokens" }, done])
      answered(result)
      assert.deepStrictEqual(read, [])
    }))

  it.live("keeps the books that its provider keeps", () =>
    Effect.gen(function*() {
      const usage = {
        input_tokens: 11,
        output_tokens: 7,
        cache_read_input_tokens: 1000,
        cache_creation_input_tokens: 30
      }
      const { result, server } = yield* run([{ ...calls, usage }, { ...done, usage }])
      const told = answered(result).usage
      const { cacheReadTokens, cacheWriteTokens, inputTokens, outputTokens } = server.tally
      assert.deepStrictEqual(told, {
        input: inputTokens,
        cacheRead: cacheReadTokens,
        cacheWrite: cacheWriteTokens,
        output: outputTokens
      })
      const { price } = Prices.find("anthropic", "claude-opus-5-5", Date.parse("2026-11-29"))!
      assert.deepStrictEqual(Prices.cost(price, told), { micros: 22 * 4 + 2000 * 0.2 + 60 * 5 + 14 * 20 })
    }))

  it.live("counts an answer that was cut: what the provider had told of it, and what was heard", () =>
    Effect.gen(function*() {
      const { server, spent } = yield* run([{ ...done, fault: "cut", after: 4 }, done])
      assert.strictEqual(server.tally.answers, 2)
      const whole = 100 * 4 + 20 * 20
      const heard = Math.ceil("It says: content of /a.".length / 3)
      assert.deepStrictEqual({ ...spent.own }, { micros: whole + 100 * 4 + heard * 20, tokens: 120 + 100 + heard })
    }))
})
