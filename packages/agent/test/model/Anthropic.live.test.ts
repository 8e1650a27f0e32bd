/**
 * What no server of ours can know: whether Anthropic itself takes what is sent. Runs with `FERMATA_LIVE=1` and a key in
 * `ANTHROPIC_API_KEY`, and costs about a cent.
 */
import { assert, describe, it } from "@effect/vitest"
import type { ModelRequest } from "@fermata/agent/Model"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Cassette from "@fermata/agent/model/Cassette"
import { Effect, Schema, Stream } from "effect"
import { Prompt, type Response, Tool } from "effect/ai"

const model = process.env["FERMATA_LIVE_MODEL"] ?? "claude-haiku-4-5"
const Add = Tool.make("Add", {
  description: "Adds two numbers",
  parameters: Schema.Struct({ a: Schema.Int, b: Schema.Int }),
  success: Schema.Int
})
const request: ModelRequest = {
  prompt: Prompt.make([
    { role: "system", content: "You calculate with the tool alone." },
    { role: "user", content: "What is 20 + 22?" }
  ]),
  tools: [Add],
  maxTokens: 500,
  idempotencyKey: "fermata-live-1"
}

const ask = Effect.fnUntraced(function*(over: Partial<ModelRequest>, options: Anthropic.Options = {}) {
  const found = yield* Anthropic.provider(options).find(model)!
  return yield* Stream.runCollect(found.stream({ ...request, ...over }))
})
const callOf = (parts: ReadonlyArray<Response.StreamPartEncoded>) => parts.find((part) => part.type === "tool-call")

describe("Anthropic itself", () => {
  it.live("calls a tool with whole arguments, takes its result, and the recording says the same", () =>
    Effect.gen(function*() {
      const recorder = Cassette.recorder()
      const first = yield* ask({}, { fetch: recorder.fetch })
      const call = callOf(first)
      assert.deepInclude(call, { name: "Add", params: { a: 20, b: 22 } })
      const last = yield* ask({
        prompt: Prompt.fromMessages([
          ...request.prompt.content,
          Prompt.assistantMessage({
            content: [Prompt.toolCallPart({ id: call!.id, name: "Add", params: call!.params, providerExecuted: false })]
          }),
          Prompt.toolMessage({
            content: [
              Prompt.toolResultPart({
                id: call!.id,
                name: "Add",
                isFailure: false,
                result: 42,
                providerExecuted: false
              })
            ]
          })
        ])
      }, { fetch: recorder.fetch })
      assert.include(last.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join(""), "42")
      const text = Cassette.encode(recorder.tape())
      assert.notInclude(text, process.env["ANTHROPIC_API_KEY"]!)
      const again = yield* ask({}, { fetch: Cassette.player(Cassette.decode(text)).fetch })
      assert.deepStrictEqual(again, first)
    }))

  it.live("counts about the tokens that it bills", () =>
    Effect.gen(function*() {
      const counted = yield* Anthropic.countTokens(model, request)
      const end = (yield* ask({})).find((part) => part.type === "finish")
      assert.closeTo(end!.usage.inputTokens.total!, counted, 20)
    }))

  it.live("refuses a key that is none, with ERR_AUTH", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        ask({}, {
          fetch: (input, init) => {
            const headers = new Headers(init?.headers)
            headers.set("authorization", "Bearer none")
            return fetch(input, { ...init, headers })
          }
        })
      )
      assert.deepInclude({ ...error }, { code: "ERR_AUTH" })
    }))
})
