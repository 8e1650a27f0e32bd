/** Raises of what a workflow may spend on a day: each id counts once, and every answer has the sum of all. */
import type { Model } from "../Linearizability.ts"

export type RaiseInput =
  | { readonly do: "raise"; readonly id: string; readonly micros: number }
  | { readonly do: "look" }

export type RaiseOutput =
  | { readonly said: "accepted" | "duplicate"; readonly sum: number }
  /** Every raise of the day, by its id. */
  | { readonly said: "raises"; readonly raises: Readonly<Record<string, number>> }

/** What counts, by id. */
type State = Readonly<Record<string, number>>

export const dayRaise: Model<State, RaiseInput, RaiseOutput> = {
  initial: {},
  apply: (state, asked, output) => {
    if (asked.do === "look") {
      return output === undefined || (output.said === "raises" && textOf(output.raises) === textOf(state))
        ? state
        : undefined
    }
    const isKnown = Object.hasOwn(state, asked.id)
    const after = isKnown ? state : sorted({ ...state, [asked.id]: asked.micros })
    if (output === undefined) return after
    if (output.said === "raises" || (output.said === "duplicate") !== isKnown) return undefined
    return output.sum === sumOf(after) ? after : undefined
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Equal states have one text. */
const sorted = (raises: State): State =>
  Object.fromEntries(Object.entries(raises).sort(([one], [other]) => one < other ? -1 : 1))

const textOf = (raises: State): string => JSON.stringify(sorted(raises))

const sumOf = (raises: State): number => Object.values(raises).reduce((sum, micros) => sum + micros, 0)
