/**
 * The exact commands with which somebody makes a suspended run go on.
 */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import { neverKey } from "@fermata/core/RunStatus"
import type { ApprovalView } from "@fermata/core/RunView"
import type { Wait } from "@fermata/core/Wait"
import * as Commands from "./Commands.ts"

/** A run that waits, and who reads about it. */
export interface Place {
  readonly runId: string
  readonly waits: ReadonlyArray<Wait>
  /** The identity that the reader acts under by default. */
  readonly as: string
  /** The questions of the run, as far as they are known. */
  readonly approvals?: ReadonlyArray<ApprovalView>
  /** What would end waits, by their keys, as far as that is known. */
  readonly samples?: Samples
}

/** What would end each wait, by its key. */
export type Samples = ReadonlyMap<string, Sample>

/** JSON that ends a wait, or words about what would. */
export type Sample = { readonly _tag: "Json"; readonly value: unknown } | {
  readonly _tag: "Words"
  readonly text: string
}

/**
 * The commands, most urgent first, and none for what ends by itself. One that
 * begins with `#`, as a comment does to a shell, is a remark where no whole
 * command can be given.
 */
export const nextCommands = (
  { approvals: questions = [], as, runId, samples, waits }: Place
): ReadonlyArray<string> => {
  const approvals = waits.filter(({ reason }) => reason === "approval")
  return waits.flatMap((wait): ReadonlyArray<string> => {
    switch (wait.reason) {
      case "approval": {
        const question = questions.find(({ key, status }) => key === wait.key && status === "open")
        const who = question === undefined ? wait.who ?? [] : stillWanted(question)
        const answer = {
          target: approvals.length > 1 ? `${runId}/${wait.key}` : runId,
          as: who.length === 0 || who.includes(as) ? undefined : who[0],
          hash: question === undefined ? undefined : hashOf(question)
        }
        return [Commands.approve({ ...answer, choice: question?.choices[0] }), Commands.deny(answer)]
      }
      case "signal": {
        const sample = samples?.get(wait.key)
        if (sample?._tag === "Words") return [`# ${sample.text}`]
        if (sample === undefined) {
          return [`# with what the signal carries: ${Commands.signalWith(runId, wait.key)}`]
        }
        // A run of a contract waits for events and for the completion of tasks by signals of these names.
        return [
          wait.key.startsWith("event:")
            ? Commands.emit(wait.key.slice("event:".length), sample.value)
            : Commands.signal(runId, wait.key, sample.value)
        ]
      }
      case "operator":
        return [wait.key === neverKey ? Commands.cancelForever(runId) : Commands.resumeHeld(runId)]
      case "diverged":
      case "corrupt":
      case "budget":
        return [Commands.resumeMended(runId)]
      case "recovery":
        return wait.key === "run"
          ? [Commands.resumeGivenUp(runId)]
          : settling(runId, wait.key, samples?.get(wait.key))
      case "outcome-unknown":
        return settling(runId, wait.key, samples?.get(wait.key))
      case "child":
        return [Commands.seeChild(wait.key)]
      case "handoff":
      case "timer":
        return []
    }
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const settling = (runId: string, step: string, sample: Sample | undefined): ReadonlyArray<string> => [
  Commands.settleRetry(runId, step),
  sample?._tag === "Json"
    ? Commands.settleDone(runId, step, sample.value)
    : `# or, with the output that it had: ${Commands.settleDoneWith(runId, step)}`,
  Commands.settleFail(runId, step)
]

/** Names the arguments, once somebody has edited them. */
const hashOf = (question: ApprovalView): string | undefined => {
  const { editedBy, hash } = ApprovalRule.standing(question, question.answers).proposal
  return editedBy === undefined || hash === undefined ? undefined : ApprovalRule.short(hash)
}

/** Who may still answer, so that it counts. */
const stillWanted = (question: ApprovalView): ReadonlyArray<string> => {
  const { wanted } = ApprovalRule.standing(question, question.answers)
  const others = wanted.length === 0 ? question.approvers : wanted
  return others.filter((name) => name !== question.requester)
}
