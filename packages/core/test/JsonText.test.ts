import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as JsonText from "../src/JsonText.ts"

/** The text around the place of the first mistake, with the mistake in brackets. */
const mark = (text: string): string => {
  const parsed = JsonText.parse(text)
  if (parsed._tag !== "Mistake") return "no mistake"
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
      assert.strictEqual(parsed._tag !== "Mistake", valid)
      if (parsed._tag === "Mistake") assert.isTrue(parsed.offset >= 0 && parsed.offset <= text.length)
    }))
  })

  it("copes with any depth", () => {
    const parsed = JsonText.parse("[".repeat(200_000))
    assert.deepInclude(parsed, { _tag: "Mistake", offset: 200_000 })
  })
})

/** What would be lost of a text: the place, the way to it and what is said. */
const lost = (text: string) => {
  const parsed = JsonText.parse(text)
  return parsed._tag === "Lossy"
    ? parsed.losses.map(({ column, line, path, problem }) => [`${line}:${column}`, path, problem])
    : parsed._tag
}

describe("what JSON that people give would lose", () => {
  it("integers beyond 2^53 are refused with what they would become, their place and what to do", () => {
    assert.deepStrictEqual(lost("{\"id\":3544790567247868102}"), [
      [
        "1:7",
        ["id"],
        "the number 3544790567247868102 would become 3544790567247868000; quote it: \"3544790567247868102\""
      ]
    ])
    for (
      const changed of [
        "9007199254740993",
        "-9007199254740993",
        "9007199254740993.0",
        "9007199254740993e0",
        "90071992547409.93e2",
        "123456789012345678.5",
        "12345678901234567890"
      ]
    ) {
      assert.match(String(lost(changed)), /would become/, changed)
    }
    for (const beyond of ["9007199254740994", "-10000000000000000", `1${"0".repeat(300)}`]) {
      assert.match(String(lost(beyond)), /is beyond 2\^53/, beyond)
    }
    for (
      const kept of [
        "9007199254740991",
        "-9007199254740992",
        "9007199254740992",
        "0",
        "-0",
        "1e21",
        "-1.5E+300",
        "1.7976931348623157e308"
      ]
    ) assert.strictEqual(lost(kept), "Json", kept)
  })

  it("overflow and underflow to 0 are refused, and decimals may be rounded", () => {
    for (const large of ["1e400", "-1e309", `1${"0".repeat(400)}`, "1.8e308"]) {
      assert.match(String(lost(`[${large}]`)), /is too large; quote it/, large)
    }
    for (const small of ["1e-400", "-0.5e-999", `0.${"0".repeat(400)}1`]) {
      assert.match(String(lost(`[${small}]`)), /would become 0; quote it/, small)
    }
    for (
      const kept of [
        "0.1",
        "3.141592653589793238462643",
        "123456789.123456789012345678",
        "0e999",
        "0.000e-999",
        "5e-324",
        "0.30000000000000004",
        "-0.0"
      ]
    ) {
      assert.strictEqual(lost(kept), "Json", kept)
    }
  })

  it("names that stand twice in one object are refused, however they are written", () => {
    assert.deepStrictEqual(lost("{\"a\":[{\"b\":1,\n\"c\":2,\"\\u0062\":3}]}"), [
      ["2:7", ["a", 0, "b"], "the name \"b\" stands there twice, first at line 1, column 8; only the last would count"]
    ])
    assert.lengthOf(lost("{\"\":1,\"\":2,\"\":3}"), 2)
    for (
      const kept of [
        "[{\"a\":1},{\"a\":2}]",
        "{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}",
        "{\"a\":\"a\",\"\\\\\":\"\\\"\",\"c\":\"{\\\"c\\\":1e400}\"}"
      ]
    ) assert.strictEqual(lost(kept), "Json", kept)
  })

  it("a name that programs take for something else is refused, and others of that kind are data", () => {
    assert.deepStrictEqual(lost("{\"a\":{\"__proto__\":1}}"), [[
      "1:7",
      ["a", "__proto__"],
      "the name \"__proto__\" is not kept by everything that reads JSON; choose another"
    ]])
    assert.lengthOf(lost("{\"__\\u0070roto__\":{}}"), 1)
    assert.strictEqual(lost("{\"constructor\":1,\"toString\":2,\"__proto\":3}"), "Json")
  })

  it("what is deeper or longer than what can be stored is refused at its place", () => {
    const nested = (levels: number) => `${"[".repeat(levels)}1e400${"]".repeat(levels)}`
    assert.match(String(lost(nested(1_000))), /too large/)
    assert.deepStrictEqual(lost(nested(1_001)).at(0)!.at(0), "1:1001")
    assert.match(String(lost(nested(200_000))), /more than 1,000 levels/)
    assert.match(String(lost(`"${"x".repeat(16 * 1024 * 1024)}"`)), /longer than 16,777,216 characters/)
  })

  it("tells several, each with its place, and not without end", () => {
    assert.lengthOf(lost("[1e400,{\"a\":1,\"a\":2},1e-400]"), 3)
    assert.lengthOf(lost(`[${"1e400,".repeat(100)}1]`), JsonText.mostLosses)
  })

  it("whatever is taken is what it says: written again it is the same, but for rounded decimals", () => {
    const integer = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n })
    fc.assert(fc.property(integer, fc.constantFrom("", "e0", ".0", "e3", "000e-3"), (value, end) => {
      // No number of JSON begins with 00.
      fc.pre(value !== 0n || end !== "000e-3")
      const text = `{"value":${value}${end}}`
      const parsed = JsonText.parse(text)
      const exact = BigInt(JSON.parse(text).value as number) === (end === "e3" ? value * 1000n : value)
      if (parsed._tag === "Json") assert.isTrue(exact)
      else assert.isTrue(!exact || value > 2n ** 53n || value < -(2n ** 53n))
    }))
    fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = JSON.stringify(value)
      if (!/__proto__|\d{16}|e[+-]?\d/.test(text)) {
        assert.deepStrictEqual(JsonText.parse(text), { _tag: "Json", value: JSON.parse(text) })
      }
    }))
  })
})
