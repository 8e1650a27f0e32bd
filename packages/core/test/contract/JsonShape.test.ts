import { assert, describe, it } from "@effect/vitest"
import * as JsonShape from "../../src/contract/JsonShape.ts"

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
    assert.deepStrictEqual(JsonShape.mismatches(shape, { kind: "joke", score: 11 }).map(({ path }) => path), ["kind", "score"])
    assert.deepStrictEqual(JsonShape.mismatches(shape, null), [{ path: "", expected: "object" }])
  })
})
