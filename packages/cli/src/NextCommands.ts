/**
 * The exact commands with which somebody makes a suspended run go on.
 */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import type { ApprovalView } from "@fermata/core/RunView"
import * as Suspension from "@fermata/core/Suspension"
import type { Wait } from "@fermata/core/Wait"
import * as Commands from "./Commands.ts"

/** A run that waits, and who reads about it. */
export interface Place {
  readonly runId: string
  readonly workflow: string
  readonly waits: ReadonlyArray<Wait>
  /** The identity that the reader acts under by default. */
  readonly as: string
  /** The names of the reader where a token says them: nobody acts as another then. */
  readonly roles?: ReadonlyArray<string> | undefined
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
 * command can be given. What there is to do is said by core's `Suspension`.
 */
export const nextCommands = (place: Place): ReadonlyArray<string> =>
  place.waits.flatMap((wait) => Suspension.actionsOf(wait).map((action) => commandOf(place, wait, action)))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const commandOf = (place: Place, wait: Wait, action: Suspension.Action): string => {
  const { runId } = place
  const sample = place.samples?.get(wait.key)
  switch (action.verb) {
    case "approve":
    case "deny": {
      const isOneOfSeveral = place.waits.filter(({ reason }) => reason === "approval").length > 1
      const question = place.approvals?.find(({ key, status }) => key === action.key && status === "open")
      const who = question === undefined ? wait.who ?? [] : Suspension.wanted(question)
      const names = place.roles ?? [place.as]
      const isOther = who.length > 0 && !who.some((name) => names.includes(name))
      const answer = {
        target: isOneOfSeveral ? `${runId}/${action.key}` : runId,
        as: isOther && place.roles === undefined ? who[0] : undefined,
        hash: question === undefined ? undefined : hashOf(question)
      }
      const command = action.verb === "deny"
        ? Commands.deny(answer)
        : Commands.approve({ ...answer, choice: question?.choices[0] })
      return isOther && place.roles !== undefined ? `# with a token of ${who.join(" or ")}: ${command}` : command
    }
    case "signal":
    case "emit":
      if (sample?._tag === "Words") return `# ${sample.text}`
      if (sample === undefined) return `# with what the signal carries: ${Commands.signalWith(runId, wait.key)}`
      return action.verb === "emit"
        ? Commands.emit(action.event, sample.value)
        : Commands.signal(runId, action.name, sample.value)
    case "raise-day":
      return `# with what all runs of "${place.workflow}" may spend more on this day: ${
        Commands.raiseDay(place.workflow, action.unit)
      }`
    case "raise":
      return `# with what it may spend more: ${Commands.raise(runId, action.unit)}`
    case "cancel":
      return Commands.cancelForever(runId)
    case "resume":
      return wait.reason === "operator"
        ? Commands.resumeHeld(runId)
        : wait.reason === "recovery"
        ? Commands.resumeAfterCrashes(runId)
        : Commands.resumeMended(runId)
    case "confirm":
      return Commands.confirmRestored(runId)
    case "settle":
      if (action.as === "retry") return Commands.settleRetry(runId, action.key)
      if (action.as === "fail") return Commands.settleFail(runId, action.key)
      return sample?._tag === "Json"
        ? Commands.settleDone(runId, action.key, sample.value)
        : `# or, with the output that it had: ${Commands.settleDoneWith(runId, action.key)}`
    case "show":
      return Commands.seeChild(action.run)
  }
}

/** Names the arguments, once somebody has edited them. */
const hashOf = (question: ApprovalView): string | undefined => {
  const { editedBy, hash } = ApprovalRule.standing(question, question.answers).proposal
  return editedBy === undefined || hash === undefined ? undefined : ApprovalRule.short(hash)
}
