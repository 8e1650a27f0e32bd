import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Output from "../src/internal/Output.ts"

const shape = Output.shapeOf(Schema.Struct({ price: Schema.Int, at: Schema.optionalKey(Schema.Date) }))!

describe("an answer that must have a shape", () => {
  it("text has none", () => {
    assert.isUndefined(Output.shapeOf(Schema.String))
  })

  it("M-40: is read from JSON alone, and from the one fenced block of an answer", () => {
    for (
      const text of [
        "{\"price\":29}",
        "  {\"price\":29}\n",
        "Here:\n```json\n{\"price\":29}\n```\nDone.",
        "```\n{\"price\":29}\n```"
      ]
    ) {
      assert.deepStrictEqual(Output.read(text, shape), { _tag: "Fits", value: { price: 29 } })
    }
  })

  it("M-64, M-65: says whether it is no JSON, and where, or does not fit, and how", () => {
    const prose = Output.read("The price is 29.", shape)
    assert.deepInclude(prose, { _tag: "Unfit", code: "JSON_PARSE_FAILED" })
    assert.include(JSON.stringify(prose), "line 1")
    const wrong = Output.read("{\"price\":\"29\"}", shape)
    assert.deepInclude(wrong, { _tag: "Unfit", code: "SCHEMA_VALIDATION_FAILED" })
    assert.include(JSON.stringify(wrong), "price")
    assert.deepInclude(Output.read("```json\n1\n```\n```json\n2\n```", shape), { code: "JSON_PARSE_FAILED" })
  })

  it("the model is told its JSON Schema, in the form in which it is written", () => {
    const told = Output.instruction(shape)
    assert.include(told, "\"price\"")
    assert.include(told, "\"type\":\"string\"")
  })
})
