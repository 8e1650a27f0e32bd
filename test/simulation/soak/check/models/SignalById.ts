/** Signals of one id to one run: the first is accepted and in the journal, all others are told that it is there. */
import type { Model } from "../Linearizability.ts"

export type SignalInput =
  | { readonly do: "send"; readonly payload: string }
  /** Reads the journal of the run, which has ended. */
  | { readonly do: "read" }

export type SignalOutput =
  | { readonly said: "accepted" | "duplicate" | "closed" }
  /** What the journal has of this id. */
  | { readonly said: "journal"; readonly payloads: ReadonlyArray<string> }

interface State {
  readonly payload: string | null
  /** The run has ended. */
  readonly closed: boolean
}

export const signalById: Model<State, SignalInput, SignalOutput> = {
  initial: { payload: null, closed: false },
  apply: (state, asked, output) => {
    if (asked.do === "read") {
      if (output === undefined) return state
      if (output.said !== "journal") return undefined
      return output.payloads.join() === (state.payload ?? "") &&
          output.payloads.length === (state.payload === null ? 0 : 1)
        ? { ...state, closed: true }
        : undefined
    }
    // Sent to a run that has ended, or sent again: it leaves nothing.
    const isTaken = state.payload === null && !state.closed
    if (output === undefined) return isTaken ? { ...state, payload: asked.payload } : state
    switch (output.said) {
      case "accepted":
        return isTaken ? { ...state, payload: asked.payload } : undefined
      case "duplicate":
        return state.payload === null ? undefined : state
      case "closed":
        return { ...state, closed: true }
      default:
        return undefined
    }
  }
}
