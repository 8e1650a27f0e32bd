/**
 * Asks people. Approved after `quorum.approvals` of the approvers said so
 * (one, by default); denied by the first denial or, with `quorum.of`, as soon
 * as that many answers can no longer contain enough approvals. Its output is
 * the answer: the decision, who gave it, the choice, the arguments as edited.
 */
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import * as StepShape from "../../StepShape.ts"

/** What the end of an approval's time means. */
const OnTimeout = Schema.Union([
  Schema.Literals(["deny", "approve", "fail"]),
  Schema.Struct({ next: Parts.Next })
]).annotate({ expected: "\"deny\", \"approve\", \"fail\", or { \"next\": the id of a step or null }" })

/** The kind `approval`: asks people, and goes on by their answer. */
export const approval = StepShape.make({
  kind: "approval",
  schema: {
    fields: {
      prompt: Parts.Text,
      approvers: Parts.list(Parts.Text, 1, 100, "approvers"),
      choices: Schema.optionalKey(Parts.list(Parts.Text, 1, 32, "choices")),
      args: Schema.optionalKey(Parts.Template),
      editable: Parts.withDefault(Schema.Boolean, false),
      quorum: Schema.optionalKey(
        Schema.Struct({
          approvals: Parts.integer(1, 100, "a whole number of approvals"),
          of: Schema.optionalKey(Parts.integer(1, 100, "a whole number of answers"))
        }).check(Schema.makeFilter(({ approvals, of }) => of === undefined || of >= approvals, {
          expected: "an `of` that is not less than `approvals`"
        }))
      ),
      preventSelfApproval: Parts.withDefault(Schema.Boolean, false),
      nextOnApproved: Parts.Next,
      nextOnDenied: Parts.Next,
      timeout: Schema.optionalKey(Schema.Struct({ ms: Parts.Millis })),
      onTimeout: Parts.withDefault(OnTimeout, "deny")
    },
    words: {
      kind: "Asks people. Its output is the answer.",
      prompt: "The question.",
      approvers: "Names and roles of those who may answer.",
      choices: "What may be chosen with a yes.",
      args: "Shown with the question, and what is approved.",
      editable: "Whether an approver may change `args`. Default false.",
      quorum: "`approvals`, how many must approve, and `of`, how many may answer.",
      preventSelfApproval: "Whether who started the run may not answer. Default false.",
      nextOnApproved: "Where the run goes on a yes.",
      nextOnDenied: "Where it goes on a no.",
      timeout: "How long the question is open: `ms`.",
      onTimeout: "What its end means. Default `\"deny\"`."
    }
  },
  check: {
    expressions: () => [{ path: ["prompt"] }, { path: ["approvers"] }, { path: ["choices"] }, { path: ["args"] }],
    waits: StepShape.timeout
  },
  needs: () => ({}),
  graph: {
    brackets: ["{{", "}}"],
    ways: () => [
      { label: "approved", path: ["nextOnApproved"] },
      { label: "denied", path: ["nextOnDenied"] },
      { label: "timeout", path: ["onTimeout", "next"] }
    ]
  }
})
