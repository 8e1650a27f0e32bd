/**
 * Asks people. Approved after `quorum.approvals` of the approvers said so
 * (one, by default); denied by the first denial or, with `quorum.of`, as soon
 * as that many answers can no longer contain enough approvals. Its output is
 * the answer: the decision, who gave it, the choice, the arguments as edited.
 */
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import * as Problem from "../../ContractProblem.ts"
import * as StepShape from "../../StepShape.ts"

/** What the end of an approval's time means. */
const OnTimeout = Schema.Union([
  Schema.Literals(["deny", "approve", "fail"]),
  Schema.Struct({ next: Parts.Next })
]).annotate({ expected: "\"deny\", \"approve\", \"fail\", or { \"next\": the id of a step or null }" })

/** When it escalates, as far as that can be read. */
const stagesOf = ({ escalate }: StepShape.Loose) =>
  Array.isArray(escalate)
    ? escalate.flatMap((stage: { readonly afterMs?: unknown } | null, index) =>
      typeof stage?.afterMs === "number"
        ? [{ path: ["escalate", index, "afterMs"] as const, millis: stage.afterMs }]
        : []
    )
    : []

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
      notBy: Schema.optionalKey(
        Schema.Union([Parts.Text, Parts.list(Parts.Text, 1, 100, "names")]).annotate({
          expected: "\"requester\", a name or a role, or a list of these"
        })
      ),
      escalate: Schema.optionalKey(
        Parts.list(
          Schema.Struct({ afterMs: Parts.Millis, to: Parts.list(Parts.Text, 1, 100, "names") }),
          1,
          20,
          "stages"
        )
      ),
      remind: Schema.optionalKey(
        Schema.Struct({ everyMs: Parts.Millis, most: Parts.integer(1, 1_000, "a whole number of reminders") })
      ),
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
      preventSelfApproval:
        "Whether who asked for the run may not answer: the same as `notBy: \"requester\"`. Default false.",
      notBy:
        "Who may not answer, also with another role: `\"requester\"` is who started the run, or published the event that did; or names and roles.",
      escalate:
        "Who else may answer when nobody has decided for `afterMs`: stages in the order of their times, each with the names and roles of `to`.",
      remind:
        "Reminds those who have yet to answer, by the event `engine.approval.reminder`: `everyMs` while it is open, `most` times.",
      nextOnApproved: "Where the run goes on a yes.",
      nextOnDenied: "Where it goes on a no.",
      timeout: "How long the question is open: `ms`.",
      onTimeout: "What its end means. Default `\"deny\"`."
    }
  },
  check: {
    expressions: () =>
      [["prompt"], ["approvers"], ["choices"], ["args"], ["notBy"], ["escalate"]].map((path) => ({ path })),
    waits: (step) => [...StepShape.timeout(step), ...stagesOf(step)],
    problems: (step, path) => {
      const stages = stagesOf(step)
      const [end] = StepShape.timeout(step)
      return stages.flatMap(({ millis, path: place }, index) => {
        const before = stages[index - 1]?.millis ?? 0
        const expected = millis <= before
          ? `more than the ${before} ms of the stage before it`
          : end !== undefined && millis >= end.millis
          ? `less than the ${end.millis} ms for which the question is open`
          : undefined
        return expected === undefined ? [] : [Problem.make({
          path: [...path, ...place],
          code: "wrong-value",
          found: `${millis}`,
          expected
        })]
      })
    }
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
