/** A question to people: one no denies, so many different yeses grant, and nothing counts behind what decided. */
import type { Model } from "../Linearizability.ts"

/** Who may answer, and how many of them must approve. */
export interface QuestionSettings {
  readonly approvers: ReadonlyArray<string>
  readonly quorum: number
}

export type QuestionInput =
  | { readonly do: "answer"; readonly by: string; readonly decision: "approve" | "deny" }
  | { readonly do: "look" }
  /** What the run says that was decided, once it is over. */
  | { readonly do: "verdict" }

export type QuestionOutput =
  /** The answer was taken; how the question stands with it. */
  | { readonly said: "taken"; readonly stands: Stands }
  | { readonly said: "stands"; readonly stands: Stands }
  /**
   * `answered`: others have decided. `again`: this person has said the same before.
   * `stranger`: this person may not answer. `gone`: its run has gone on.
   */
  | { readonly said: "answered" | "again" | "stranger" | "gone" }

/** `answers` in their order, as `ann approve`. */
export interface Stands {
  readonly status: "open" | "granted" | "denied"
  readonly answers: ReadonlyArray<string>
}

export const question = (
  { approvers, quorum }: QuestionSettings
): Model<Stands, QuestionInput, QuestionOutput> => ({
  initial: { status: "open", answers: [] },
  apply: (state, asked, output) => {
    const isOpen = state.status === "open"
    if (asked.do !== "answer") {
      if (output === undefined) return state
      const isLate = output.said === "gone" || output.said === "answered"
      if (isLate) return isOpen || asked.do === "verdict" ? undefined : state
      if (output.said !== "stands" || (isOpen && asked.do === "verdict")) return undefined
      return isSame(output.stands, state) ? state : undefined
    }
    const answer = `${asked.by} ${asked.decision}`
    const refusal = !isOpen
      ? ["answered", "gone"]
      : !approvers.includes(asked.by)
      ? ["stranger"]
      : state.answers.includes(answer)
      ? ["again"]
      : undefined
    if (refusal !== undefined) return output === undefined || refusal.includes(output.said) ? state : undefined
    const answers = [...state.answers, answer]
    const yeses = answers.filter((answer) => answer.endsWith(" approve")).length
    const after: Stands = {
      status: asked.decision === "deny" ? "denied" : yeses >= quorum ? "granted" : "open",
      answers
    }
    return output === undefined || (output.said === "taken" && isSame(output.stands, after)) ? after : undefined
  }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isSame = (one: Stands, other: Stands): boolean =>
  one.status === other.status && one.answers.join() === other.answers.join()
