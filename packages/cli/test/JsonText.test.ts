import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as JsonText from "../src/JsonText.ts"

/** The text around the place of the first mistake, with the mistake in brackets. */
const mark = (text: string): string => {
  const parsed = JsonText.parse(text)
  if (parsed._tag === "Json") return "no mistake"
  return `${text.slice(0, parsed.offset)}[${text.slice(parsed.offset, parsed.offset + 1)}]`
}

describe("JsonText", () => {
  it("gives the value of a JSON text", () => {
    assert.deepStrictEqual(JsonText.parse(" {\"a\": [1, -2.5e3, true, null, \"\\u0041\\n\"]}\n"), {
      _tag: "Json",
      value: { a: [1, -2500, true, null, "A\n"] }
    })
    assert.deepStrictEqual(JsonText.parse("\uFEFF7"), { _tag: "Json", value: 7 })
  })

  it("says where the first mistake is", () => {
    assert.strictEqual(mark("{bad}"), "{[b]")
    assert.strictEqual(mark("{\"a\": tru}"), "{\"a\": tru[}]")
    assert.strictEqual(mark("{\"a\": 1,}"), "{\"a\": 1,[}]")
    assert.strictEqual(mark("{\"a\" 1}"), "{\"a\" [1]")
    assert.strictEqual(mark("[1 2]"), "[1 [2]")
    assert.strictEqual(mark("[01]"), "[0[1]")
    assert.strictEqual(mark("{} x"), "{} [x]")
    assert.strictEqual(mark("\"a\\q\""), "\"a[\\]")
    assert.strictEqual(mark("'a'"), "[']")
    assert.strictEqual(mark("[1, 2"), "[1, 2[]")
    assert.strictEqual(mark(""), "[]")
  })

  it("counts lines and columns from 1", () => {
    const parsed = JsonText.parse("{\n  \"a\": 1,\n  b: 2\n}")
    assert.deepInclude(parsed, { _tag: "Mistake", line: 3, column: 3, offset: 14, problem: "unexpected \"b\"" })
  })

  it("says that a text is empty or ends too early", () => {
    assert.deepInclude(JsonText.parse(" \n"), { problem: "the text is empty" })
    assert.deepInclude(JsonText.parse("[{\"a\":"), { problem: "the text ends too early", offset: 6 })
  })

  it("finds a mistake in what JSON.parse refuses, at a place up to which the text could be JSON", () => {
    fc.assert(fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (json, at, noise) => {
      const text = json.slice(0, at % (json.length + 1)) + noise + json.slice(at % (json.length + 1))
      const parsed = JsonText.parse(text)
      let valid = true
      try {
        JSON.parse(text)
      } catch {
        valid = false
      }
      assert.strictEqual(parsed._tag === "Json", valid)
      if (parsed._tag === "Mistake") assert.isTrue(parsed.offset >= 0 && parsed.offset <= text.length)
    }))
  })

  it("copes with any depth", () => {
    const parsed = JsonText.parse("[".repeat(200_000))
    assert.deepInclude(parsed, { _tag: "Mistake", offset: 200_000 })
  })
})
