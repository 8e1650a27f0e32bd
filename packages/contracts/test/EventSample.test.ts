import { assert, describe, it } from "@effect/vitest"
import * as RunView from "@fermata/core/RunView"
import { Effect, Schema } from "effect"
import * as Contract from "../src/Contract.ts"
import * as EventSample from "../src/EventSample.ts"
import { standardShapes } from "../src/StandardShapes.ts"

const contract = (where?: string) =>
  Schema.decodeUnknownSync(Contract.schemaOf(standardShapes))({
    schemaVersion: "fermata.contract.v1",
    id: "c",
    version: "1.0.0",
    title: "C",
    entryStepId: "wait",
    steps: [{
      id: "wait",
      name: "Wait",
      kind: "wait",
      event: "e",
      next: null,
      ...(where === undefined ? {} : { where })
    }]
  })

const view = RunView.of("r", [
  {
    _tag: "RunRequested",
    seq: 0,
    at: 0,
    epoch: 1,
    workflow: "c",
    version: "1.0.0",
    payload: { input: { id: "o1", n: 3 } }
  },
  { _tag: "StepRequested", seq: 1, at: 0, epoch: 1, key: "make", name: "make", attempt: 1, onCrash: "rerun" },
  { _tag: "StepCompleted", seq: 2, at: 0, epoch: 1, key: "make", attempt: 1, output: { made: "m" } },
  {
    _tag: "StateChanged",
    seq: 3,
    at: 0,
    epoch: 1,
    name: "state",
    revision: 1,
    patch: [{ op: "add", path: "", value: { least: 7 } }]
  }
])

describe("EventSample", () => {
  it.effect("is an event that the condition of the wait takes", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [where: string | undefined, expected: unknown]> = [
        [undefined, {}],
        ["event.id = input.id", { id: "o1" }],
        ["{{ event.id = input.id }}", { id: "o1" }],
        ["input.id = event.order.id and event.paid", { order: { id: "o1" }, paid: true }],
        ["event.n > input.n and event.m >= state.least", { n: 4, m: 7 }],
        ["5 < event.n", { n: 6 }],
        ["event.n < -1", { n: -2 }],
        ["event.by in ['card', 'cash']", { by: "card" }],
        ["event.from != 'bank'", { from: "not bank" }],
        ["event.ref = steps.make.output.made or event.any", { ref: "m" }],
        ["(event.a = 1) and (event.a = 1 and event.b = run.id)", { a: 1, b: "r" }],
        ["trigger.id = event.id", { id: "o1" }]
      ]
      for (const [where, expected] of cases) {
        assert.deepStrictEqual(yield* EventSample.of(contract(where), view, "e"), expected as Schema.Json, where)
      }
    }))

  it.effect("is none where the condition is not about plain comparisons, or holds for nothing", () =>
    Effect.gen(function*() {
      for (
        const where of [
          "$sum(event.cents) = 7",
          "event.a = 1 and event.a = 2",
          "false",
          "event.id = input.missing.id and event.id = 'x'",
          "$error('no')"
        ]
      ) {
        assert.isUndefined(yield* EventSample.of(contract(where), view, "e"), where)
      }
      assert.isUndefined(yield* EventSample.of(contract(), view, "another"))
    }))
})
