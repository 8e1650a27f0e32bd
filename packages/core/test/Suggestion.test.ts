import { assert, describe, it } from "@effect/vitest"
import { didYouMean } from "../src/Suggestion.ts"

describe("Suggestion", () => {
  it("suggests what differs by a letter in three, and at most by three", () => {
    const kinds = ["task", "transform", "approval"]
    assert.strictEqual(didYouMean("tsak", kinds), "task")
    assert.strictEqual(didYouMean("TASK", kinds), "task")
    assert.strictEqual(didYouMean("aproval", kinds), "approval")
    assert.strictEqual(didYouMean("trnsfrm", kinds), "transform")
    assert.isUndefined(didYouMean("tbskz", kinds))
    assert.isUndefined(didYouMean("abcd", kinds))
    assert.isUndefined(didYouMean("t".repeat(200), ["t".repeat(199)]))
  })
})
