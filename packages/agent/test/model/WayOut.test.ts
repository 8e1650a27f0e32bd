import { assert, describe, it } from "@effect/vitest"
import type { ModelFailed, ModelRequest } from "@fermata/agent/Model"
import * as AiSdk from "@fermata/agent/model/AiSdk"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Egress from "@fermata/engine/Egress"
import { Config, Effect, Redacted, Result, Stream } from "effect"
import { Prompt } from "effect/ai"
import * as SseServer from "../support/SseServer.ts"

const request: ModelRequest = {
  prompt: Prompt.make([{ role: "user", content: "go" }]),
  tools: [],
  maxTokens: 1000,
  idempotencyKey: "run-1/model"
}
const apiKey = Config.succeed(Redacted.make("sk-secret"))

/** A way out that is closed to all but what it is asked to open, on the `fetch` of the runtime, and what went out by it. */
const closed = (answer?: Egress.Answer) => {
  const hops: Array<string> = []
  const egress = Egress.make({
    resolve: () => Effect.succeed(["127.0.0.1"]),
    send: ({ body, headers, method, url }) =>
      Effect.promise(async (signal): Promise<Egress.Answer> => {
        hops.push(url.host)
        if (answer !== undefined) return answer
        const init: RequestInit = {
          method,
          headers: headers.map(([name, value]): [string, string] => [name, value]),
          body: body === undefined ? null : new Uint8Array(body),
          signal
        }
        const response = await fetch(url, init)
        return {
          status: response.status,
          headers: [...response.headers],
          body: Stream.fromReadableStream({ evaluate: () => response.body!, onError: String }).pipe(
            Stream.mapError((problem) => ({ reason: "broken" as const, sent: true, problem }))
          )
        }
      })
  })
  return { hops, egress }
}

const ask = (provider: { readonly find: ReturnType<typeof Anthropic.provider>["find"] }, name: string) =>
  Effect.flatMap(provider.find(name)!, (model) => Stream.runCollect(model.stream(request)))

describe("models in a process that was given a way out", () => {
  it.effect("are asked by it, at the base URL that was configured, wherever that is", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.reply([{ blocks: [SseServer.text("hello")] }])
      const { egress, hops } = closed()
      const provider = Anthropic.provider({ baseURL: server.url, apiKey })
      const parts = yield* Effect.provideService(ask(provider, "claude-opus-5-5"), Egress.CurrentEgress, egress)
      assert.isTrue(parts.some((part) => part.type === "text-delta" && part.delta.includes("hello")))
      assert.deepStrictEqual(hops, [new URL(server.url).host])
      // The same provider in a process that was given none asks by itself.
      server.reply([{ blocks: [SseServer.text("again")] }])
      yield* ask(provider, "claude-opus-5-5")
      assert.strictEqual(hops.length, 1)
    }))

  it.effect("cannot be led elsewhere by who answers there, and the call says why and is not tried again", () =>
    Effect.gen(function*() {
      const location = "http://169.254.169.254/latest/meta-data/"
      const { egress, hops } = closed({ status: 307, headers: [["location", location]], body: Stream.empty })
      const provider = Anthropic.provider({ baseURL: "http://gateway.test:8080", apiKey })
      const result = yield* ask(provider, "claude-opus-5-5").pipe(
        Effect.provideService(Egress.CurrentEgress, egress),
        Effect.result
      )
      assert.isTrue(Result.isFailure(result))
      const { code, message, retryable } = (result as Result.Failure<never, ModelFailed>).failure
      assert.deepStrictEqual([code, retryable], ["ERR_AUTH", false])
      assert.include(message, "The request to 169.254.169.254 (redirect 1) was not sent")
      assert.deepStrictEqual(hops, ["gateway.test:8080"])
    }))

  it.effect("of the AI SDK are given its fetch, which leads to their origins and to what the policy allows", () =>
    Effect.gen(function*() {
      const { egress, hops } = closed({ status: 200, headers: [], body: Stream.make(new Uint8Array([111, 107])) })
      const said: Array<string> = []
      const provider = AiSdk.provider({
        name: "other",
        origins: ["http://models.test:81/v1"],
        model: async (_id, _key, fetch) => {
          said.push(await (await fetch("http://models.test:81/v1/chat")).text())
          said.push(await fetch("http://elsewhere.test/").then(() => "sent", (error: Error) => error.message))
          return { specificationVersion: "v4", doStream: () => Promise.reject(new Error("enough")) }
        }
      })
      yield* Effect.provideService(Effect.exit(ask(provider, "other/m")), Egress.CurrentEgress, egress)
      assert.strictEqual(said[0], "ok")
      assert.include(said[1]!, "it is none of the hosts that may be reached")
      assert.deepStrictEqual(hops, ["models.test:81"])
    }))
})
