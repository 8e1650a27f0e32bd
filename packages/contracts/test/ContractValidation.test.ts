import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as ContractValidation from "../src/ContractValidation.ts"
import { ticketTriageDocument } from "../src/TicketTriage.ts"

const contract = (steps: ReadonlyArray<object>, more: object = {}) => ({
  schemaVersion: "fermata.contract.v1",
  id: "sample",
  version: "1.0.0",
  title: "Sample",
  permissions: [{ kind: "event:emit", pattern: "my.*" }],
  entryStepId: "start",
  steps,
  ...more
})

const emit = (payload: unknown) => ({
  id: "start",
  name: "Start",
  kind: "emit",
  event: "my.started",
  payload,
  next: null
})

const problemsOf = (document: unknown) => ContractValidation.check(document).problems

describe("ContractValidation", () => {
  it.effect("returns the contract of a right document, as value or as text", () =>
    Effect.gen(function*() {
      const made = yield* ContractValidation.validate(ticketTriageDocument)
      assert.strictEqual(made.id, "fermata.ticket-triage")
      assert.deepStrictEqual(yield* ContractValidation.validateText(JSON.stringify(ticketTriageDocument)), made)
    }))

  it.effect("fails with every problem of the document, the graph and the expressions in one message", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ContractValidation.validate(contract([
        { ...emit({ a: "{{ triger.id }}", b: ["{{ steps.strat.output }}"] }), event: "other.started", next: "route" },
        { id: "route", name: "Route", kind: "branch", cases: [{ when: "state.x ==", next: "wiat" }], default: null },
        {
          id: "wait",
          name: "Wait",
          kind: "wait",
          event: "my.answer",
          where: "event.id = $upercase(trigger.id)",
          timeout: { ms: 0 },
          next: null
        }
      ], { title: "", extra: 1, triggers: [{ type: "event", event: "my.trigger", where: "input.x" }] })))
      assert.sameDeepMembers(error.problems.map(({ code, path }) => [path, code]), [
        ["title", "wrong-value"],
        ["extra", "unknown-field"],
        ["triggers[0].where", "unknown-reference"],
        ["steps[0].event", "missing-permission"],
        ["steps[0].payload.a", "unknown-reference"],
        ["steps[0].payload.b[0]", "unknown-reference"],
        ["steps[1].cases[0].when", "bad-expression"],
        ["steps[1].cases[0].next", "unknown-step"],
        ["steps[2].where", "unknown-reference"],
        ["steps[2].timeout.ms", "wrong-value"]
      ])
      assert.match(error.message, /^the contract "sample" has 10 problems:\n- /)
      for (const { message } of error.problems) assert.include(error.message, message)
      const decoded = yield* Schema.decodeUnknownEffect(ContractValidation.ContractInvalid)(
        JSON.parse(JSON.stringify(yield* Schema.encodeEffect(ContractValidation.ContractInvalid)(error)))
      )
      assert.deepStrictEqual(decoded.problems, error.problems)
    }))

  it("looks into what tells runs apart, which sees what a run is given and no step", () => {
    const of = (runTitle: unknown) =>
      problemsOf(contract([emit({})], { runTitle })).map(({ code, found, path }) => [path, code, found])
    assert.deepStrictEqual(of("Order {{ input.id }} of {{ trigger.who }}"), [])
    assert.deepStrictEqual(of("{{ steps.start.output }}"), [["runTitle", "unknown-reference", "steps"]])
    assert.deepStrictEqual(of("Order {{ inptu.id }}"), [["runTitle", "unknown-reference", "inptu"]])
    assert.deepStrictEqual(of("{{ 1 + }}").map(([path, code]) => [path, code]), [["runTitle", "bad-expression"]])
    assert.deepStrictEqual(of("").map(([path, code]) => [path, code]), [["runTitle", "wrong-value"]])
    assert.deepStrictEqual(of(5).map(([path, code]) => [path, code]), [["runTitle", "wrong-type"]])
  })

  it("points into the text of an expression", () => {
    const [problem] = problemsOf(contract([emit({ a: "id {{ trigger.id }} {{ 1 + }}" })]))
    assert.deepInclude(problem, { path: "steps[0].payload.a", code: "bad-expression" })
    assert.isAtLeast(problem?.position ?? 0, "id {{ trigger.id }} {{ 1 +".length)
    const [name] = problemsOf(contract([emit({ a: "id {{ triger.id }}" })]))
    assert.deepInclude(name, { found: "triger", suggestion: "trigger", position: "id {{ ".length })
    const [open] = problemsOf(contract([emit({ a: "id {{ trigger.id" })]))
    assert.deepInclude(open, { code: "bad-expression", position: 3, expected: "a }} that closes it" })
  })

  it("knows which steps can have run before", () => {
    const transform = (id: string, value: string, next: string | null) => ({
      id,
      name: id,
      kind: "transform",
      set: { a: value },
      next
    })
    const ahead = problemsOf(
      contract([
        transform("start", "{{ steps.last.output }}", "last"),
        transform("last", "{{ steps.start.output }}", null)
      ])
    )
    assert.deepStrictEqual(ahead.map(({ code, path }) => [path, code]), [["steps[0].set.a", "unknown-reference"]])
    assert.deepStrictEqual(
      problemsOf(contract([
        transform("start", "{{ steps.again.output }}", "again"),
        { id: "again", name: "Again", kind: "branch", cases: [{ when: "state.a", next: "start" }], default: null }
      ])),
      []
    )
  })

  it("suggests backticks for an id with a hyphen", () => {
    const problem = problemsOf(contract([
      { id: "start", name: "s", kind: "transform", set: { a: 1 }, next: "fetch-pr" },
      { id: "fetch-pr", name: "f", kind: "transform", set: { a: 1 }, next: "end" },
      { id: "end", name: "e", kind: "transform", set: { a: "{{ steps.fetch-pr.output }}" }, next: null }
    ])).find(({ suggestion }) => suggestion !== undefined)
    assert.strictEqual(problem?.suggestion, "`fetch-pr`")
  })

  it("refuses what an expression may not do", () => {
    for (const source of ["$eval('1')", "$match('a', /(a)\\1/)", `${"(".repeat(500)}1${")".repeat(500)}`]) {
      assert.deepStrictEqual(problemsOf(contract([emit({ a: `{{ ${source} }}` })])).map(({ code }) => code), [
        "bad-expression"
      ], source)
    }
  })

  it("bounds the number of expressions", () => {
    const many = Array.from({ length: ContractValidation.maxExpressions + 1 }, () => "{{ 1 }}")
    assert.deepStrictEqual(problemsOf(contract([emit(many)])).map(({ code }) => code), ["too-large"])
  })

  it("never throws", () => {
    for (
      const value of [null, undefined, 1, "x", [], {
        steps: [null, 5, { kind: "branch", cases: [null] }],
        triggers: [null]
      }]
    ) {
      assert.isNotEmpty(problemsOf(value))
    }
  })
})
