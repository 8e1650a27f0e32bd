/**
 * Does several things at a time: each branch is a graph of its own, which sees
 * what the step itself sees. Waits for all of them, or for the first that
 * succeeds.
 */
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import * as Problem from "../../ContractProblem.ts"
import * as StepShape from "../../StepShape.ts"

/** The names of the branches of a step that may be broken. */
const namesOf = (step: StepShape.Loose): ReadonlyArray<string> => {
  const branches = step["branches"]
  return typeof branches === "object" && branches !== null && !Array.isArray(branches) ? Object.keys(branches) : []
}

/** What a document may say in a step of the kind `parallel`. */
export const parallel = StepShape.make({
  kind: "parallel",
  schema: {
    fields: (steps) => ({
      branches: Schema.Record(Parts.StepId, Schema.Struct(Parts.bodyFields(steps))).check(
        Schema.isBetweenProperties(1, 100, { expected: "from 1 to 100 branches" })
      ),
      wait: Parts.withDefault(Schema.Literals(["all", "first"]), "all"),
      onFailure: Parts.withDefault(Parts.OnFailure, "fail"),
      next: Parts.Next
    }),
    words: {
      kind:
        "Does several things at a time. Its output has what each branch came to under its name; with `\"wait\": \"first\"` it is `{ branch, output }` of the fastest.",
      branches:
        "By name: `steps`, `entryStepId` (the first when absent), and `output`, what the branch comes to (the output of its last step when absent).",
      wait:
        "`\"all\"` waits for all branches; `\"first\"` for the first that succeeds, and the others are interrupted. Default `\"all\"`.",
      onFailure: Parts.words.onFailure("a branch"),
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [],
    problems: (step, path) => [
      ...step["wait"] !== "first" || step["onFailure"] !== "collect" ? [] : [Problem.make({
        path: [...path, "onFailure"],
        code: "wrong-value",
        found: "\"collect\"",
        expected: "\"fail\" where \"wait\" is \"first\"",
        message:
          "a step that waits for the first branch that succeeds collects no failures; leave it out, or wait for all"
      })],
      ...!namesOf(step).includes(StepShape.undo.label) ? [] : [Problem.make({
        path: [...path, "branches", StepShape.undo.label],
        code: "wrong-value",
        found: "\"undo\"",
        expected: "another name of a branch",
        message: "the keys of \"undo\" are those of what undoes the step; give the branch another name"
      })]
    ]
  },
  needs: () => ({}),
  graph: {
    brackets: ["[[", "]]"],
    ways: () => [StepShape.next],
    inside: (step) => namesOf(step).map((name) => ({ path: ["branches", name], label: name, names: [] }))
  }
})
