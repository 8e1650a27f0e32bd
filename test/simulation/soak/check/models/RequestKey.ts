/** Requests under one `Idempotency-Key`: one is done, its like are answered the same, and another is refused. */
import type { Model } from "../Linearizability.ts"

export interface RequestInput {
  /** What is asked for. */
  readonly body: string
}

export type RequestOutput =
  | { readonly said: "answer"; readonly answer: string; readonly replayed: boolean }
  | { readonly said: "reused" }

/** `answer` is null as long as nobody has heard it. */
type State = null | { readonly body: string; readonly answer: string | null }

export const requestKey: Model<State, RequestInput, RequestOutput> = {
  initial: null,
  apply: (state, { body }, output) => {
    if (output === undefined) return state ?? { body, answer: null }
    if (output.said === "reused") return state !== null && state.body !== body ? state : undefined
    const { answer, replayed } = output
    if (state === null) return replayed ? undefined : { body, answer }
    const isSame = state.body === body && (state.answer === null || state.answer === answer)
    return replayed && isSame ? { body, answer } : undefined
  }
}
