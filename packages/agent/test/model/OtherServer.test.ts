/** The same task on every provider, against a server that others wrote, so that ours and our models cannot share a mistake. */
import { createGoogle } from "@ai-sdk/google"
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { LLMock } from "@copilotkit/aimock"
import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as AiSdk from "@fermata/agent/model/AiSdk"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Models from "@fermata/agent/model/Models"
import { Chunks } from "@fermata/engine/Chunks"
import { TestHost } from "@fermata/testing/TestHost"
import { Config, Effect, Layer, Redacted, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Weather = Tool.make("Weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" }))
const kit = Toolkit.make(Weather)

const server = Effect.acquireRelease(
  Effect.promise(async () => {
    const mock = new LLMock({ port: 0, host: "127.0.0.1" })
    mock.on({ userMessage: "weather", hasToolResult: false }, {
      content: "I ask for both.",
      reasoning: "Two cities are asked for.",
      reasoningSignature: "sig-of-aimock",
      toolCalls: [
        { id: "toolu_1", name: "Weather", arguments: `{"city":"Oslo"}` },
        { id: "toolu_2", name: "Weather", arguments: `{"city":"Rome"}` }
      ],
      usage: { input_tokens: 30, output_tokens: 12, prompt_tokens: 30, completion_tokens: 12 }
    })
    mock.on({ userMessage: "weather", hasToolResult: true }, {
      content: "Oslo is cold and Rome is warm.",
      usage: { input_tokens: 60, output_tokens: 9, prompt_tokens: 60, completion_tokens: 9 }
    })
    await mock.start()
    return mock
  }),
  (mock) => Effect.promise(() => mock.stop())
)

const providers: Readonly<Record<string, (url: string) => Models.Provider>> = {
  "claude-opus-5-5": (url) => Anthropic.provider({ baseURL: url, apiKey: Config.succeed(Redacted.make("k")) }),
  "openai/gpt-5.5": (url) =>
    AiSdk.provider({
      name: "openai",
      model: (id) => createOpenAI({ apiKey: "k", baseURL: `${url}/v1` }).responses(id)
    }),
  "openai-chat/gpt-5.5": (url) =>
    AiSdk.provider({
      name: "openai-chat",
      model: (id) => createOpenAI({ apiKey: "k", baseURL: `${url}/v1` }).chat(id)
    }),
  "local/llama": (url) =>
    AiSdk.provider({
      name: "local",
      model: (id) => createOpenAICompatible({ name: "local", baseURL: `${url}/v1`, includeUsage: true })(id)
    }),
  "google/gemini-2.5-pro": (url) =>
    AiSdk.provider({ name: "google", model: (id) => createGoogle({ apiKey: "k", baseURL: `${url}/v1beta` })(id) })
}

describe("the same task on every provider", () => {
  for (const [model, provider] of Object.entries(providers)) {
    it.live(`M-16: ${model} calls two tools and answers`, () =>
      Effect.gen(function*() {
        const mock = yield* server
        const asked: Array<string> = []
        const handlers = kit.toLayer({
          Weather: ({ city }) => Effect.sync(() => (asked.push(city), city === "Oslo" ? "cold" : "warm"))
        })
        const agent = Agent.make("forecaster", { instructions: "You tell the weather.", model, toolkit: kit })
        const app = Layer.provideMerge(
          Layer.provide(agent.layer, Layer.mergeAll(handlers, Models.layer([provider(mock.url)]), Chunks.layerMemory)),
          TestHost.layer
        )
        const { output, turns, usage } = yield* Effect.provide(agent.run("the weather", { id: "1" }), app)
        assert.deepStrictEqual({ output, turns }, { output: "Oslo is cold and Rome is warm.", turns: 2 })
        assert.deepStrictEqual(asked.toSorted(), ["Oslo", "Rome"])
        assert.deepStrictEqual(usage, { input: 90, cacheRead: 0, cacheWrite: 0, output: 21 })
        const last = JSON.stringify(mock.getRequests().at(-1)!.body)
        assert.include(last, "cold")
      }))
  }
})
