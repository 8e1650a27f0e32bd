import { assert, describe, it } from "@effect/vitest"
import { mayEqual, pathOf } from "@fermata/engine/EventLog"
import { Effect } from "effect"
import * as fc from "fast-check"
import * as Expression from "../src/Expression.ts"
import * as EventCondition from "../src/internal/EventCondition.ts"

const scope: Expression.Scope = {
  input: { id: "T-1", n: 1, deep: { "a b": null }, list: [1], none: {} },
  trigger: { ok: true },
  steps: { first: { output: 7 } },
  state: {},
  run: { id: "r", workflow: "w", version: "1" }
}

const at = (...names: ReadonlyArray<string>) => pathOf(names)

describe("what a condition asks for at a glance", () => {
  it.each<[where: string, path: string, value: string]>([
    ["event.id = input.id", at("id"), `"T-1"`],
    ["input.id = event.id", at("id"), `"T-1"`],
    ["{{ event.id = input.id }}", at("id"), `"T-1"`],
    ["event.order.id = steps.first.output", at("order", "id"), "7"],
    ["event = 'go'", at(), `"go"`],
    ["event.`a b` = input.deep.`a b`", at("a b"), "null"],
    ["event.ok = trigger.ok and event.n > 3", at("ok"), "true"],
    ["event.n > 3 and (event.id = run.id)", at("id"), `"r"`],
    ["event.n = 1.50", at("n"), "1.5"]
  ])("%s", (where, path, value) => {
    assert.deepStrictEqual(EventCondition.equalityIn(EventCondition.of(where), scope), { path, value })
  })

  it.each([
    "event.id != input.id",
    "event.id = input.id or event.ok",
    "$not(event.id = input.id)",
    "event[0].id = input.id",
    "event.id[] = input.id",
    "event.items[n = 1].id = 1",
    "event.* = 1",
    "$event.id = input.id",
    "event.id = $lowercase(input.id)",
    "event.id = event.other",
    "event.id = input.none",
    "event.id = input.list",
    "event.id = input.unknown",
    "event.id = state.n",
    "event.id",
    "true",
    "event.id ="
  ])("%s asks for no one value", (where) => {
    assert.isNull(EventCondition.equalityIn(EventCondition.of(where), scope))
  })

  it("S6: no event that a condition holds for is left out by the value that it asks for", () => {
    const scalar = fc.constantFrom<unknown>(
      0,
      -0,
      1,
      1,
      1,
      1,
      1.5,
      "1",
      "",
      "T-1",
      "x".repeat(250),
      "x".repeat(251),
      true,
      false,
      null,
      "\ud83d"
    )
    const json = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        scalar,
        fc.array(tie("value"), { maxLength: 2 }),
        fc.record({ id: tie("value"), n: tie("value"), order: tie("value") }, { requiredKeys: [] })
      )
    })).value
    const path = fc.constantFrom("event", "event.id", "event.order.id", "event.n")
    const other = fc.oneof(
      fc.constantFrom("input.id", "input", "input.order.id", "trigger.n"),
      scalar.map((value) => JSON.stringify(value))
    )
    const equal = fc.tuple(path, other, fc.boolean()).map(([a, b, swapped]) => swapped ? `${b} = ${a}` : `${a} = ${b}`)
    const where = fc.oneof(
      equal,
      equal,
      fc.tuple(equal, equal).map(([a, b]) => `${a} and ${b}`),
      equal.map((a) => `(${a}) and true`)
    )
    let held = 0
    fc.assert(
      fc.property(where, json, json, json, (where, event, input, trigger) => {
        // Half of them have what they ask for somewhere.
        if (typeof event === "object" && event !== null && !Array.isArray(event)) {
          Object.assign(event, typeof input === "object" && !Array.isArray(input) ? input : { id: input })
        }
        const scope = { input, trigger } as Expression.Scope
        const equality = EventCondition.equalityIn(EventCondition.of(where), scope)
        const holds = Effect.runSync(
          Effect.orElseSucceed(Expression.evaluateCondition(where, { ...scope, event: event as never }), () => false)
        )
        if (!holds) return
        held++
        assert.isTrue(equality === null || mayEqual(event, equality), `${where} ${JSON.stringify({ event, input })}`)
      }),
      { numRuns: 4_000 }
    )
    assert.isAbove(held, 50)
  })
})
