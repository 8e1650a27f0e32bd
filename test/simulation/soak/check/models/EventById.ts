/** Events of one id: published once, whoever publishes them, and so they start one run. */
import type { Model } from "../Linearizability.ts"

export type EventInput =
  | { readonly do: "emit" }
  /** Counts the runs that it has started, when it has long been handed on. */
  | { readonly do: "read" }

export type EventOutput = { readonly said: "published" } | { readonly said: "read"; readonly runs: number }

/** Whether it is published. `runs` of an event that starts none is 0. */
export const eventById = (starts: boolean): Model<boolean, EventInput, EventOutput> => ({
  initial: false,
  apply: (state, asked, output) => {
    if (asked.do === "emit") return output === undefined || output.said === "published" ? true : undefined
    return output === undefined || (output.said === "read" && output.runs === (state && starts ? 1 : 0))
      ? state
      : undefined
  }
})
