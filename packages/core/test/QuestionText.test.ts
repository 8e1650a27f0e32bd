import { assert, describe, it } from "@effect/vitest"
import * as QuestionText from "../src/QuestionText.ts"

describe("the text of a question", () => {
  it("is one line in a sentence, with a sign where there is more", () => {
    assert.strictEqual(QuestionText.headline("Refund 4 €?"), "Refund 4 €?")
    assert.strictEqual(QuestionText.headline("\n Refund 4 €? \n\n"), "Refund 4 €?")
    assert.strictEqual(QuestionText.headline("Change a.txt?\r\n\r\n-one\r\n+two"), "Change a.txt? …")
    assert.strictEqual(QuestionText.headline(""), "")
  })

  it("is told line by line, and those after an empty one stay as they are", () => {
    assert.deepStrictEqual(QuestionText.linesOf("Change?\n\n  -one\n\n+two\n"), ["Change?", "  -one", "", "+two"])
  })
})
