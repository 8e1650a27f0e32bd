/** The example on Anthropic's own client, against a server that others wrote: aimock, which says what the script of the example says. */
import { type ChatCompletionRequest, type FixtureResponse, LLMock } from "@copilotkit/aimock"
import { assert, describe, it } from "@effect/vitest"
import type { ModelRequest } from "@fermata/agent/Model"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Models from "@fermata/agent/model/Models"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Config, Effect, Layer, Redacted } from "effect"
import { Prompt, Tool } from "effect/ai"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeShop } from "../shop.ts"
import { CodeReviewer, reviewers } from "../src/Reviewer.ts"
import { script } from "../src/Script.ts"

const textOf = ({ content }: ChatCompletionRequest["messages"][number]): string =>
  typeof content === "string" ? content : (content ?? []).map(({ text }) => text ?? "").join("")

/** What a tool gave: JSON, or text. */
const resultOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** What aimock has of a request, as the script of the example is asked. */
const asked = ({ messages, tools = [] }: ChatCompletionRequest): ModelRequest => ({
  prompt: Prompt.make(messages.flatMap((message): ReadonlyArray<Prompt.MessageEncoded> =>
    message.role === "user"
      ? [{ role: "user", content: textOf(message) }]
      : message.role === "tool"
      ? [{
        role: "tool",
        content: [{
          type: "tool-result",
          id: message.tool_call_id ?? "",
          name: "tool",
          isFailure: false,
          result: resultOf(textOf(message))
        }]
      }]
      : []
  )),
  tools: tools.map((tool) => Tool.make(tool.function.name)),
  maxTokens: 1_000,
  idempotencyKey: ""
})

let ids = 0
const says = (request: ChatCompletionRequest): FixtureResponse => {
  const turn = request.messages.filter(({ role }) => role === "assistant").length
  const said = script(asked(request), turn)
  const usage = { input_tokens: 40, output_tokens: 20 }
  if (typeof said === "string") return { content: said, usage }
  return {
    content: said.flatMap((part) => part._tag === "Text" ? [part.text] : []).join(""),
    toolCalls: said.flatMap((part) =>
      part._tag === "Call"
        ? [{ id: `toolu_${++ids}`, name: part.tool, arguments: JSON.stringify(part.params) }]
        : []
    ),
    usage
  }
}

const server = Effect.acquireRelease(
  Effect.promise(async () => {
    const mock = new LLMock({ port: 0, host: "127.0.0.1" })
    mock.on({ predicate: () => true }, says)
    await mock.start()
    return mock
  }),
  (mock) => Effect.promise(() => mock.stop())
)

const shop = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "code-reviewer-"))
    makeShop(folder)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

describe("code-reviewer on the real client", () => {
  it.live("M-16: reviews a real change to its report, and is told by a server that others wrote what it used", () =>
    Effect.gen(function*() {
      const repository = yield* shop
      const mock = yield* server
      const { codeReviewer, fileReviewer } = reviewers(repository)
      const provider = Anthropic.provider({ baseURL: mock.url, apiKey: Config.succeed(Redacted.make("k")) })
      const world = Layer.mergeAll(codeReviewer, fileReviewer).pipe(
        Layer.provide([Models.layer([provider]), Chunks.layerMemory]),
        Layer.provideMerge(Layer.provideMerge(Runs.layer, TestHost.layer))
      )
      yield* Effect.gen(function*() {
        const runs = yield* Runs
        const run = yield* CodeReviewer.start({ change: "main...login" }, { id: "1" })
        const next = <A>(look: Effect.Effect<A | undefined, unknown>) =>
          Effect.gen(function*() {
            for (;;) {
              yield* (yield* TestHost).settled
              const { error, status } = yield* runs.show(run)
              if (status === "failed") throw new Error(error?.message)
              const found = yield* look
              if (found !== undefined) return found
              yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            }
          })
        const question = yield* next(Effect.map(runs.approvals({ run }), ([first]) => first))
        yield* runs.answer(question.id, { decision: "approve", by: "maintainer" })
        yield* next(Effect.map(runs.show(run), ({ status }) => status === "completed" ? true : undefined))
        const { output, turns } = yield* CodeReviewer.run({ change: "main...login" }, { id: "1" })
        assert.deepStrictEqual({ output, turns }, {
          output: { verdict: "needs work", findings: 3, report: "REVIEW.md" },
          turns: 4
        })
        assert.include(readFileSync(join(repository, "REVIEW.md"), "utf8"), "- src/login.ts:2 holds a password")
        // Four calls of the one, and two of each of the three others: 60 tokens each.
        assert.strictEqual(mock.getRequests().length, 10)
        assert.strictEqual((yield* runs.show(run)).spent.total.tokens, 600)
      }).pipe(Effect.provide(world))
    }).pipe(Effect.scoped))
})
