/** What a tenant may have open at a time: no start goes above it, and none is refused below it. */
import type { Model } from "../Linearizability.ts"

export type QuotaInput =
  | { readonly do: "limit"; readonly most: number }
  /** Starts a run by a key that is its own. */
  | { readonly do: "start"; readonly key: string }
  /** Ends a run: from when it was told to until it was seen to have ended. */
  | { readonly do: "end"; readonly key: string }
  | { readonly do: "look" }

export type QuotaOutput =
  | { readonly said: "done" }
  /** `joined`: a start of this key had gone through before. */
  | { readonly said: "started" | "joined" | "full" }
  | { readonly said: "has"; readonly open: number; readonly runs: number }

/** Keys in order, so that equal states have one text. */
interface State {
  readonly most: number | null
  readonly open: ReadonlyArray<string>
  readonly ended: ReadonlyArray<string>
}

export const quota: Model<State, QuotaInput, QuotaOutput> = {
  initial: { most: null, open: [], ended: [] },
  apply: (state, asked, output) => {
    const { ended, most, open } = state
    switch (asked.do) {
      case "limit":
        return { ...state, most: asked.most }
      case "look": {
        const isSo = output === undefined ||
          (output.said === "has" && output.open === open.length && output.runs === open.length + ended.length)
        return isSo ? state : undefined
      }
      case "end":
        // Whoever comes second waits for the same end.
        if (!open.includes(asked.key)) return output === undefined || ended.includes(asked.key) ? state : undefined
        return { most, open: open.filter((key) => key !== asked.key), ended: [...ended, asked.key].sort() }
      case "start": {
        const said = open.includes(asked.key) || ended.includes(asked.key)
          ? "joined"
          : most !== null && open.length >= most
          ? "full"
          : "started"
        if (output !== undefined && output.said !== said) return undefined
        return said === "started" ? { ...state, open: [...open, asked.key].sort() } : state
      }
    }
  }
}
