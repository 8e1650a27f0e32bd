import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as WellFormed from "../src/WellFormed.ts"

/** Any text, also one that was cut inside a character, or that looks as if it had been encoded. */
const text = fc.array(
  fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "\ud83d",
      "\ude00",
      "\udbff",
      "\udc00",
      "\uFDD0",
      "\uFDD0\uFDD1",
      "\uFDD0-",
      "\uFDD0d83d",
      "d83d",
      "-",
      "\u0000",
      "%ED%A0%BD",
      "😀"
    )
  ),
  { maxLength: 6 }
).map((parts) => parts.join(""))

describe("WellFormed", () => {
  it("any text comes back from a text without halves of characters", () => {
    fc.assert(fc.property(text, (value) => {
      const encoded = WellFormed.encode(value)
      assert.isTrue(encoded.isWellFormed())
      assert.strictEqual(WellFormed.decode(encoded), value)
    }))
  })

  it("a text of whole characters stays what it is", () => {
    for (const value of ["", "Ada 😀", "a\u0000b", "%ED%A0%BD", "\ufffd", "\uFDD0", "~2", "a/b"]) {
      assert.strictEqual(WellFormed.encode(value), value)
    }
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (value) => {
      assert.strictEqual(WellFormed.encode(value), value)
      assert.strictEqual(WellFormed.encodeUri(value), encodeURIComponent(value))
    }))
  })

  it("different texts have different forms in a URL", () => {
    fc.assert(fc.property(text, text, (a, b) => {
      assert.strictEqual(WellFormed.encodeUri(a) === WellFormed.encodeUri(b), a === b)
    }))
    assert.strictEqual(WellFormed.encodeUri("Ada \ud83d!"), "Ada%20%ED%A0%BD!")
    assert.strictEqual(WellFormed.encodeUri("\udfff"), "%ED%BF%BF")
  })
})
