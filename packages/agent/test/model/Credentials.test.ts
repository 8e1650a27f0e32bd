/** What providers are let in with: where it is read, when, and what is seen of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as AiSdk from "@fermata/agent/model/AiSdk"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Models from "@fermata/agent/model/Models"
import * as SecretRef from "@fermata/core/SecretRef"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { TestHost } from "@fermata/testing/TestHost"
import { ConfigProvider, Effect, Layer, Result, Stream } from "effect"
import * as SseServer from "../support/SseServer.ts"

const agent = Agent.make("asker", { instructions: "You help.", model: ["claude-opus-5-5", "sdk/m"] })

/** Runs an agent on this provider; what came of it, and all that its run has left. */
const run = Effect.fnUntraced(
  function*(provider: Models.Provider, secrets: Layer.Layer<never> = Layer.empty, env: Record<string, string> = {}) {
    const app = agent.layer.pipe(
      Layer.provide(Models.layer([provider])),
      Layer.provide(secrets),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))),
      Layer.provideMerge(Chunks.layerMemory),
      Layer.provideMerge(Runs.layer),
      Layer.provideMerge(TestHost.layer)
    )
    return yield* Effect.gen(function*() {
      const id = yield* agent.start("go", { id: "1" })
      const heard: Array<unknown> = []
      yield* Effect.forkScoped(
        Stream.runForEach((yield* Chunks).follow(id), (chunk) => Effect.sync(() => void heard.push(chunk))),
        { startImmediately: true }
      )
      const result = yield* Effect.result(agent.run("go", { id: "1" }))
      const left = JSON.stringify([yield* (yield* Runs).journal(id, 0), heard, result])
      if (Result.isSuccess(result)) assert.isAbove(heard.length, 0)
      return { result, left }
    }).pipe(Effect.provide(app))
  }
)

const outputOf = (result: Result.Result<{ readonly output: string }, unknown>) =>
  Result.isSuccess(result) ? result.success.output : assert.fail(JSON.stringify(result))

describe("S15: the key of a provider", () => {
  it.live("is a secret that only the step is told, with headers that are secrets too", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const key = "sk-canary-4eC39HqLyjWDarjt"
      const tenant = "tenant-canary-8J2kLmPq"
      server.reply(({ headers }) => ({
        blocks: [SseServer.text(`you came with ${headers.authorization} as ${headers["x-tenant"]}`)]
      }))
      const { left, result } = yield* run(
        Anthropic.provider({
          baseURL: server.url,
          apiKey: SecretRef.make("ANTHROPIC"),
          headers: { "x-tenant": SecretRef.make("TENANT"), "x-plain": "yes" }
        }),
        Secrets.layerMemory({ ANTHROPIC: key, TENANT: tenant })
      )
      const { authorization, "x-plain": plain, "x-tenant": sent } = server.requests[0]!.headers
      assert.deepStrictEqual([authorization, sent, plain], [`Bearer ${key}`, tenant, "yes"])
      assert.strictEqual(outputOf(result), "you came with Bearer [secret ANTHROPIC] as [secret TENANT]")
      assert.include(left, "[secret ANTHROPIC]")
      for (const secret of [key, tenant]) assert.notInclude(left, secret)
    }))

  it.live("is asked for by each attempt, so that it may be exchanged between two of one call", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const secrets = { ANTHROPIC: "sk-old-4eC39HqLyjWDarjt" }
      server.reply(({ n }) => {
        if (n > 0) return { blocks: [SseServer.text("hello")] }
        secrets.ANTHROPIC = "sk-new-4eC39HqLyjWDarjt"
        return { status: 529, type: "overloaded_error", message: "Overloaded", headers: { "retry-after-ms": "1" } }
      })
      const { result } = yield* run(
        Anthropic.provider({ baseURL: server.url, apiKey: SecretRef.make("ANTHROPIC") }),
        Secrets.layerMemory(secrets)
      )
      assert.strictEqual(outputOf(result), "hello")
      assert.deepStrictEqual(server.requests.map(({ headers }) => headers.authorization), [
        "Bearer sk-old-4eC39HqLyjWDarjt",
        "Bearer sk-new-4eC39HqLyjWDarjt"
      ])
    }))

  it.live("ends a run with words about it where there is none, and nothing is asked", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const provider = Anthropic.provider({ baseURL: server.url, apiKey: SecretRef.make("ANTHROPIC") })
      const { result } = yield* run(provider, Secrets.layerMemory({ OTHER: "x" }))
      assert.deepInclude({ ...(result as Result.Failure<never, object>).failure }, { code: "ERR_AUTH" })
      assert.include(String((result as Result.Failure<never, object>).failure), "There is no secret \"ANTHROPIC\"")
      assert.strictEqual(server.requests.length, 0)
    }))

  it.live("is cut out of what a server says also where it is a variable", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.reply(({ headers }) => ({ blocks: [SseServer.text(`you came with ${headers.authorization}`)] }))
      const { left, result } = yield* run(Anthropic.provider({ baseURL: server.url }), Layer.empty, {
        ANTHROPIC_API_KEY: "sk-canary-4eC39HqLyjWDarjt"
      })
      assert.strictEqual(outputOf(result), "you came with Bearer [secret ANTHROPIC_API_KEY]")
      assert.notInclude(left, "sk-canary")
    }))

  it.live("makes a model of the AI SDK anew when it is another", () =>
    Effect.gen(function*() {
      const made: Array<string> = []
      const sent: Array<unknown> = []
      const secrets = { OPENAI: "sk-old-4eC39HqLyjWDarjt", TENANT: "tenant-4eC39HqLyjWDarjt" }
      const provider = AiSdk.provider({
        name: "sdk",
        apiKey: SecretRef.make("OPENAI"),
        headers: { "x-tenant": SecretRef.make("TENANT") },
        model: (_, apiKey) => {
          made.push(apiKey)
          return {
            specificationVersion: "v4",
            doStream: ({ headers }) => {
              sent.push(headers["x-tenant"])
              if (sent.length === 1) {
                secrets.OPENAI = "sk-new-4eC39HqLyjWDarjt"
                return Promise.reject(Object.assign(new Error(`no room for ${apiKey}`), { statusCode: 503 }))
              }
              return Promise.resolve({
                stream: new ReadableStream({
                  start: (controller) => {
                    controller.enqueue({ type: "text-start", id: "1" })
                    controller.enqueue({ type: "text-delta", id: "1", delta: `made with ${apiKey}` })
                    controller.enqueue({ type: "text-end", id: "1" })
                    controller.enqueue({
                      type: "finish",
                      finishReason: { unified: "stop", raw: "stop" },
                      usage: { inputTokens: { total: 1 }, outputTokens: { total: 1 } }
                    } as never)
                    controller.close()
                  }
                })
              })
            }
          }
        }
      })
      const { left, result } = yield* run(provider, Secrets.layerMemory(secrets))
      assert.strictEqual(outputOf(result), "made with [secret OPENAI]")
      assert.deepStrictEqual(made, ["sk-old-4eC39HqLyjWDarjt", "sk-new-4eC39HqLyjWDarjt"])
      assert.deepStrictEqual(sent, [secrets.TENANT, secrets.TENANT])
      assert.notInclude(left, "4eC39HqLyjWDarjt")
    }))

  it.effect("is looked for where it should be, without a run, by whoever wants to know what is missing", () =>
    Effect.gen(function*() {
      const lacks = (provider: Models.Provider) =>
        Effect.forEach(provider.needs ?? [], ({ lack, name }) => Effect.map(lack, (lack) => [name, lack]))
      assert.deepStrictEqual(yield* lacks(Anthropic.provider()), [[
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_API_KEY is not set"
      ]])
      assert.deepStrictEqual(yield* lacks(Anthropic.provider({ apiKey: "HERE" })), [["HERE", undefined]])
      const secret = Anthropic.provider({ apiKey: SecretRef.make("A"), headers: { tenant: SecretRef.make("B") } })
      assert.deepStrictEqual(
        yield* Effect.provide(lacks(secret), Secrets.layerMemory({ B: "b" })),
        [["the secret A", "the secrets in memory are B"], ["the secret B", undefined]]
      )
    }).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ HERE: "k" }))))

  it("is refused where it is given itself, and not repeated", () => {
    assert.throws(() => Anthropic.provider({ apiKey: "sk-ant-1234" }), /^(?!.*sk-ant)The key of a provider is given as/)
  })
})
