/** A provider of models as whoever sets an agent up meets it: its key, its server, its own extras, and a recording of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Cassette from "@fermata/agent/model/Cassette"
import * as Models from "@fermata/agent/model/Models"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { ConfigProvider, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as SseServer from "../support/SseServer.ts"

const Read = Tool.make("Read", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const kit = Toolkit.make(Read)

describe("a provider of models", () => {
  const asker = Agent.make("asker", { instructions: "You help.", model: "claude-opus-5-5" })
  const on = (
    providers: ReadonlyArray<Models.Provider>,
    env: Readonly<Record<string, string>> = {},
    agent: { readonly layer: typeof asker.layer } = asker
  ) =>
    Layer.provide(agent.layer, [
      Models.layer(providers),
      Chunks.layerMemory,
      ConfigProvider.layer(ConfigProvider.fromUnknown(env))
    ])
      .pipe(Layer.provideMerge(Runs.layer), Layer.provideMerge(TestHost.layer))

  it.live("M-10: needs nothing but a key in the environment; without it a run fails with a code, and nothing is asked", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const providers = [Anthropic.provider({ baseURL: server.url })]
      const { output } = yield* Effect.provide(asker.run("go"), on(providers, { ANTHROPIC_API_KEY: "k" }))
      assert.strictEqual(output, "ok")
      const failure = yield* Effect.flip(Effect.provide(asker.run("go"), on(providers)))
      assert.deepInclude({ ...failure }, { code: "ERR_CONFIG" })
      assert.include(failure.message, "ANTHROPIC_API_KEY is not set")
      assert.strictEqual(server.requests.length, 1)
    }))

  it.live("M-13: asks by the fetch that it is given", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const fetched: Array<string> = []
      const provider = Anthropic.provider({
        baseURL: server.url,
        apiKey: "KEY",
        fetch: (input, init) => (fetched.push(String(input instanceof Request ? input.url : input)), fetch(input, init))
      })
      yield* Effect.provide(asker.run("go"), on([provider], { KEY: "k" }))
      assert.deepStrictEqual(fetched, [`${server.url}/v1/messages`])
    }))

  it.live("M-15: is any server that speaks the protocol, such as OpenRouter: its own names, Bearer, and no x-api-key", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const router = Agent.make("asker", { instructions: "", model: "openrouter/google/gemini-2.5-pro" })
      const provider = Anthropic.provider({
        prefix: "openrouter",
        baseURL: `${server.url}/api`,
        apiKey: "OPENROUTER_API_KEY",
        headers: { "x-title": "Fermata" }
      })
      yield* Effect.provide(router.run("go"), on([provider], { OPENROUTER_API_KEY: "or-key" }, router))
      const [{ body, headers, path }] = server.requests as readonly [SseServer.Received]
      assert.strictEqual(path, "/api/v1/messages")
      assert.strictEqual(body.model, "google/gemini-2.5-pro")
      assert.deepInclude(headers, { authorization: "Bearer or-key", "x-title": "Fermata" })
      assert.notProperty(headers, "x-api-key")
    }))

  it.live("N-09: passes on what is Anthropic's own, as typed extras, and what the cache gave is counted", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      const input_tokens = 10
      server.reply([
        {
          blocks: [SseServer.call("t", "Read", { path: "p" })],
          usage: { input_tokens, output_tokens: 5, cache_creation_input_tokens: 900 }
        },
        { blocks: [SseServer.text("done")], usage: { input_tokens, output_tokens: 5, cache_read_input_tokens: 900 } }
      ])
      const provider = Anthropic.provider({
        baseURL: server.url,
        apiKey: "KEY",
        extras: { effort: "high", speed: "fast", cacheTtl: "1h", betas: ["context-1m-2026-01-01"] }
      })
      const reader = Agent.make("reader", { instructions: "You read.", model: "claude-opus-5-5", toolkit: kit })
      const layer = Layer.provide(reader.layer, [
        kit.toLayer({ Read: () => Effect.succeed("text") }),
        Models.layer([provider]),
        Chunks.layerMemory,
        ConfigProvider.layer(ConfigProvider.fromUnknown({ KEY: "k" }))
      ]).pipe(Layer.provideMerge(TestHost.layer))
      const { usage } = yield* Effect.provide(reader.run("go"), layer)
      const cache_control = { type: "ephemeral", ttl: "1h" }
      for (const { body, headers } of server.requests) {
        assert.deepStrictEqual(body.system.at(-1).cache_control, cache_control)
        assert.deepStrictEqual(body.tools.at(-1).cache_control, cache_control, "what it is told of its tools too")
        assert.deepInclude(body, { speed: "fast", output_config: { effort: "high" } })
        assert.strictEqual(headers["anthropic-beta"], "context-1m-2026-01-01,fast-mode-2026-02-01")
      }
      assert.deepStrictEqual({ ...usage }, { input: 20, cacheRead: 900, cacheWrite: 900, output: 10 })
    }))

  it.live("N-57: is recorded, and played again with the network off", () =>
    Effect.gen(function*() {
      const server = yield* SseServer.make
      server.reply([{ blocks: [SseServer.text("from the provider")] }])
      const recorder = Cassette.recorder()
      const run = (fetch: typeof globalThis.fetch, baseURL: string) =>
        Effect.provide(
          asker.run("go", { id: "1" }),
          on([Anthropic.provider({ fetch, baseURL, apiKey: "KEY" })], { KEY: "k" })
        )
      const first = yield* run(recorder.fetch, server.url)
      const tape = Cassette.decode(Cassette.encode(recorder.tape()))
      const again = yield* run(Cassette.player(tape).fetch, "http://nobody.invalid")
      assert.deepStrictEqual(again, first)
      assert.strictEqual(server.requests.length, 1)
    }))
})
