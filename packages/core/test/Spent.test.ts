import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import { Amount } from "../src/Amount.ts"
import * as Spent from "../src/Spent.ts"

const most = Number.MAX_SAFE_INTEGER
const count = fc.oneof(fc.nat(), fc.constantFrom(0, 1, most - 1, most))
const anyAmount: fc.Arbitrary<Spent.Amount> = fc.record({ micros: count, tokens: count }, { requiredKeys: [] })
const normal = ({ micros = 0, tokens = 0 }: Spent.Amount) => Spent.make(micros, tokens)

describe("amounts", () => {
  it("a sum does not depend on order or grouping, nothing adds nothing, and every sum can be stored", () => {
    fc.assert(fc.property(anyAmount, anyAmount, anyAmount, (a, b, c) => {
      assert.deepStrictEqual(Spent.sum(a, b), Spent.sum(b, a))
      assert.deepStrictEqual(Spent.sum(Spent.sum(a, b), c), Spent.sum(a, Spent.sum(b, c)))
      assert.deepStrictEqual(Spent.sumAll([a, b, c]), Spent.sum(a, Spent.sum(b, c)))
      assert.deepStrictEqual(Spent.sum(a, Spent.zero), normal(a))
      assert.isTrue(Schema.is(Amount)(Spent.sum(Spent.sum(a, b), c)))
      assert.isUndefined(Spent.problemOf(Spent.sum(a, b)))
    }))
  })

  it("a sum is nothing only where both are, and is never less than either", () => {
    fc.assert(fc.property(anyAmount, anyAmount, (a, b) => {
      assert.strictEqual(Spent.isZero(Spent.sum(a, b)), Spent.isZero(a) && Spent.isZero(b))
      assert.isFalse(Spent.exceeds(a, Spent.sum(a, b)))
    }))
    assert.deepStrictEqual(Spent.sum({ micros: 5 }, { tokens: 3 }), { micros: 5, tokens: 3 })
    assert.deepStrictEqual(Spent.sum({ micros: most }, { micros: 1 }), { micros: most })
    assert.deepStrictEqual(Spent.make(0, 0), {})
  })

  it.each<[Spent.Amount, Spent.Amount, boolean]>([
    [{ micros: 5 }, { micros: 5 }, false],
    [{ micros: 6 }, { micros: 5 }, true],
    [{ micros: 6, tokens: 1 }, { tokens: 1 }, false],
    [{ tokens: 2 }, { micros: 9, tokens: 1 }, true],
    [{ tokens: 1 }, { tokens: 0 }, true],
    [{ micros: 6 }, {}, false],
    [{}, { micros: 0, tokens: 0 }, false]
  ])("%j exceeds the limit %j: %s, since only what a limit names is limited", (amount, limit, expected) => {
    assert.strictEqual(Spent.exceeds(amount, limit), expected)
  })

  it("what is no whole number from 0 on is no amount, and is told by its name", () => {
    for (const value of [-1, 0.5, NaN, Infinity, most + 1, "7" as unknown as number]) {
      assert.strictEqual(
        Spent.problemOf({ micros: value }),
        `micros is ${value}, and has to be a whole number from 0 on`
      )
      assert.include(Spent.problemOf({ micros: 1, tokens: value }), "tokens is")
      assert.isFalse(Schema.is(Amount)({ micros: value }))
    }
    assert.isUndefined(Spent.problemOf({ micros: 0, tokens: most }))
  })

  it.each<[Spent.Amount, string]>([
    [{}, "nothing"],
    [{ micros: 0, tokens: 0 }, "nothing"],
    [{ micros: 1_500_000 }, "$1.50"],
    [{ micros: 3_500 }, "$0.0035"],
    [{ micros: 1 }, "$0.000001"],
    [{ micros: 12_000_000, tokens: 1 }, "$12.00, 1 token"],
    [{ micros: 10_010 }, "$0.01001"],
    [{ tokens: 1_200 }, "1200 tokens"]
  ])("%j is told as %s", (amount, text) => assert.strictEqual(Spent.text(amount), text))

  it.each<[Spent.Amount, Spent.Amount, string]>([
    [{ micros: 3_500, tokens: 9 }, { micros: 4_000 }, "$0.0035 of $0.004"],
    [{ tokens: 9 }, { micros: 4_000, tokens: 10 }, "$0.00 of $0.004, 9 of 10 tokens"],
    [{ tokens: 9 }, {}, "9 tokens"]
  ])(
    "%j against the limit %j is told as %s",
    (amount, limit, text) => assert.strictEqual(Spent.textOf(amount, limit), text)
  )
})

describe("what a step costs", () => {
  const [five, six] = [{ micros: 5 }, { micros: 6 }]
  it.each<[string, Spent.Cost, Spent.Cost]>([
    ["its reservation is in flight", Spent.requested({}, { reserved: five }), { reserved: five }],
    ["an outcome takes its place", Spent.ended({ reserved: five }, { spent: six }), { spent: six }],
    ["an outcome that says nothing has spent nothing", Spent.ended({ reserved: five }, {}), {}],
    ["attempts add up", Spent.ended({ spent: five, reserved: six }, { spent: six }), { spent: { micros: 11 } }],
    [
      "an attempt behind which another is asked for is unsettled",
      Spent.requested({ spent: six, reserved: five }, { reserved: six }),
      { spent: six, unsettled: five, reserved: six }
    ],
    [
      "a probe reserves nothing, and does not know what the attempt has spent",
      Spent.requested({ unsettled: five, reserved: five }, { probe: true, reserved: five }),
      { unsettled: { micros: 10 } }
    ],
    [
      "nor does whoever settles it",
      Spent.ended({ spent: six, reserved: five }, { settledBy: "ada" }),
      { spent: six, unsettled: five }
    ],
    ["what never comes to an outcome is unsettled", Spent.closed({ reserved: five }), { unsettled: five }]
  ])("%s", (_, cost, expected) => assert.deepStrictEqual(cost, expected))
})
