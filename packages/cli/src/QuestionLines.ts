/** What a question shows behind its first line, so that people see exactly what they answer. */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import { linesOf } from "@fermata/core/QuestionText"
import type { ApprovalView } from "@fermata/core/RunViewSchema"

/** What is asked: `edit` is what somebody has made of the arguments. */
export interface Asked {
  readonly prompt: string
  readonly args?: unknown
  readonly edit?: { readonly args: unknown }
}

/**
 * The further lines of its text, such as the difference that a call makes to a file; where there are none, or somebody
 * has edited them, the arguments as they would be taken now.
 */
export const of = ({ args, edit, prompt }: Asked): ReadonlyArray<string> => {
  const rest = linesOf(prompt).slice(1)
  if (edit !== undefined) return [...rest, ...json(edit.args)]
  return rest.length > 0 || args === undefined ? rest : json(args)
}

/** The same of a question as the journal of its run tells it. */
export const ofView = (question: ApprovalView): ReadonlyArray<string> => {
  const { args, editedBy } = ApprovalRule.standing(question, question.answers).proposal
  const edit = editedBy === undefined ? {} : { edit: { args } }
  return of({ prompt: question.prompt, args: question.args, ...edit })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const json = (value: unknown): ReadonlyArray<string> => JSON.stringify(value, undefined, 2).split("\n")
