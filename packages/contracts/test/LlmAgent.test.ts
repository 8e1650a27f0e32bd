/** Agents behind `llm` steps: here any workflow that is given and comes to what an agent is and does. */
import { assert, describe, it } from "@effect/vitest"
import { Runs } from "@fermata/engine/Runs"
import { Effect, Schema as S } from "effect"
import { Layer } from "effect"
import { Workflow } from "effect/workflow"
import * as ContractCalls from "../src/ContractCalls.ts"
import * as ContractValidation from "../src/ContractValidation.ts"
import { assertOutput, begin, document, end, layer, runsOf, step } from "./support/Agency.ts"

const ofAgents = {
  success: S.Struct({ output: S.Json, text: S.String, turns: S.Int }),
  error: S.Struct({ _tag: S.tag("AgentFailed"), code: S.String }),
  idempotencyKey: ({ id }: { readonly id: string }) => id
}
const Poet = Workflow.make("poet", { payload: { id: S.String, input: S.String }, ...ofAgents })
const Judge = Workflow.make("judge", { payload: { id: S.String, input: S.Struct({ poem: S.String }) }, ...ofAgents })
const Plain = Workflow.make("plain", { payload: { id: S.String, input: S.Json }, idempotencyKey: ({ id }) => id })
const agents = Layer.mergeAll(
  Poet.toLayer(({ input }) =>
    input === "silence"
      ? Effect.fail({ _tag: "AgentFailed" as const, code: "ERR_REFUSED" })
      : Effect.succeed({ output: { poem: input }, text: input, turns: 1 })
  ),
  Judge.toLayer(({ input: { poem } }) => Effect.succeed({ output: poem.length, text: "", turns: 1 })),
  Plain.toLayer(() => Effect.void)
)
const served = Effect.provide(agents.pipe(Layer.provideMerge(layer({}))))

const llm = (fields: object, more: object = {}) => document([step("llm", "ask", null, fields)], more)
const problems = (fields: object) => ContractValidation.check(llm(fields)).problems.map(({ message }) => message)

describe("an llm step with an agent", () => {
  it.effect("runs it as a child run, with its prompt or an input, and its output is what the agent came to", () =>
    Effect.gen(function*() {
      const runId = yield* begin(
        document([
          step("llm", "write", "judge", { agent: "poet", prompt: "on {{ input }}" }),
          step("llm", "judge", null, { agent: "judge", input: "{{ steps.write.output }}" })
        ]),
        { input: "rain" }
      )
      yield* assertOutput(runId, 7)
      const runs = yield* Runs
      const [child] = yield* runsOf("poet")
      const { parent, payload } = yield* runs.show(child!)
      assert.deepStrictEqual({ parent, payload }, {
        parent: runId,
        payload: { id: `${runId}/write[run]/start`, input: "on rain" }
      })
      const { steps } = yield* runs.show(runId)
      assert.deepStrictEqual(steps.map(({ key, label }) => `${key} ${label}`), [
        "write[run]/start llm",
        "write llm",
        "judge[run]/start llm",
        "judge llm"
      ])
    }).pipe(served))

  it.effect("fails with what the agent failed with, with an output of another shape, and with what is no agent", () =>
    Effect.gen(function*() {
      const failure = Effect.fnUntraced(function*(id: string, fields: object) {
        return (yield* end(yield* begin(llm(fields, { id })))).error!
      })
      assert.include(yield* failure("a", { agent: "poet", prompt: "silence" }), "ERR_REFUSED")
      assert.include(
        yield* failure("b", { agent: "poet", prompt: "x", output: { type: "string" } }),
        "what agent \"poet\" came to does not have the shape that was asked for: it must be string"
      )
      assert.include(yield* failure("c", { agent: "plain", prompt: "x" }), "workflow \"plain\" is no agent")
      assert.include(yield* failure("d", { agent: "judge", prompt: "x" }), "at [\"input\"]")
    }).pipe(served))

  it("has what it is asked in one place, and no model beside the agent's own", () => {
    assert.deepStrictEqual(problems({ agent: "poet", prompt: "x" }), [])
    assert.deepStrictEqual(
      problems({ agent: "poet", prompt: "x", model: "m", system: "s", retry: { maxAttempts: 2 } }),
      [
        "steps[0].model: an agent has its own \"model\"; leave it out, or leave out \"agent\"",
        "steps[0].system: an agent has its own \"system\"; leave it out, or leave out \"agent\"",
        "steps[0].retry: an agent has its own \"retry\"; leave it out, or leave out \"agent\""
      ]
    )
    assert.match(problems({ agent: "poet" })[0]!, /^steps\[0\]\.prompt: .*one of "prompt" and "input"/)
    assert.match(problems({ agent: "poet", prompt: "x", input: 1 })[0]!, /^steps\[0\]\.prompt: .*found both/)
    assert.match(problems({})[0]!, /^steps\[0\]\.prompt: /)
    assert.match(problems({ prompt: "x", input: 1 })[0]!, /^steps\[0\]\.input: a model is asked with "prompt"/)
  })

  it("needs the permission to run that agent, and no model of the process", () => {
    const asking = llm({ agent: "poet", prompt: "x" }, { permissions: [{ kind: "llm:invoke" }] })
    assert.match(
      ContractValidation.check(asking).problems[0]!.message,
      /^steps\[0\]\.agent: .*workflow:call permission.*"poet"/
    )
    const { contract } = ContractValidation.check(
      llm({ agent: "poet", prompt: "x" }, { permissions: [{ kind: "workflow:call", pattern: "po*" }] })
    )
    assert.deepStrictEqual(ContractCalls.missing(contract!, []).map(({ workflow }) => workflow), ["poet"])
    const [missing] = ContractCalls.missingAgents(llm({ agent: "pote", prompt: "x" }), ["poet", "judge"])
    assert.deepInclude(missing, { path: "steps[0].agent", code: "unknown-reference", suggestion: "poet" })
    assert.deepStrictEqual(ContractCalls.missingAgents(llm({ prompt: "x" }), []), [])
  })
})
