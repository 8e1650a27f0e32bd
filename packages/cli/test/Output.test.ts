import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { failed, fromUnknown, refused } from "../src/CommandFailed.ts"
import { lineOf, table } from "../src/Output.ts"

class Odd extends Schema.TaggedError<Odd>()("Odd", {
  number: Schema.Int,
  problems: Schema.Array(Schema.Struct({ message: Schema.String }))
}) {
  override get message(): string {
    return `${this.number} is odd\n  at ["number"]:${this.problems.map(({ message }) => `\n- ${message}`).join("")}`
  }
}

describe("Output", () => {
  it("makes text from outside harmless for a terminal", () => {
    assert.strictEqual(lineOf("a\u001b[31mb\u0007\u009b1m"), "a\\u001b[31mb\\u0007\\u009b1m")
  })

  it("puts rows in columns, each in one line", () => {
    assert.deepStrictEqual(
      table(["A", "LONG"], [["one", "1"], ["a\nb", "22"], ["a \u00a0b", ""]]),
      ["A     LONG", "one   1", "a\\nb  22", "a b"]
    )
  })
})

describe("a table", () => {
  it("fits a width, and cuts one column after the other for it, with a sign that it did", () => {
    const head = ["RUN", "WORKFLOW", "WAITS FOR"]
    const rows = [[
      "1f0c",
      "a-workflow-with-a-long-name@1.0.0",
      "something that takes a whole line of its own, and more"
    ], ["2", "b", "c"]]
    const lines = (width: number) => table(head, rows, undefined, { width, shrinks: [2, 1] })
    for (const width of [50, 60, 80]) assert.isAtMost(Math.max(...lines(width).map(({ length }) => length)), width)
    assert.deepStrictEqual(lines(60), [
      "RUN   WORKFLOW                           WAITS FOR",
      "1f0c  a-workflow-with-a-long-name@1.0.0  something that tak…",
      "2     b                                  c"
    ])
    assert.strictEqual(lines(40)[1], "1f0c  a-workflow-with-a-l…  something t…")
    assert.deepStrictEqual(table(head, rows), lines(200))
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
    assert.deepInclude(failure, {
      exitCode: 2,
      code: "Odd",
      message: "3 is odd at [\"number\"]:",
      details: ["- one", "- three\n- forged"]
    })
    assert.deepStrictEqual(failure.fields, { number: 3, problems })
  })

  it("takes anything else as a failure, and says how to see more", () => {
    assert.deepInclude(fromUnknown(new TypeError("x is no function")), {
      exitCode: 1,
      code: "Unexpected",
      message: "x is no function"
    })
    assert.deepInclude(fromUnknown("boom"), { message: "boom" })
  })
})
