/** A task of a queue: there once, leased to one at a time, settled once and by who holds its last lease. */
import type { Model } from "../Linearizability.ts"

export type TaskInput =
  | { readonly do: "enqueue" }
  /** A worker was given it, as its attempt of this number. */
  | { readonly do: "lease"; readonly attempt: number }
  | { readonly do: "settle"; readonly attempt: number; readonly as: "completed" | "failed" }
  | { readonly do: "look" }

export type TaskOutput =
  | { readonly said: "added" | "joined" }
  | { readonly said: "leased" }
  /** `lost`: another holds it, or it is settled. */
  | { readonly said: "settled" | "lost" }
  | { readonly said: "stands"; readonly status: TaskState["status"] | "none" }

/** `attempt` is the last that was given out. */
export interface TaskState {
  readonly status: "queued" | "running" | "completed" | "failed"
  readonly attempt: number
}

export const task: Model<TaskState | null, TaskInput, TaskOutput> = {
  initial: null,
  apply: (state, asked, output) => {
    switch (asked.do) {
      case "enqueue":
        if (output !== undefined && output.said !== (state === null ? "added" : "joined")) return undefined
        return state ?? { status: "queued", attempt: 0 }
      case "look": {
        if (output === undefined) return state
        if (output.said !== "stands") return undefined
        // A lease that has ended gives it back to its queue at a time that nobody hears of, or ends it as the last of too many.
        const isGivenUp = state?.status === "running" && output.status === "failed" && state.attempt >= mostLost
        if (isGivenUp) return { ...state, status: "failed" }
        const isBack = state?.status === "running" && output.status === "queued"
        return isBack || output.status === (state?.status ?? "none") ? state : undefined
      }
      case "lease": {
        if (state === null || isOver(state)) return output === undefined ? state : undefined
        // Between two there may have been leases of which nobody has heard, since who was given them has died.
        return asked.attempt > state.attempt ? { status: "running", attempt: asked.attempt } : undefined
      }
      case "settle": {
        const isMine = state !== null && state.status === "running" && state.attempt === asked.attempt
        if (output?.said === "lost") {
          // A lease after this one, of which nobody has heard, takes it away too.
          return state === null || state.attempt < asked.attempt ? undefined : state
        }
        if (!isMine) return output === undefined ? state : undefined
        return { status: asked.as, attempt: asked.attempt }
      }
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** So many workers in a row may go away with a task before it has failed. */
const mostLost = 5

const isOver = ({ status }: TaskState): boolean => status === "completed" || status === "failed"
