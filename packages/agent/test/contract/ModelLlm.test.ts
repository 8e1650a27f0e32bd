/** Contracts on the models and agents of a process. */
import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as ModelLlm from "@fermata/agent/contract/ModelLlm"
import { ModelOverride, type ModelRequest } from "@fermata/agent/Model"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Contracts } from "@fermata/contracts/Contracts"
import { Llm, type LlmRequest } from "@fermata/contracts/Llm"
import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { Chunks } from "@fermata/engine/Chunks"
import { Events } from "@fermata/engine/Events"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { ConfigProvider, Effect, Layer, Schema } from "effect"

const shape = { type: "object", properties: { kind: { type: "string" } }, required: ["kind"] } as const

/** `llm` steps on a script; `asked` takes down what the model is asked. */
const llm = (script: Scripted.Script, asked: Array<ModelRequest> = []) =>
  ModelLlm.layer({ model: "scripted" }).pipe(
    Layer.provide(Models.layer([Scripted.provider((request, turn) => (asked.push(request), script(request, turn)))]))
  )

const invoke = (request: LlmRequest) => Llm.use((llm) => llm.invoke(request))

describe("llm steps on the models of a process", () => {
  it.effect("ask once, with the shape that the answer must have, and tell what it used", () => {
    const asked: Array<ModelRequest> = []
    const said = [Scripted.text("{\"kind\":\"bug\"}"), Scripted.end("stop", { input: 7, output: 3, cacheRead: 2 })]
    return Effect.gen(function*() {
      const answer = yield* invoke({
        system: "Sort it.",
        prompt: "It crashes.",
        output: shape,
        maxTokens: 50,
        idempotencyKey: "k"
      })
      assert.deepStrictEqual(answer, {
        text: "{\"kind\":\"bug\"}",
        model: "scripted",
        usage: { inputTokens: 9, outputTokens: 3 },
        cost: { tokens: 12 }
      })
      const [{ idempotencyKey, maxTokens, output, prompt, tools }] = asked as [ModelRequest]
      assert.deepStrictEqual({ idempotencyKey, maxTokens, output, tools }, {
        idempotencyKey: "k",
        maxTokens: 50,
        output: shape,
        tools: []
      })
      const [first] = prompt.content
      assert.match(first?.role === "system" ? first.content : "", /^Sort it\.\n\nWhen you are done, answer with JSON/)
      assert.strictEqual(Scripted.lastText(asked[0]!), "It crashes.")
    }).pipe(Effect.provide(llm(() => said, asked)))
  })

  it.effect("fail with the code of the failure, and say whether the same again may succeed", () =>
    Effect.gen(function*() {
      const failure = (prompt: string) => Effect.flip(invoke({ prompt }))
      assert.deepInclude(yield* failure("busy"), { retryable: true })
      assert.match((yield* failure("busy")).message, /^Model "scripted" failed: ERR_API_OVERLOADED: /)
      assert.match((yield* failure("long")).message, /its answer was cut after 8192 tokens; "maxTokens" of the step/)
      assert.match((yield* failure("no")).message, /it refuses to answer/)
      assert.match(
        (yield* Effect.flip(invoke({ prompt: "x", model: "gpt-9" }))).message,
        /^Model "gpt-9" failed: no provider answers to this name/
      )
    }).pipe(Effect.provide(llm((request) => {
      const said = Scripted.lastText(request)
      return said === "busy"
        ? [Scripted.fail("overloaded")]
        : [Scripted.text("well"), Scripted.end(said === "long" ? "length" : "content-filter")]
    }))))

  it.effect("are left to other processes where the model cannot be asked, which says why", () =>
    Effect.gen(function*() {
      const { elsewhere, why } = yield* Llm
      assert.isTrue(elsewhere)
      assert.match(why!, /ANTHROPIC_API_KEY is not set/)
    }).pipe(
      Effect.provide(ModelLlm.layer().pipe(Layer.provide(Models.layer([Anthropic.provider()])))),
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
    ))

  it.effect("ask the model that stands in for all, whatever they name", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* invoke({ prompt: "x", model: "claude-opus-5-5" })).model, "scripted")
    }).pipe(Effect.provide(
      ModelLlm.layer().pipe(
        Layer.provide([Models.layer([Scripted.provider()]), Layer.succeed(ModelOverride, "scripted")])
      )
    )))
})

const Judge = Agent.make("judge", {
  instructions: "You judge poems.",
  model: "scripted",
  input: Schema.Struct({ poem: Schema.String }),
  output: Schema.Struct({ mark: Schema.Int })
})

describe("a contract", () => {
  it.effect("N-50: spends what its steps have cost, by the prices of models, also where an answer came to nothing; and reserves it before", () => {
    const price = { input: 1, output: 2, cacheRead: 0.1, cacheWrite: 1 }
    const said: Array<ReadonlyArray<Scripted.Said>> = [
      [Scripted.text("half"), Scripted.fail("stream cut")],
      [Scripted.text("whole"), Scripted.end("length", { input: 100, output: 50, cacheRead: 200 })],
      [Scripted.text("whole"), Scripted.end("stop", { input: 100, output: 50, cacheRead: 200 })]
    ]
    const models = Models.layer([Scripted.provider((request) => said[Number(Scripted.lastText(request))]!, { price })])
    const serving = Layer.mergeAll(Contracts.layer, Runs.layer).pipe(
      Layer.provideMerge(Layer.mergeAll(Events.layer, TaskRuntime.layerNone, ModelLlm.layer({ model: "scripted" }))),
      Layer.provide([models, Chunks.layerMemory]),
      Layer.provideMerge(TestHost.layer)
    )
    return Effect.gen(function*() {
      const contracts = yield* Contracts
      const runs = yield* Runs
      const spends = Effect.fnUntraced(function*(turn: number) {
        const { runId } = yield* contracts.start({
          contract: {
            schemaVersion: "fermata.contract.v1",
            id: "asks",
            version: "1.0.0",
            title: "Asks",
            permissions: [{ kind: "llm:invoke" }],
            entryStepId: "ask",
            steps: [
              { id: "ask", name: "Ask", kind: "llm", prompt: "{{ $string(input) }}", maxTokens: 1000, next: null }
            ]
          },
          input: turn
        })
        yield* TestHost.use(({ settled }) => settled)
        const requested = (yield* runs.journal(runId)).find((entry) => entry._tag === "StepRequested")
        return { status: (yield* runs.find(runId)).status, spent: (yield* runs.find(runId)).spent, requested }
      })
      const cut = yield* spends(0)
      const refused = yield* spends(1)
      const whole = yield* spends(2)
      const cost = { micros: 100 + 100 + 20, tokens: 350 }
      assert.deepStrictEqual([refused.spent, whole.spent], [cost, cost])
      assert.deepStrictEqual([cut.status, refused.status, whole.status], ["failed", "failed", "completed"])
      assert.isAbove(cut.spent?.micros ?? 0, 0)
      // A thousand tokens of an answer at two dollars a million, and what the question may cost.
      assert.isAtLeast(whole.requested?.reserved?.micros ?? 0, 2_000)
      assert.isBelow(whole.requested?.reserved?.micros ?? 0, 2_500)
      assert.deepStrictEqual((yield* runs.spending({ workflow: "asks", groupBy: [] }))[0]?.reserved, {})
    }).pipe(Effect.provide(serving))
  })

  it.effect("has an agent work as a child of its run, beside steps that ask a model", () => {
    const models = Models.layer([
      Scripted.provider((request) =>
        Scripted.lastText(request).includes("poem") ? JSON.stringify({ mark: 3 }) : "roses are red"
      )
    ])
    const serving = Layer.mergeAll(Judge.layer, Runs.layer).pipe(
      Layer.provideMerge(Contracts.layer),
      Layer.provideMerge(Layer.mergeAll(Events.layer, TaskRuntime.layerNone, ModelLlm.layer({ model: "scripted" }))),
      Layer.provide([models, Chunks.layerMemory]),
      Layer.provideMerge(TestHost.layer)
    )
    return Effect.gen(function*() {
      const contracts = yield* Contracts
      const { runId } = yield* contracts.start({
        contract: {
          schemaVersion: "fermata.contract.v1",
          id: "poems",
          version: "1.0.0",
          title: "Poems with marks",
          permissions: [{ kind: "llm:invoke" }, { kind: "workflow:call", pattern: "judge" }],
          entryStepId: "write",
          steps: [
            { id: "write", name: "Write", kind: "llm", prompt: "Write about {{ input }}", next: "judge" },
            {
              id: "judge",
              name: "Judge",
              kind: "llm",
              agent: "judge",
              input: { poem: "{{ steps.write.output }}" },
              next: null
            }
          ]
        },
        input: "spring"
      })
      yield* TestHost.use(({ settled }) => settled)
      const runs = yield* Runs
      const { children, output, status } = yield* runs.show(runId)
      assert.strictEqual(status, "completed")
      assert.deepStrictEqual(output, { mark: 3 })
      assert.deepStrictEqual(children.map(({ workflow }) => workflow), ["judge"])
      const { payload } = yield* runs.show(children[0]!.child)
      assert.deepInclude(payload as object, { input: { poem: "roses are red" } })
    }).pipe(Effect.provide(serving))
  })
})
