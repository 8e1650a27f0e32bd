/**
 * Does the same for each item of a list: the steps inside it are a graph that
 * runs once per item, `concurrency` of them at a time. They see the item as
 * `item`, its place as `index`, and what the step itself sees. Its output is the
 * list of what the items came to, in their order.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import * as Problem from "../../ContractProblem.ts"
import * as StepShape from "../../StepShape.ts"

const taken: ReadonlySet<string> = new Set([...Parts.scopeNames, "event", "item", "index"])

/** What a document may say in a step of the kind `map`. */
export const map = StepShape.make({
  kind: "map",
  schema: {
    fields: (steps) => ({
      items: Parts.Template,
      as: Schema.optionalKey(Parts.StateName),
      concurrency: Parts.withDefault(Parts.integer(1, 1000, "a whole number of items at a time"), 1),
      onFailure: Parts.withDefault(Parts.OnFailure, "fail"),
      ...Parts.bodyFields(steps),
      next: Parts.Next
    }),
    words: {
      kind:
        "Does the same for each item of a list. Its output is the list of what they came to, in the order of the items.",
      items:
        "The list, or an expression for it, such as `{{ input.orders }}`. Its steps see one item as `item` and its place, from 0, as `index`.",
      as: "One more name for the item, for steps in a `map` inside this one.",
      concurrency: "How many items are worked on at a time. Default 1.",
      onFailure: Parts.words.onFailure("an item"),
      ...Parts.words.body,
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [{ path: ["items"] }],
    problems: ({ as }, path) =>
      typeof as !== "string" || !taken.has(as) ? [] : [Problem.make({
        path: [...path, "as"],
        code: "wrong-value",
        found: StoredJson.quote(as),
        expected: "a name that expressions do not see already",
        message: `expressions see ${StoredJson.quote(as)} already; choose another name`
      })]
  },
  needs: () => ({}),
  graph: {
    brackets: ["[[", "]]"],
    ways: () => [StepShape.next],
    inside: ({ as }) => [{ path: [], label: "each", names: ["item", "index", ...typeof as === "string" ? [as] : []] }]
  }
})
