import { assert, describe, it } from "@effect/vitest"
import type { ModelFailed, ModelRequest } from "@fermata/agent/Model"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Cassette from "@fermata/agent/model/Cassette"
import { Config, Effect, Redacted, Result, Stream } from "effect"
import { Prompt } from "effect/ai"
import * as SseServer from "../support/SseServer.ts"

const secret = "sk-very-secret"
const request = (text: string): ModelRequest => ({
  prompt: Prompt.make(text),
  tools: [],
  maxTokens: 100,
  idempotencyKey: "k"
})

/** What came of asking each of these, one after another. */
const askAll = Effect.fnUntraced(function*(fetch: typeof globalThis.fetch, url: string, texts: ReadonlyArray<string>) {
  const model = yield* Anthropic.provider({ fetch, baseURL: url, apiKey: Config.succeed(Redacted.make(secret)) })
    .find("claude-opus-5-5")!
  return yield* Effect.forEach(texts, (text) => Effect.result(Stream.runCollect(model.stream(request(text)))))
})

const replies: ReadonlyArray<SseServer.Reply> = [
  {
    status: 529,
    type: "overloaded_error",
    message: "Overloaded",
    headers: { "retry-after": "3", "set-cookie": "id=1" }
  },
  { blocks: [{ type: "thinking", thinking: "häßlich 🎼", signature: "s" }, SseServer.text("first")], pings: true },
  { blocks: [SseServer.text("it breaks off here")], fault: "cut", after: 4 },
  { blocks: [SseServer.text(`the key is ${secret}`)] }
]
const texts = ["one", "one", "two", `my key is ${secret}`]

const recorded = Effect.gen(function*() {
  const server = yield* SseServer.make
  server.reply(replies)
  const recorder = Cassette.recorder()
  const results = yield* askAll(recorder.fetch, server.url, texts)
  return { results, text: Cassette.encode(recorder.tape()), server }
})

describe("a recording", () => {
  it.effect("plays what was said, failures too, and asks nobody", () =>
    Effect.gen(function*() {
      const { results, server, text } = yield* recorded
      const player = Cassette.player(Cassette.decode(text))
      const asked = server.requests.length
      const again = yield* askAll(player.fetch, "http://nobody.invalid", texts)
      const shape = (one: typeof results[number]) =>
        Result.isSuccess(one)
          ? one.success.filter(({ type }) => type !== "finish").length
          : [one.failure.code, one.failure.retryAfterMs, one.failure.maybePaid]
      assert.deepStrictEqual(again.map(shape), results.map(shape))
      assert.deepStrictEqual(again.slice(0, 2), results.slice(0, 2))
      assert.deepInclude((results[0] as Result.Failure<never, ModelFailed>).failure, {
        code: "ERR_API_OVERLOADED",
        retryAfterMs: 3000
      })
      assert.deepInclude((again[2] as Result.Failure<never, ModelFailed>).failure, { code: "ERR_STREAM_INCOMPLETE" })
      assert.strictEqual(server.requests.length, asked)
      assert.deepStrictEqual(player.left(), [])
    }))

  it.effect("holds no key: not of the headers, nor where a request or an answer says it", () =>
    Effect.gen(function*() {
      const { server, text } = yield* recorded
      assert.include(server.requests[0]!.headers.authorization, secret, "the key was sent")
      assert.notInclude(text, secret)
      assert.include(text, "[secret KEY]")
      for (const word of ["authorization", "set-cookie", "127.0.0.1"]) assert.notInclude(text.toLowerCase(), word)
    }))

  it.effect("has the bytes that were sent, text or not", () =>
    Effect.promise(async () => {
      const all = new Uint8Array(Array.from({ length: 256 }, (_, byte) => byte))
      const bom = new TextEncoder().encode("\uFEFFdata: é\r\n\r\n")
      for (const bytes of [all, bom, new Uint8Array()]) {
        const recorder = Cassette.recorder({ fetch: async () => new Response(bytes) })
        const heard = await (await recorder.fetch("http://x/y?key=abc&a=1")).arrayBuffer()
        assert.deepStrictEqual(new Uint8Array(heard), bytes)
        const text = Cassette.encode(recorder.tape())
        assert.notInclude(text, "abc")
        const player = Cassette.player(Cassette.decode(text))
        const played = await (await player.fetch("http://other/y?key=other&a=1")).arrayBuffer()
        assert.deepStrictEqual(new Uint8Array(played), bytes)
      }
    }))

  it.effect("keeps the order in which was asked, though answers end in another", () =>
    Effect.promise(async () => {
      const gates = new Map<string, () => void>()
      const recorder = Cassette.recorder({
        fetch: async (input) => {
          const { pathname } = new URL((input as Request).url)
          return new Response(
            new ReadableStream({
              start: (controller) =>
                void gates.set(
                  pathname,
                  () => (controller.enqueue(new TextEncoder().encode(pathname)), controller.close())
                )
            })
          )
        }
      })
      const [a, b] = await Promise.all([recorder.fetch("http://x/a"), recorder.fetch("http://x/b")])
      gates.get("/b")!()
      await b.text()
      gates.get("/a")!()
      await a.text()
      assert.deepStrictEqual(recorder.tape().exchanges.map(({ request }) => request.path), ["/a", "/b"])
    }))

  it.effect("says where a request differs from the one that was recorded, and is not asked again", () =>
    Effect.gen(function*() {
      const { text } = yield* recorded
      const player = Cassette.player(Cassette.decode(text))
      const [other] = yield* askAll(player.fetch, "http://nobody.invalid", ["three"])
      const { code, message, retryable } = (other as Result.Failure<never, ModelFailed>).failure
      assert.deepStrictEqual({ code, retryable }, { code: "ERR_REQUEST", retryable: false })
      assert.include(message, "was not recorded")
      assert.include(message, "three")
    }))

  it("that is damaged says so", () => {
    assert.throws(() => Cassette.decode(`{"version":2,"exchanges":[]}`), /version/)
    assert.throws(() => Cassette.decode("no json"))
  })
})
