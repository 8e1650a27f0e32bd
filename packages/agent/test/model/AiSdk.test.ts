/** Providers of the AI SDK as they are published, against the wire formats of their services on loopback. */
import { createGoogle } from "@ai-sdk/google"
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import type { LanguageModelV4 } from "@ai-sdk/provider"
import { assert, describe, it } from "@effect/vitest"
import type { ModelFailed, ModelRequest } from "@fermata/agent/Model"
import * as AiSdk from "@fermata/agent/model/AiSdk"
import * as Prices from "@fermata/agent/model/Prices"
import { ConfigProvider, Effect, Fiber, Schema, Stream } from "effect"
import { Prompt, type Response, Tool } from "effect/ai"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they like
type Asked = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: any; closed: boolean }

interface Wire {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly data: ReadonlyArray<unknown>
  /** In place of the end. */
  readonly fault?: "cut" | "hang"
}

/** A service that answers every request with these lines of data. */
const service = (wire: Wire) =>
  Effect.gen(function*() {
    const asked: Array<Asked> = []
    const watchers: Array<() => void> = []
    const server = createServer((request, response) => {
      let body = ""
      request.on("data", (data) => body += String(data)).on("end", () => {
        const one: Asked = { path: request.url!, headers: request.headers, body: JSON.parse(body), closed: false }
        asked.push(one)
        response.on("close", () => {
          one.closed = true
          watchers.forEach((watch) => watch())
        })
        if (wire.status !== undefined) {
          response.writeHead(wire.status, { "content-type": "application/json", ...wire.headers })
          return void response.end(JSON.stringify(wire.data[0]))
        }
        response.writeHead(200, { "content-type": "text/event-stream" })
        for (const data of wire.data) {
          response.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`)
        }
        watchers.forEach((watch) => watch())
        if (wire.fault === "cut") return void setImmediate(() => response.socket?.destroy())
        if (wire.fault === undefined) response.end()
      })
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
      () => Effect.sync(() => (server.close(), server.closeAllConnections()))
    )
    const when = (holds: () => boolean) =>
      Effect.promise(() =>
        new Promise<void>((resolve) => {
          const watch = () => holds() ? resolve() : undefined
          watchers.push(watch)
          watch()
        })
      )
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, when }
  })

const Read = Tool.make("Read", {
  description: "reads",
  parameters: Schema.Struct({ path: Schema.String }),
  success: Schema.String
})
const request = (over: Partial<ModelRequest> = {}): ModelRequest => ({
  prompt: Prompt.make([{ role: "system", content: "you help" }, { role: "user", content: "go" }]),
  tools: [Read],
  maxTokens: 50,
  idempotencyKey: "run/model",
  ...over
})

type Parts = ReadonlyArray<Response.StreamPartEncoded>
const textOf = (parts: Parts) => parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join("")
const callsOf = (parts: Parts) => parts.flatMap((part) => part.type === "tool-call" ? [[part.name, part.params]] : [])
const finishOf = (parts: Parts) => parts.find((part) => part.type === "finish")

// --- the providers, each with the wire format of its service ---

type Make = (url: string) => LanguageModelV4

const chat: Make = (baseURL) => createOpenAI({ apiKey: "k", baseURL }).chat("gpt-5.5")
const responses: Make = (baseURL) => createOpenAI({ apiKey: "k", baseURL }).responses("gpt-5.5")
const compatible: Make = (baseURL) => createOpenAICompatible({ name: "local", baseURL, includeUsage: true })("llama")
const google: Make = (baseURL) => createGoogle({ apiKey: "k", baseURL })("gemini-3.1-pro-preview")

const chunk = (delta: object, finish_reason: string | null = null, rest: object = {}) => ({
  id: "c1",
  object: "chat.completion.chunk",
  created: 0,
  model: "m",
  choices: [{ index: 0, delta, finish_reason }],
  ...rest
})
const chatUsage = {
  prompt_tokens: 100,
  completion_tokens: 20,
  total_tokens: 120,
  prompt_tokens_details: { cached_tokens: 60 },
  completion_tokens_details: { reasoning_tokens: 5 }
}
const chatCall = (args: string, finish = "tool_calls") => [
  chunk({ role: "assistant", content: "I look." }),
  chunk({
    tool_calls: [{ index: 0, id: "t1", type: "function", function: { name: "Read", arguments: args.slice(0, 5) } }]
  }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: args.slice(5) } }] }),
  chunk({}, finish),
  { ...chunk({}), choices: [], usage: chatUsage },
  "[DONE]"
]
const responsesCall = [
  { type: "response.created", response: { id: "r1", created_at: 0, model: "gpt-5.5" } },
  {
    type: "response.output_item.added",
    output_index: 0,
    item: { type: "message", id: "m1", role: "assistant", content: [] }
  },
  { type: "response.output_text.delta", item_id: "m1", output_index: 0, content_index: 0, delta: "I look." },
  {
    type: "response.output_item.done",
    output_index: 0,
    item: {
      type: "message",
      id: "m1",
      role: "assistant",
      content: [{ type: "output_text", text: "I look.", annotations: [] }]
    }
  },
  {
    type: "response.output_item.added",
    output_index: 1,
    item: { type: "function_call", id: "f1", call_id: "t1", name: "Read", arguments: "" }
  },
  { type: "response.function_call_arguments.delta", item_id: "f1", output_index: 1, delta: `{"path":"/a"}` },
  {
    type: "response.output_item.done",
    output_index: 1,
    item: {
      type: "function_call",
      id: "f1",
      call_id: "t1",
      name: "Read",
      arguments: `{"path":"/a"}`,
      status: "completed"
    }
  },
  {
    type: "response.completed",
    response: {
      usage: {
        input_tokens: 100,
        input_tokens_details: { cached_tokens: 60 },
        output_tokens: 20,
        output_tokens_details: { reasoning_tokens: 5 }
      }
    }
  }
]
const googleCall = [
  { candidates: [{ content: { role: "model", parts: [{ text: "I look." }] } }] },
  {
    candidates: [{
      content: {
        role: "model",
        parts: [{ functionCall: { name: "Read", args: { path: "/a" } }, thoughtSignature: "sig" }]
      },
      finishReason: "STOP"
    }],
    usageMetadata: {
      promptTokenCount: 100,
      candidatesTokenCount: 15,
      thoughtsTokenCount: 5,
      cachedContentTokenCount: 60,
      totalTokenCount: 120
    }
  }
]

const ask = Effect.fnUntraced(function*(name: string, make: Make, wire: Wire, over: Partial<ModelRequest> = {}) {
  const { asked, url } = yield* service(wire)
  const model = yield* AiSdk.provider({ name, model: () => make(url) }).find(`${name}/m`)!
  const parts = yield* Stream.runCollect(model.stream(request(over)))
  return { parts, asked }
})
const failure = (name: string, make: Make, wire: Wire) =>
  Effect.map(
    Effect.flip(ask(name, make, wire)) as Effect.Effect<ModelFailed>,
    ({ code, maybePaid, retryable, retryAfterMs }) => ({
      code,
      maybePaid,
      retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs })
    })
  )

describe("a model of the AI SDK", () => {
  for (
    const [title, name, make, data] of [
      ["OpenAI, chat", "openai", chat, chatCall(`{"path":"/a"}`)],
      ["OpenAI, responses", "openai", responses, responsesCall],
      ["what is compatible with OpenAI", "local", compatible, chatCall(`{"path":"/a"}`)],
      ["Google", "google", google, googleCall]
    ] as const
  ) {
    it.effect(`of ${title} streams text and calls, and counts cached tokens once`, () =>
      Effect.gen(function*() {
        const { asked, parts } = yield* ask(name, make, { data })
        assert.strictEqual(textOf(parts), "I look.")
        assert.deepStrictEqual(callsOf(parts), [["Read", { path: "/a" }]])
        const { inputTokens, outputTokens } = finishOf(parts)!.usage
        assert.deepInclude({ ...inputTokens }, { uncached: 40, total: 100, cacheRead: 60 })
        assert.deepInclude({ ...outputTokens }, { total: 20, reasoning: 5 })
        assert.strictEqual(parts.at(-1)?.type, "finish")
        const usage = Prices.usageOf({
          input: inputTokens.total,
          output: outputTokens.total,
          cacheRead: inputTokens.cacheRead,
          cacheWrite: inputTokens.cacheWrite
        }, true)
        assert.deepStrictEqual(usage, { input: 40, cacheRead: 60, cacheWrite: 0, output: 20 })
        assert.strictEqual(asked[0]!.headers["idempotency-key"], "run/model")
        assert.include(JSON.stringify(asked[0]!.body), "you help")
      }))

    it.effect(`of ${title} fails when the stream is cut, and the answer may have been paid`, () =>
      Effect.gen(function*() {
        for (const count of [1, 2]) {
          const wire = { data: data.slice(0, count), fault: "cut" } as const
          if (count === data.length) continue
          assert.deepStrictEqual(yield* failure(name, make, wire), {
            code: "ERR_STREAM_INCOMPLETE",
            maybePaid: true,
            retryable: true
          })
        }
      }))

    it.effect(`of ${title} waits as long as it is told to, and says where it will not help`, () =>
      Effect.gen(function*() {
        const said = { error: { message: "slow down", type: "rate_limit_exceeded", code: 429 } }
        assert.deepStrictEqual(
          yield* failure(name, make, { status: 429, headers: { "retry-after": "2" }, data: [said] }),
          {
            code: "ERR_RATE_LIMIT",
            maybePaid: false,
            retryable: true,
            retryAfterMs: 2000
          }
        )
        const refused = { error: { message: "bad key", type: "invalid_request_error", code: 401 } }
        assert.deepInclude(yield* failure(name, make, { status: 401, data: [refused] }), {
          code: "ERR_AUTH",
          retryable: false
        })
        const long = {
          error: {
            message: "This model's maximum context length is 8 tokens",
            type: "invalid_request_error",
            code: 400
          }
        }
        assert.deepInclude(yield* failure(name, make, { status: 400, data: [long] }), {
          code: "ERR_PROMPT_TOO_LONG",
          retryable: false
        })
      }))
  }

  it.effect("has no whole call in an answer that came to the end of its tokens", () =>
    Effect.gen(function*() {
      const { parts } = yield* ask("openai", chat, { data: chatCall(`{"path":"/a"}`, "length") })
      assert.deepStrictEqual(callsOf(parts), [["Read", `{"path":"/a"}`]])
      assert.strictEqual(finishOf(parts)?.reason, "length")
    }))

  it.effect("gives arguments that are no JSON as text", () =>
    Effect.gen(function*() {
      const calls = callsOf((yield* ask("local", compatible, { data: chatCall(`{"path":"/a`) })).parts)
      for (const [, params] of calls) assert.strictEqual(params, `{"path":"/a`)
    }))

  it.effect("tells no usage where the provider tells none, and does not call it zero", () =>
    Effect.gen(function*() {
      const silent: Make = (baseURL) => createOpenAICompatible({ name: "local", baseURL })("llama")
      const data = [chunk({ content: "hi" }), chunk({}, "stop"), "[DONE]"]
      const { parts } = yield* ask("local", silent, { data })
      const { inputTokens, outputTokens } = finishOf(parts)!.usage
      assert.isUndefined(Prices.usageOf({ input: inputTokens.total, output: outputTokens.total }, true))
    }))

  it.effect("fails where the answer holds an error, as the table says", () =>
    Effect.gen(function*() {
      const data = [chunk({ content: "so far" }), { error: { message: "overloaded", type: "server_error" } }, "[DONE]"]
      assert.deepInclude(yield* failure("openai", chat, { data }), { retryable: true, maybePaid: true })
    }))

  it.effect("gets back what it left: signatures come home to their provider", () =>
    Effect.gen(function*() {
      const { parts } = yield* ask("google", google, { data: googleCall })
      const call = parts.find((part) => part.type === "tool-call")!
      const { asked } = yield* ask("google", google, { data: googleCall }, {
        prompt: Prompt.fromMessages([
          Prompt.userMessage({ content: [Prompt.textPart({ text: "go" })] }),
          Prompt.assistantMessage({
            content: [
              Prompt.toolCallPart({
                id: call.id,
                name: "Read",
                params: call.params,
                providerExecuted: false,
                options: call.metadata!
              })
            ]
          }),
          Prompt.toolMessage({
            content: [
              Prompt.toolResultPart({
                id: call.id,
                name: "Read",
                isFailure: false,
                result: "hello",
                providerExecuted: false
              })
            ]
          })
        ])
      })
      assert.include(JSON.stringify(asked[0]!.body), `"thoughtSignature":"sig"`)
      assert.include(JSON.stringify(asked[0]!.body), "hello")
    }))

  it.effect("aborts its request with the stream", () =>
    Effect.gen(function*() {
      const { asked, url, when } = yield* service({ data: [chunk({ content: "so far" })], fault: "hang" })
      const model = yield* AiSdk.provider({ name: "openai", model: () => chat(url) }).find("openai/m")!
      const fiber = yield* Effect.forkChild(Stream.runDrain(model.stream(request())))
      yield* when(() => asked.length === 1)
      yield* Fiber.interrupt(fiber)
      yield* when(() => asked[0]!.closed)
      assert.isTrue(asked[0]!.closed)
    }))

  it.effect("refuses a tool that another provider runs, before anything is sent", () =>
    Effect.gen(function*() {
      const Search = Tool.providerDefined({
        id: "anthropic.web_search_20260318",
        customName: "Search",
        providerName: "web_search",
        success: Schema.Unknown
      })()
      const error = yield* Effect.flip(ask("openai", chat, { data: [] }, { tools: [Search] })) as Effect.Effect<
        ModelFailed
      >
      assert.strictEqual(error.code, "ERR_REQUEST")
      assert.include(error.message, "anthropic.web_search_20260318")
    }))

  it.effect("reads its key by name, is made once, when it is asked, and has its price from the list", () =>
    Effect.gen(function*() {
      const { url } = yield* service({ data: chatCall(`{"path":"/a"}`) })
      const made: Array<string> = []
      const provider = AiSdk.provider({
        name: "openai",
        apiKey: "OPENAI_API_KEY",
        model: async (id, apiKey) => {
          made.push(`${id} ${apiKey}`)
          return chat(url)
        },
        models: { "gpt-5.5": { maxOutput: 7 } }
      })
      const missing = yield* Effect.flip(provider.find("openai/gpt-5.5")!).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({}))
      )
      assert.include(missing.message, "OPENAI_API_KEY is not set")
      const model = yield* provider.find("openai/gpt-5.5")!
      assert.deepInclude({ ...model }, { provider: "openai", contextWindow: 1_000_000, maxOutput: 7 })
      assert.strictEqual(model.price?.output, 30)
      assert.deepStrictEqual(made, [])
      yield* Stream.runDrain(model.stream(request()))
      yield* Stream.runDrain(model.stream(request()))
      assert.deepStrictEqual(made, ["gpt-5.5 sk-1"])
      assert.deepStrictEqual(provider.models, ["openai/gpt-5.5"])
      assert.isUndefined(provider.find("gpt-5.5"))
    }).pipe(
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-1" }))
    ))
})
