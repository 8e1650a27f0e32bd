/** Evaluates `set` and writes each of its names into `state`. Its output is the record of new values. */
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import * as StepShape from "../../StepShape.ts"

/** The kind `transform`: makes a value of what the run knows. */
export const transform = StepShape.make({
  kind: "transform",
  schema: {
    fields: {
      set: Schema.Record(Parts.StateName, Parts.Template).check(
        Schema.isBetweenProperties(1, 256, { expected: "from 1 to 256 names with their values" })
      ),
      next: Parts.Next
    },
    words: {
      kind: "Writes into `state`. Its output is what it wrote.",
      set: "Names of the state and their values.",
      next: Parts.words.next
    }
  },
  check: { expressions: () => [{ path: ["set"] }] },
  needs: () => ({ writesState: true }),
  graph: { brackets: ["[[", "]]"], ways: () => [StepShape.next] }
})
