import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ShortWaits from "../src/internal/ShortWaits.ts"

const one = `[{"reason":"timer","key":"timer 1","until":1767225600000}]`
const two = `[{"reason":"timer","key":"timer 1"},{"reason":"signal","key":"go"}]`

describe("ShortWaits", () => {
  it("leave out of one wait what its reason says and what its key is called, and nothing of several", () => {
    assert.strictEqual(ShortWaits.shorten("timer", one), `~timer 1,"until":1767225600000`)
    assert.strictEqual(ShortWaits.shorten("signal", `[{"reason":"signal","key":"go"}]`), "~go")
    assert.strictEqual(ShortWaits.shorten("signal", one), one)
    assert.strictEqual(ShortWaits.shorten("timer", two), two)
    assert.isNull(ShortWaits.shorten("timer", null))
  })

  it("S3: leave what an older build has stored as it is", () => {
    for (const waits of [one, two, "[]", null]) assert.strictEqual(ShortWaits.lengthen("timer", waits), waits)
    assert.strictEqual(ShortWaits.lengthen("timer", `"key":"timer 1","until":1767225600000`), one)
  })

  it("come back as they were, whatever the text is", () => {
    const piece = fc.constantFrom(
      `[{"reason":"`,
      "timer",
      `",`,
      `"key":"k"`,
      `"key":"`,
      "~",
      "\\",
      "}]",
      "{",
      "}",
      "=",
      `"`,
      ",",
      "[]",
      "x"
    )
    const text = fc.oneof(fc.array(piece, { maxLength: 10 }).map((parts) => parts.join("")), fc.constantFrom(one, two))
    fc.assert(
      fc.property(fc.option(fc.constantFrom("timer", "signal", "")), fc.option(text), (reason, waits) => {
        assert.strictEqual(ShortWaits.lengthen(reason, ShortWaits.shorten(reason, waits)), waits)
      }),
      { numRuns: 3_000 }
    )
  })
})
