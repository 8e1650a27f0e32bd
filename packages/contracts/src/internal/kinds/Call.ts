/** Runs another workflow as a child run, waits for it, and has its result as output. */
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import * as StepShape from "../../StepShape.ts"

/** The kind `call`: runs a program by its name, or a contract by its id. */
export const call = StepShape.make({
  kind: "call",
  schema: {
    fields: {
      workflow: Parts.matching(
        /^[A-Za-z0-9_./:@-]{1,200}$/,
        "the name of a workflow or the id of a contract: letters, digits, . _ / : @ and -"
      ),
      version: Schema.optionalKey(Parts.Text),
      input: Parts.withDefault(Parts.Template, null),
      next: Parts.Next
    },
    words: {
      kind:
        "Runs another workflow as a child of the run, and waits for it. Its output is what that comes to; where that fails, the step fails with its reason.",
      workflow: "The name of a program, or the id of a contract. It may be the contract itself, at most 16 runs deep.",
      version: "The version; the newest when absent. Which one it is, is decided once, when the run comes to the step.",
      input: "What a contract sees as `input`, or the payload of a program. Default `null`.",
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [{ path: ["input"] }],
    asks: ({ workflow }) =>
      typeof workflow === "string" ? { request: { kind: "workflow:call", workflow }, field: "workflow" } : undefined,
    output: ({ version, workflow }, outputOf) =>
      typeof workflow !== "string" || (version !== undefined && typeof version !== "string")
        ? undefined
        : outputOf(version === undefined ? { workflow } : { workflow, version })
  },
  needs: ({ version, workflow }) => ({ calls: [version === undefined ? { workflow } : { workflow, version }] }),
  graph: { brackets: ["[[", "]]"], ways: () => [StepShape.next] }
})
