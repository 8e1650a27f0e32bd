/** Goes to the `next` of the first case whose `when` is true, else to `default`. Its output is the number of the case, or null. */
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import * as StepShape from "../../StepShape.ts"

const casesOf = (step: StepShape.Loose): ReadonlyArray<unknown> => {
  const cases = step["cases"]
  return Array.isArray(cases) ? cases : []
}

/** The kind `branch`: goes on by the first condition that holds. */
export const branch = StepShape.make({
  kind: "branch",
  schema: {
    fields: {
      cases: Parts.list(Schema.Struct({ when: Parts.Expression, next: Parts.Next }), 1, 100, "cases"),
      default: Parts.Next
    },
    words: {
      kind: "Goes on by the first case that holds. Its output is the number of the case, or `null`.",
      cases: "In order: `when`, an expression, and `next`, where the run goes when it is true.",
      default: "Where it goes when none holds."
    }
  },
  check: {
    expressions: (step) => casesOf(step).map((_, index) => ({ path: ["cases", index, "when"], whole: true }))
  },
  needs: () => ({}),
  graph: {
    brackets: ["{", "}"],
    ways: (step) => [
      ...casesOf(step).map((item, index) => {
        const when = StepShape.at(item, "when")
        return { label: typeof when === "string" ? when : `case ${index + 1}`, path: ["cases", index, "next"] }
      }),
      { label: "otherwise", path: ["default"] }
    ]
  }
})
