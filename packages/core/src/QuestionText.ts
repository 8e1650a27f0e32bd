/**
 * What people have to know about a question beside its text.
 */
import * as ApprovalRouting from "./ApprovalRouting.ts"
import * as ApprovalRule from "./ApprovalRule.ts"
import type { OpenApproval } from "./Question.ts"
import type { ApprovalView } from "./RunViewSchema.ts"
import * as TimeText from "./TimeText.ts"

/** The first line of what a question asks, with a sign where there is more of it. */
export const headline = (prompt: string): string => {
  const [first = "", ...rest] = linesOf(prompt)
  return rest.length === 0 ? first : `${first} …`
}

/** The lines of what a question asks, without empty ones behind the first. */
export const linesOf = (prompt: string): ReadonlyArray<string> => {
  const [first = "", ...rest] = prompt.trim().split(/\r?\n/)
  const begin = rest.findIndex((line) => line.trim() !== "")
  return [first, ...(begin < 0 ? [] : rest.slice(begin))]
}

/** What there is to choose, which rules it may let stand, and what somebody has edited. */
export const asides = (
  { choices, edit, hash, standing }: Pick<OpenApproval, "choices" | "edit" | "hash" | "standing">
): ReadonlyArray<string> => [
  ...(edit !== undefined
    ? []
    : (standing?.rules ?? []).map((rule, index) => {
      const opens = standing?.opens?.[index]
      return `--always ${index + 1} lets ${rule} stand${opens === undefined ? "" : `, which opens ${opens}`}`
    })),
  ...(choices.length === 0 ? [] : [`choose one of ${choices.join(", ")}`]),
  ...(edit === undefined || hash === undefined
    ? []
    : [`${edit.by} has edited the arguments (now ${ApprovalRule.short(hash)}): ${edit.changes.join(", ")}`])
]

/** The same of a question as the journal of its run tells it, with how far it is when it takes more than one. */
export const asidesOf = (question: ApprovalView): ReadonlyArray<string> => {
  const standing = ApprovalRule.standing(question, question.answers)
  const { args, editedBy, hash } = standing.proposal
  return [
    ...(question.quorum === 1 ? [] : [ApprovalRule.progress(question, standing)]),
    ...asides({
      choices: question.choices,
      ...(question.standing === undefined ? {} : { standing: question.standing }),
      ...(hash === undefined ? {} : { hash }),
      ...(editedBy === undefined
        ? {}
        : { edit: { args, by: editedBy, changes: ApprovalRule.difference(question.args, args) } })
    })
  ]
}

/** Whom an open question went to beside those who were asked, and whom it goes to next, at this time (ms since the epoch). */
export const routes = (question: ApprovalRouting.Asked, now: number): ReadonlyArray<string> => {
  const next = ApprovalRouting.due(question, ["escalate"])
  const stage = question.escalate?.[ApprovalRouting.stagesOf(question)]
  return [
    ...Array.from(ApprovalRouting.places(question).values(), (chain) => `handed on ${chain.join(" → ")}`),
    ...(question.routed ?? []).flatMap((item) =>
      item.kind === "escalate" ? [`escalated to ${item.to.join(", ")} ${TimeText.fromNow(item.at, now)}`] : []
    ),
    ...(next === undefined || stage === undefined
      ? []
      : [`escalates to ${stage.to.join(", ")} ${TimeText.fromNow(next.at, now)}`])
  ]
}
