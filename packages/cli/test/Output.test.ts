import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { failed, fromUnknown, refused } from "../src/CommandFailed.ts"
import { plain, table } from "../src/Output.ts"

class Odd extends Schema.TaggedError<Odd>()("Odd", { number: Schema.Int, problems: Schema.Array(Schema.Struct({ message: Schema.String })) }) {
  override get message(): string {
    return `${this.number} is odd\n  at ["number"]:${this.problems.map(({ message }) => `\n- ${message}`).join("")}`
  }
}

describe("Output", () => {
  it("makes text from outside harmless for a terminal", () => {
    assert.strictEqual(plain("a\u001b[31mb\u0007\u009b1m"), "a\\u001b[31mb\\u0007\\u009b1m")
  })

  it("puts rows in columns, each in one line", () => {
    assert.deepStrictEqual(
      table(["A", "LONG"], [["one", "1"], ["a\nb", "22"], ["a \u00a0b", ""]]),
      ["A     LONG", "one   1", "a\\nb  22", "a b"]
    )
  })
})

describe("CommandFailed", () => {
  it("is what refusals and failures become", () => {
    assert.deepInclude(fromUnknown(refused("A", "no")), { exitCode: 2, code: "A", message: "no" })
    assert.deepInclude(fromUnknown(failed("B", "broken")), { exitCode: 1 })
  })

  it("takes typed errors as refusals, with their fields, and their lists as details", () => {
    const problems = [{ message: "one" }, { message: "three\n- forged" }]
    const failure = fromUnknown(new Odd({ number: 3, problems }))
    assert.deepInclude(failure, { exitCode: 2, code: "Odd", message: "3 is odd at [\"number\"]:", details: ["- one", "- three\n- forged"] })
    assert.deepStrictEqual(failure.fields, { number: 3, problems })
  })

  it("takes anything else as a failure, and says how to see more", () => {
    assert.deepInclude(fromUnknown(new TypeError("x is no function")), { exitCode: 1, code: "Unexpected", message: "x is no function" })
    assert.deepInclude(fromUnknown("boom"), { message: "boom" })
  })
})
