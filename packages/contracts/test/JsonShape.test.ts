import { assert, describe, it } from "@effect/vitest"
import type { Schema } from "effect"
import * as JsonShape from "../src/JsonShape.ts"

const shape: JsonShape.JsonShape = {
  type: "object",
  properties: {
    kind: { type: "string", enum: ["bug", "question"] },
    score: { type: "integer", minimum: 0, maximum: 10 },
    tags: { type: "array", items: { type: "string", minLength: 1 }, maxItems: 2 }
  },
  required: ["kind"],
  additionalProperties: false
}

describe("JsonShape.mismatches", () => {
  it("is empty for a value that fits", () => {
    assert.deepStrictEqual(JsonShape.mismatches(shape, { kind: "bug", score: 3, tags: ["a"] }), [])
    assert.deepStrictEqual(JsonShape.mismatches({}, { anything: [1, null] }), [])
  })

  it("names every place that does not fit and what was expected there", () => {
    assert.deepStrictEqual(JsonShape.mismatches(shape, { score: 10.5, tags: ["", 5, "c"], more: 1 }), [
      { path: "kind", expected: "a value, because it is required" },
      { path: "score", expected: "integer" },
      { path: "tags", expected: "at most 2 items" },
      { path: "tags[0]", expected: "at least 1 characters" },
      { path: "tags[1]", expected: "string" },
      { path: "more", expected: "no such property" }
    ])
    assert.deepStrictEqual(JsonShape.mismatches(shape, { kind: "joke", score: 11 }).map(({ path }) => path), [
      "kind",
      "score"
    ])
    assert.deepStrictEqual(JsonShape.mismatches(shape, null), [{ path: "", expected: "object" }])
  })

  it("takes both ends of a bound", () => {
    const text: JsonShape.JsonShape = { type: "string", minLength: 2, maxLength: 3 }
    const places = (shape: JsonShape.JsonShape, values: ReadonlyArray<Schema.Json>) =>
      values.map((value) => JsonShape.mismatches(shape, value).length)
    assert.deepStrictEqual(places(text, ["a", "ab", "abc", "abcd"]), [1, 0, 0, 1])
    assert.deepStrictEqual(places({ minimum: 1, maximum: 2 }, [0, 1, 2, 3]), [1, 0, 0, 1])
    assert.deepStrictEqual(places({ minItems: 1, maxItems: 2 }, [[], [1], [1, 2], [1, 2, 3]]), [1, 0, 0, 1])
  })

  it("compares the values of an enum whole", () => {
    const values: ReadonlyArray<Schema.Json> = [{ a: 1, b: [2, 3] }, [], null]
    for (const value of [{ b: [2, 3], a: 1 }, [], null] as const) {
      assert.deepStrictEqual(JsonShape.mismatches({ enum: values }, value), [])
    }
    for (
      const value of [
        { a: 1 },
        { a: 1, b: [2] },
        { a: 1, b: [2, 4] },
        { a: 1, c: [2, 3] },
        { a: 1, b: [2, 3], c: 1 },
        {},
        [[]],
        0,
        "null"
      ]
    ) {
      assert.lengthOf(JsonShape.mismatches({ enum: values }, value), 1, JSON.stringify(value))
    }
  })
})
