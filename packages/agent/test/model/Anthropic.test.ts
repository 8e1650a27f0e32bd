import { assert, describe, it } from "@effect/vitest"
import type { ModelFailed, ModelRequest } from "@fermata/agent/Model"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import { Config, ConfigProvider, Deferred, Effect, Exit, Fiber, Redacted, Result, Schema, Stream } from "effect"
import { Prompt, Response, Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import * as SseServer from "../support/SseServer.ts"

const model = "claude-opus-5-5"
const Read = Tool.make("Read", {
  description: "reads",
  parameters: Schema.Struct({ path: Schema.String }),
  success: Schema.String
})
const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String, text: Schema.String }) })
const Search = Tool.providerDefined({
  id: "anthropic.web_search_20260318",
  customName: "Search",
  providerName: "web_search",
  args: Schema.Struct({ max_uses: Schema.Int }),
  success: Schema.Unknown
})({ max_uses: 2 })

const request = (over: Partial<ModelRequest> = {}): ModelRequest => ({
  prompt: Prompt.make([{ role: "system", content: "you help" }, { role: "user", content: "go" }]),
  tools: [Read, Write],
  maxTokens: 1000,
  idempotencyKey: "run-1/model",
  ...over
})

const optionsFor = (server: SseServer.SseServer): Anthropic.Options => ({
  baseURL: server.url,
  apiKey: Config.succeed(Redacted.make("sk-secret"))
})

const find = (name: string, options?: Anthropic.Options) => Anthropic.provider(options).find(name)!

/** The answer to one request, as parts. */
const ask = Effect.fnUntraced(function*(server: SseServer.SseServer, over: Partial<ModelRequest> = {}, name = model) {
  const found = yield* find(name, optionsFor(server))
  return yield* Stream.runCollect(found.stream(request(over)))
})

const askReply = Effect.fnUntraced(function*(reply: SseServer.Reply, over: Partial<ModelRequest> = {}) {
  const server = yield* SseServer.make
  server.reply([reply])
  return yield* ask(server, over)
})

/** How a call failed that gets this reply. */
const failureOf = Effect.fnUntraced(function*(reply: SseServer.Reply) {
  const result = yield* Effect.result(askReply(reply))
  assert.isTrue(Result.isFailure(result), "the call failed")
  return (result as Result.Failure<never, ModelFailed>).failure
})

type Parts = ReadonlyArray<Response.StreamPartEncoded>
const calls = (parts: Parts) => parts.filter((part) => part.type === "tool-call")
const finish = (parts: Parts) => parts.find((part) => part.type === "finish")
const textOf = (parts: Parts) => parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join("")

describe("a model of Anthropic", () => {
  it.effect("streams text, thinking and calls, and ends with usage told apart by cache", () =>
    Effect.gen(function*() {
      const parts = yield* askReply({
        blocks: [
          { type: "thinking", thinking: "let me see what is asked", signature: "sig-1" },
          { type: "redacted_thinking", data: "opaque" },
          SseServer.text("I will read two files."),
          SseServer.call("toolu_1", "Read", { path: "/a" }),
          SseServer.call("toolu_2", "Read", { path: "/b" })
        ],
        usage: { input_tokens: 7, output_tokens: 60, cache_read_input_tokens: 1000, cache_creation_input_tokens: 50 },
        pings: true
      })
      assert.strictEqual(textOf(parts), "I will read two files.")
      assert.deepStrictEqual(calls(parts), [
        { type: "tool-call", id: "toolu_1", name: "Read", params: { path: "/a" } },
        { type: "tool-call", id: "toolu_2", name: "Read", params: { path: "/b" } }
      ])
      const end = finish(parts)
      assert.deepInclude(end, { type: "finish", reason: "tool-calls" })
      assert.deepStrictEqual(end?.usage, {
        inputTokens: { uncached: 7, total: 1057, cacheRead: 1000, cacheWrite: 50 },
        outputTokens: { total: 60, text: undefined, reasoning: undefined }
      })
      assert.deepInclude(parts[0], { type: "response-metadata", modelId: model })
      assert.strictEqual(parts.at(-1), end, "finish is the last part")
      const types = parts.map(({ type }) => type)
      assert.isBelow(
        types.lastIndexOf("tool-params-delta"),
        types.indexOf("tool-call"),
        "arguments are shown as they come, and calls are told when the answer is known to be whole"
      )
    }))

  it.effect("sends the caller's idempotency key, and the limit of tokens", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      yield* ask(server)
      yield* ask(server)
      assert.deepStrictEqual([...server.tally.byKey], [["run-1/model", 2]])
      assert.strictEqual(server.requests[0]!.headers.authorization, "Bearer sk-secret")
      assert.strictEqual(server.requests[0]!.body.max_tokens, 1000)
    }))

  it.effect("reads its key when it is asked for, and says which variable is missing", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(find(model))
      assert.include(error.message, "ANTHROPIC_API_KEY is not set")
      assert.include(error.message, "--model scripted")
      const blank = yield* Effect.flip(find(model, { apiKey: Config.succeed(Redacted.make(" ")) }))
      assert.include(blank.message, "the key of this provider is not set")
      const other = yield* Effect.flip(find(model, { apiKey: Config.Redacted("SPARE_KEY") }))
      assert.include(other.message, "SPARE_KEY is not set")
    }).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({}))))

  it("knows its own names alone", () => {
    assert.isUndefined(Anthropic.provider().find("openai/gpt-5.5"))
    assert.isDefined(Anthropic.provider().find("anthropic/claude-opus-5-5"))
    assert.isDefined(Anthropic.provider().find("claude-nobody-knows-9"))
  })

  it.effect("aborts the request when the stream is interrupted in the middle of an answer", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.reply([{ blocks: [SseServer.text("a long answer that never ends")], fault: "hang", after: 3 }])
      const found = yield* find(model, optionsFor(server))
      const fiber = yield* Effect.forkChild(Stream.runDrain(found.stream(request())))
      yield* server.came(0)
      yield* Fiber.interrupt(fiber)
      yield* server.gaveUp(0)
      assert.isTrue(server.requests[0]!.aborted)
    }))

  it.effect("aborts the request when it is interrupted before the answer begins", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.reply(["hang"])
      const found = yield* find(model, optionsFor(server))
      const fiber = yield* Effect.forkChild(Stream.runDrain(found.stream(request())))
      yield* server.came(0)
      yield* Fiber.interrupt(fiber)
      yield* server.gaveUp(0)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    }))

  it.effect("counts the tokens of a request without paying for an answer", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const tokens = yield* Anthropic.countTokens(model, request(), optionsFor(server))
      assert.isAbove(tokens, 10)
      assert.strictEqual(server.requests[0]!.path, "/v1/messages/count_tokens")
      assert.notProperty(server.requests[0]!.body, "max_tokens")
      assert.strictEqual(server.tally.answers, 0)
    }))

  it.effect("asks for effort, speed, thinking and cache time where they are named, and is silent of them elsewhere", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      yield* ask(server)
      const fast = Anthropic.provider({
        ...optionsFor(server),
        prefix: "fast",
        extras: { speed: "fast", cacheTtl: "1h", effort: "low" }
      })
      assert.isUndefined(fast.find(model), "the plain name is another provider's")
      const found = yield* fast.find(`fast/${model}`)!
      yield* Stream.runDrain(found.stream(request())).pipe(
        Effect.provideService(Anthropic.CurrentExtras, { effort: "high", thinking: 4000 })
      )
      const [plain, asked] = server.requests.map(({ body }) => body)
      for (const field of ["output_config", "speed", "thinking"]) assert.notProperty(plain, field)
      assert.deepInclude(asked, {
        model,
        speed: "fast",
        output_config: { effort: "high" },
        thinking: { type: "enabled", budget_tokens: 4000 }
      })
      assert.deepStrictEqual(asked.system[0].cache_control, { type: "ephemeral", ttl: "1h" })
      assert.strictEqual(server.requests[1]!.headers["anthropic-beta"], "fast-mode-2026-02-01")
    }))

  it.effect("sends a temperature only to a model that takes one", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      for (
        const name of [
          model,
          "claude-haiku-4-5",
          "claude-haiku-4-5-20251001",
          "claude-opus-4-6",
          "claude-sonnet-4-20250514"
        ]
      ) {
        yield* ask(server, { temperature: 0.5 }, name)
      }
      assert.deepStrictEqual(server.requests.map(({ body }) => body.temperature), [undefined, 0.5, 0.5, undefined, 0.5])
    }))
})

describe("faults of an answer", () => {
  const started = { blocks: [SseServer.text("the beginning of an answer, and more of it")] } as const
  const table: ReadonlyArray<
    readonly [
      title: string,
      reply: SseServer.Reply,
      expected: Partial<Pick<ModelFailed, "code" | "maybePaid" | "retryable" | "retryAfterMs">>
    ]
  > = [
    ["401", { status: 401, type: "authentication_error", message: "invalid key" }, {
      code: "ERR_AUTH",
      retryable: false,
      maybePaid: false
    }],
    ["402 without credit", { status: 402, type: "billing_error", message: "no money" }, {
      code: "ERR_AUTH",
      retryable: false
    }],
    ["403", { status: 403, type: "permission_error", message: "not yours" }, { code: "ERR_AUTH", retryable: false }],
    ["404", { status: 404, type: "not_found_error", message: "no such model" }, {
      code: "ERR_REQUEST",
      retryable: false
    }],
    ["400", { status: 400, type: "invalid_request_error", message: "messages: bad" }, {
      code: "ERR_REQUEST",
      retryable: false
    }],
    ["400 for a prompt that is too long", {
      status: 400,
      type: "invalid_request_error",
      message: "prompt is too long: 210000 tokens > 200000 maximum"
    }, { code: "ERR_PROMPT_TOO_LONG", retryable: false, maybePaid: false }],
    ["413", { status: 413, type: "request_too_large", message: "too large" }, {
      code: "ERR_PROMPT_TOO_LONG",
      retryable: false
    }],
    ["408", { status: 408, type: "timeout_error", message: "late" }, {
      code: "ERR_API",
      retryable: true,
      maybePaid: true
    }],
    ["409", { status: 409, type: "invalid_request_error", message: "conflict" }, {
      code: "ERR_API",
      retryable: true,
      maybePaid: true
    }],
    ["429", { status: 429, type: "rate_limit_error", message: "slow down" }, {
      code: "ERR_RATE_LIMIT",
      retryable: true,
      maybePaid: false
    }],
    ["429 with seconds to wait", {
      status: 429,
      type: "rate_limit_error",
      message: "slow down",
      headers: { "retry-after": "7" }
    }, { code: "ERR_RATE_LIMIT", retryAfterMs: 7000 }],
    ["429 with ms to wait", {
      status: 429,
      type: "rate_limit_error",
      message: "slow down",
      headers: { "retry-after-ms": "250", "retry-after": "1" }
    }, { code: "ERR_RATE_LIMIT", retryAfterMs: 250 }],
    ["429 with a date to wait for", {
      status: 429,
      type: "rate_limit_error",
      message: "slow down",
      headers: { "retry-after": "Thu, 01 Jan 1970 00:01:30 GMT" }
    }, { code: "ERR_RATE_LIMIT", retryAfterMs: 90_000 }],
    ["500", { status: 500, type: "api_error", message: "oops" }, {
      code: "ERR_API",
      retryable: true,
      maybePaid: false
    }],
    ["502", { status: 502, type: "api_error", message: "gateway" }, {
      code: "ERR_API",
      retryable: true,
      maybePaid: true
    }],
    ["503", { status: 503, type: "api_error", message: "away" }, { code: "ERR_API", retryable: true }],
    ["529", { status: 529, type: "overloaded_error", message: "Overloaded" }, {
      code: "ERR_API_OVERLOADED",
      retryable: true,
      maybePaid: false
    }],
    ["a connection that is reset before the answer", "reset", { code: "ERR_API", retryable: true, maybePaid: true }],
    ["a stream that ends before its end", { ...started, fault: "end", after: 3 }, {
      code: "ERR_STREAM_INCOMPLETE",
      retryable: true,
      maybePaid: true
    }],
    ["a stream that ends before anything", { ...started, fault: "end", after: 0 }, {
      code: "ERR_STREAM_INCOMPLETE",
      retryable: true,
      maybePaid: true
    }],
    ["a stream whose end alone is missing", { ...started, fault: "end" }, {
      code: "ERR_STREAM_INCOMPLETE",
      retryable: true
    }],
    ["a connection that is cut in the middle", { ...started, fault: "cut", after: 3 }, {
      code: "ERR_STREAM_INCOMPLETE",
      retryable: true,
      maybePaid: true
    }],
    ["a line that is no JSON", { ...started, fault: "garbage", after: 3 }, {
      code: "ERR_STREAM_PARSE",
      retryable: false,
      maybePaid: true
    }],
    ["an error in the stream: overloaded", {
      ...started,
      fault: { type: "overloaded_error", message: "Overloaded" },
      after: 4
    }, { code: "ERR_API_OVERLOADED", retryable: true, maybePaid: true }],
    ["an error in the stream: of the server", { ...started, fault: { type: "api_error", message: "oops" }, after: 4 }, {
      code: "ERR_API",
      retryable: true,
      maybePaid: true
    }],
    ["a reason to stop that nobody knows", { ...started, stop: "banana" }, {
      code: "ERR_UNEXPECTED_STOP",
      retryable: false,
      maybePaid: true
    }],
    ["no reason to stop", { ...started, stop: null }, { code: "ERR_UNEXPECTED_STOP", retryable: false }]
  ]
  for (const [title, reply, expected] of table) {
    it.effect(title, () =>
      Effect.gen(function*() {
        const { code, maybePaid, message, retryable, retryAfterMs } = yield* failureOf(reply)
        assert.deepInclude({ code, maybePaid, retryable, retryAfterMs } as typeof expected, expected)
        assert.include(message, model)
        assert.notInclude(message, "sk-secret")
      }))
  }

  it.effect("says what the provider had told of its tokens before it failed, and nothing where it had told nothing", () =>
    Effect.gen(function*() {
      const used = (reply: SseServer.Reply) => Effect.map(failureOf(reply), ({ usage }) => usage)
      const told = { input: 100, cacheRead: 0, cacheWrite: 0 }
      assert.deepStrictEqual(yield* used({ ...started, fault: "cut", after: 3 }), { ...told, output: 1 })
      assert.deepStrictEqual(yield* used({ ...started, fault: { type: "api_error", message: "oops" }, after: 2 }), {
        ...told,
        output: 1
      })
      assert.deepStrictEqual(yield* used({ ...started, stop: "banana" }), { ...told, output: 20 })
      assert.isUndefined(yield* used({ ...started, fault: "end", after: 0 }))
      assert.isUndefined(yield* used({ status: 529, type: "overloaded_error", message: "Overloaded" }))
    }))

  it.effect("a call is tried once, whatever came of it", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      for (const reply of [{ status: 503, type: "api_error", message: "away" }, "reset"] as const) {
        server.reply([reply])
        const before = server.requests.length
        yield* Effect.flip(ask(server))
        assert.strictEqual(server.requests.length, before + 1)
      }
    }))

  it.effect("a server that repeats the key does not bring it into the failure", () =>
    Effect.gen(function*() {
      const message = "Bearer sk-secret is no key"
      for (
        const reply of [
          { status: 401, type: "authentication_error", message },
          { ...started, fault: { type: "api_error", message }, after: 3 }
        ]
      ) {
        const failure = yield* failureOf(reply)
        assert.include(failure.message, "[secret key] is no key")
        assert.notInclude(JSON.stringify(failure), "sk-secret")
      }
    }))

  it.effect("a port that nobody listens to: nothing can have been paid", () =>
    Effect.gen(function*() {
      const server = yield* Effect.scoped(SseServer.make)
      const { code, maybePaid, retryable } = yield* Effect.flip(ask(server)) as Effect.Effect<ModelFailed>
      assert.deepStrictEqual({ code, maybePaid, retryable }, { code: "ERR_API", maybePaid: false, retryable: true })
    }))

  for (
    const [title, reply, count] of [
      ["silent before it begins", "hang", 0],
      ["silent in the middle", { ...started, fault: "hang", after: 3 }, 3]
    ] as const
  ) {
    it.effect(`an answer that is ${title} is given up after five minutes`, () =>
      Effect.gen(function*() {
        const server = yield* SseServer.make
        server.reply([reply])
        const found = yield* find(model, optionsFor(server))
        let parts = 0
        const read = yield* Deferred.make<void>()
        if (count === 0) yield* Deferred.succeed(read, undefined)
        const fiber = yield* Effect.forkChild(
          Effect.flip(
            Stream.runForEach(found.stream(request()), () =>
              ++parts === count ? Deferred.succeed(read, undefined) : Effect.void)
          )
        )
        yield* server.came(0)
        yield* Deferred.await(read)
        yield* TestClock.adjust("5 minutes")
        const { code, maybePaid, message, retryable } = yield* Fiber.join(fiber) as Effect.Effect<ModelFailed>
        assert.deepStrictEqual({ code, maybePaid, retryable }, { code: "ERR_API", maybePaid: true, retryable: true })
        assert.include(message, "5m")
        yield* server.gaveUp(0)
      }))
  }

  for (
    const [stop, reason] of [
      ["max_tokens", "length"],
      ["model_context_window_exceeded", "length"],
      ["refusal", "content-filter"],
      ["pause_turn", "pause"],
      ["stop_sequence", "stop"]
    ] as const
  ) {
    it.effect(`an answer that stops with ${stop} is whole, and says so`, () =>
      Effect.gen(function*() {
        const parts = yield* askReply({
          ...started,
          stop,
          stopDetails: { type: "refusal", category: "cyber", explanation: "no" }
        })
        const end = finish(parts)
        assert.strictEqual(end?.reason, reason)
        assert.deepInclude(end?.metadata?.["anthropic"], {
          stopReason: stop,
          stopDetails: { type: "refusal", category: "cyber", explanation: "no" }
        })
      }))
  }
})

describe("a call of a tool is whole or it is text", () => {
  const broken = (json: string, stop?: string) =>
    Effect.map(
      askReply({
        blocks: [
          { type: "tool_use", id: "t1", name: "Write", json },
          SseServer.call("t2", "Read", { path: "/b" }),
          SseServer.text("and so on")
        ],
        ...(stop === undefined ? {} : { stop })
      }),
      (parts) => ({
        params: calls(parts).map(({ params }) => params),
        order: parts.filter(({ type }) => type === "tool-call" || type === "text-start").map(({ type }) => type)
      })
    )
  it.effect("arguments that are cut off are text, and the call beside them is whole", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* broken(`{"path":"/x","text":"hel`), {
        params: [`{"path":"/x","text":"hel`, { path: "/b" }],
        order: ["tool-call", "tool-call", "text-start"]
      })
    }))
  it.effect("arguments that are no JSON are text", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* broken(`{'path': 1}`)).params[0], `{'path': 1}`)
    }))
  it.effect("no arguments are an empty object", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* broken("")).params[0], {})
    }))
  for (const stop of ["max_tokens", "refusal", "model_context_window_exceeded", "pause_turn", "end_turn"]) {
    it.effect(`no call of an answer that stopped with ${stop} is whole, even where it looks so`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* broken("", stop)).params, ["", `{"path":"/b"}`])
      }))
  }
  it.effect("a call that was cut goes back as the text that it was", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      yield* ask(server, {
        prompt: Prompt.make([
          { role: "user", content: "go" },
          { role: "assistant", content: [{ type: "tool-call", id: "t1", name: "Write", params: `{"path":"/x` }] },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "t1", name: "Write", isFailure: true, result: "cut off" }]
          }
        ])
      })
      assert.deepStrictEqual(server.requests[0]!.body.messages[1].content[0].input, { unparsed: `{"path":"/x` })
    }))
})

/** What the loop does with an answer: the parts become messages again. */
const asMessages = (parts: Parts): ReadonlyArray<Prompt.Message> => {
  const decode = Schema.decodeUnknownSync(
    Schema.Array(Schema.Union([
      Response.TextStartPart,
      Response.TextDeltaPart,
      Response.TextEndPart,
      Response.ReasoningStartPart,
      Response.ReasoningDeltaPart,
      Response.ReasoningEndPart
    ]))
  )
  return Prompt.fromResponseParts(decode(parts.filter(({ type }) => /^(text|reasoning)-/.test(type)))).content
}

describe("what goes back to the provider", () => {
  it.effect("thinking with its signature, and redacted thinking, as they came", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.reply([{
        blocks: [
          { type: "thinking", thinking: "let me see what is asked", signature: "sig-1" },
          { type: "redacted_thinking", data: "opaque" },
          SseServer.text("hello")
        ]
      }])
      const first = request()
      const parts = yield* ask(server)
      yield* ask(server, {
        prompt: Prompt.fromMessages([
          ...first.prompt.content,
          ...asMessages(parts),
          Prompt.userMessage({ content: [Prompt.textPart({ text: "more" })] })
        ])
      })
      assert.deepStrictEqual(server.requests[1]!.body.messages[1], {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "let me see what is asked", signature: "sig-1" },
          { type: "redacted_thinking", data: "opaque" },
          { type: "text", text: "hello" }
        ]
      })
    }))

  it.effect("thinking of other providers, and texts without a letter, stay behind", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      yield* ask(server, {
        prompt: Prompt.make([
          { role: "user", content: "go" },
          {
            role: "assistant",
            content: [{ type: "reasoning", text: "foreign", options: { openai: { itemId: "rs_1" } } }, {
              type: "text",
              text: " "
            }, { type: "text", text: "yes" }]
          },
          { role: "user", content: [{ type: "text", text: "" }, { type: "text", text: "on" }] }
        ])
      })
      const { messages } = server.requests[0]!.body
      assert.deepStrictEqual(messages[1].content, [{ type: "text", text: "yes" }])
      assert.strictEqual(messages[2].content.length, 1)
    }))

  it.effect("results stand first in the message behind their calls, failures are marked, files are files", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      yield* ask(server, {
        prompt: Prompt.make([
          {
            role: "user",
            content: [{ type: "text", text: "look" }, {
              type: "file",
              mediaType: "image/png",
              data: new Uint8Array([1, 2, 3])
            }, { type: "file", mediaType: "application/pdf", fileName: "a.pdf", data: "https://example.com/a.pdf" }]
          },
          { role: "assistant", content: [{ type: "tool-call", id: "t1", name: "Read", params: { path: "/a" } }] },
          { role: "user", content: "by the way" },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "t1", name: "Read", isFailure: true, result: { error: "gone" } }]
          }
        ])
      })
      const { messages } = server.requests[0]!.body
      assert.deepStrictEqual(messages[0].content.slice(1), [
        { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } },
        { type: "document", source: { type: "url", url: "https://example.com/a.pdf" }, title: "a.pdf" }
      ])
      assert.deepStrictEqual(messages[2].content, [
        { type: "tool_result", tool_use_id: "t1", content: `{"error":"gone"}`, is_error: true },
        { type: "text", text: "by the way", cache_control: { type: "ephemeral" } }
      ])
    }))

  it.effect("a file that Anthropic does not take is an error before anything is sent", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const error = yield* Effect.flip(ask(server, {
        prompt: Prompt.make([{ role: "user", content: [{ type: "file", mediaType: "audio/mp3", data: "AQID" }] }])
      })) as Effect.Effect<ModelFailed>
      assert.deepInclude({ code: error.code, retryable: error.retryable }, { code: "ERR_REQUEST", retryable: false })
      assert.include(error.message, "audio/mp3")
      assert.strictEqual(server.requests.length, 0)
    }))

  it.effect("tools of the provider are declared where they are asked for, and their blocks come back unchanged", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const found = [{ type: "web_search_result", url: "https://example.com", title: "x", encrypted_content: "e" }]
      server.reply([{
        blocks: [
          { type: "server_tool_use", id: "srv_1", name: "web_search", input: { query: "fermata" } },
          { type: "web_search_tool_result", tool_use_id: "srv_1", content: found },
          SseServer.text("found it")
        ]
      }])
      const parts = yield* ask(server, { tools: [Read, Search] })
      const [call] = calls(parts)
      assert.deepInclude(call, { id: "srv_1", name: "Search", params: { query: "fermata" }, providerExecuted: true })
      const result = parts.find((part) => part.type === "tool-result")
      assert.deepInclude(result, {
        id: "srv_1",
        name: "Search",
        result: found,
        isFailure: false,
        providerExecuted: true
      })
      assert.deepInclude(server.requests[0]!.body.tools[1], {
        type: "web_search_20260318",
        name: "web_search",
        max_uses: 2
      })
      yield* ask(server, {
        tools: [Read, Search],
        prompt: Prompt.fromMessages([
          ...request().prompt.content,
          Prompt.assistantMessage({
            content: [
              Prompt.toolCallPart({
                id: "srv_1",
                name: "Search",
                params: { query: "fermata" },
                providerExecuted: true,
                options: call!.metadata!
              }),
              Prompt.toolResultPart({
                id: "srv_1",
                name: "Search",
                isFailure: false,
                result: found,
                providerExecuted: true,
                options: result!.metadata!
              })
            ]
          }),
          Prompt.userMessage({ content: [Prompt.textPart({ text: "more" })] })
        ])
      })
      assert.deepStrictEqual(server.requests[1]!.body.messages[1].content, [
        { type: "server_tool_use", id: "srv_1", name: "web_search", input: { query: "fermata" } },
        { type: "web_search_tool_result", tool_use_id: "srv_1", content: found }
      ])
    }))
})

describe("the prefix of a conversation", () => {
  /** The bytes of a request up to its messages, and its messages without the marks that move. */
  const prefix = (received: SseServer.Received) => received.text.slice(0, received.text.indexOf(`"messages"`))
  const unmarked = (received: SseServer.Received): ReadonlyArray<string> =>
    (received.body.messages as ReadonlyArray<unknown>).map((message) =>
      JSON.stringify(message, (key, value: unknown) => key === "cache_control" ? undefined : value)
    )

  it.effect("has the same bytes on every turn, and is marked at its ends", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const messages: Array<Prompt.Message> = [...request().prompt.content]
      for (let turn = 0; turn < 4; turn++) {
        yield* ask(server, { prompt: Prompt.fromMessages(messages) })
        messages.push(
          Prompt.assistantMessage({
            content: [
              Prompt.toolCallPart({
                id: `t${turn}`,
                name: "Read",
                params: { path: `/${turn}` },
                providerExecuted: false
              })
            ]
          }),
          Prompt.toolMessage({
            content: [
              Prompt.toolResultPart({
                id: `t${turn}`,
                name: "Read",
                isFailure: false,
                result: `content ${turn}`,
                providerExecuted: false
              })
            ]
          })
        )
      }
      const [first, ...later] = server.requests
      for (const received of later) {
        assert.strictEqual(prefix(received), prefix(first!))
        const before = unmarked(server.requests[received.n - 1]!)
        assert.deepStrictEqual(unmarked(received).slice(0, before.length), before)
      }
      for (const { body, text } of server.requests) {
        assert.strictEqual(text.match(/cache_control/g)?.length, 3, "system prompt, last tool, last block of the user")
        assert.property(body.system.at(-1), "cache_control")
        assert.property(body.tools.at(-1), "cache_control")
        assert.property(body.messages.at(-1).content.at(-1), "cache_control")
      }
      assert.include(prefix(first!), `"system"`)
      assert.include(prefix(first!), `"tools"`)
    }))

  it.effect("a system message that comes later does not change it", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      yield* ask(server)
      yield* ask(server, {
        prompt: Prompt.make([{ role: "system", content: "you help" }, { role: "user", content: "go" }, {
          role: "system",
          content: "be brief"
        }])
      })
      assert.strictEqual(prefix(server.requests[1]!), prefix(server.requests[0]!))
      assert.include(JSON.stringify(server.requests[1]!.body.messages), "be brief")
    }))
})
