/** Starts of one workflow by one key: the first starts, and all others join it and are told whose input it has. */
import type { Model } from "../Linearizability.ts"

export type StartInput =
  | { readonly do: "start"; readonly input: string }
  /** Looks at a run of this id. */
  | { readonly do: "look"; readonly run: string }

export type StartOutput =
  | { readonly run: string; readonly joined: boolean; readonly otherInput: boolean }
  /** With which input the run was found; null where there is none. */
  | { readonly input: string | null }

/** `run` is null as long as nobody has heard of its id. */
type State = null | { readonly input: string; readonly run: string | null }

export const startByKey: Model<State, StartInput, StartOutput> = {
  initial: null,
  apply: (state, asked, output) => {
    if (asked.do === "look") {
      if (output === undefined || !("input" in output)) return output === undefined ? state : undefined
      const isThere = state !== null && (state.run === null || state.run === asked.run)
      if (output.input === null) return isThere && state.run !== null ? undefined : state
      return isThere && state.input === output.input ? { ...state, run: asked.run } : undefined
    }
    if (output === undefined) return state ?? { input: asked.input, run: null }
    if ("input" in output) return undefined
    const { joined, otherInput, run } = output
    if (state === null) return joined || otherInput ? undefined : { input: asked.input, run }
    const isSame = state.run === null || state.run === run
    return joined && isSame && otherInput === (asked.input !== state.input) ? { ...state, run } : undefined
  }
}
