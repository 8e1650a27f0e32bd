import { assert, describe, it } from "@effect/vitest"
import { ExpressionLimitExceeded, isFunction, type Limits, Meter } from "../src/internal/Meter.ts"

const meter = (limits: Partial<Limits>) =>
  new Meter({ operations: 1_000, characters: 10, items: 10, depth: 2, ...limits })

const exceeds = (work: () => void) => assert.throws(work, ExpressionLimitExceeded)

/** Weighs 1,024, which is one operation. */
const text = "x".repeat(960)

describe("Meter", () => {
  it("allows exactly as many operations as its limit says", () => {
    const three = meter({ operations: 3 })
    three.charge(2)
    three.charge(1)
    exceeds(() => three.charge(0.5))
  })

  it("charges a value by all of it, once or as often as it is read", () => {
    for (const value of [text, [text.slice(64)], { ab: text.slice(66) }]) {
      const one = meter({ operations: 1 })
      one.chargeWhole(value, true)
      exceeds(() => one.chargeWhole(value, true))
      exceeds(() => meter({ operations: 2 }).chargeWhole(value, true, 3))
    }
  })

  it("allows values as deep as its limit says, in lists and in objects", () => {
    for (const remember of [true, false]) {
      meter({}).chargeWhole([{ a: 1 }], remember)
      exceeds(() => meter({}).chargeWhole([[[[]]]], remember))
      exceeds(() => meter({}).chargeWhole({ a: { a: { a: {} } } }, remember))
    }
  })

  it("allows texts as long as its limit says", () => {
    meter({}).chargeOuter("x".repeat(10))
    exceeds(() => meter({}).chargeOuter("x".repeat(11)))
  })

  it("takes nothing for the outermost level of what is neither text nor list", () => {
    const none = meter({ operations: 0 })
    for (const value of [1, null, {}, "", []]) none.chargeOuter(value)
    exceeds(() => none.chargeOuter([1]))
    exceeds(() => none.chargeOuter("a"))
  })

  it("knows the functions of JSONata", () => {
    for (const value of [() => 1, { _jsonata_function: true }, { _jsonata_lambda: true }]) {
      assert.isTrue(isFunction(value))
    }
    for (const value of [null, 1, {}, [], { _jsonata_function: false }, { _jsonata_lambda: 1 }]) {
      assert.isFalse(isFunction(value))
    }
  })
})
