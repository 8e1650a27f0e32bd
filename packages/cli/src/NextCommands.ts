/**
 * The exact commands with which somebody makes a suspended run go on.
 */
import { neverKey, type Wait } from "@fermata/core/RunStatus"
import { quoted } from "./Invocation.ts"

export interface Place {
  readonly runId: string
  readonly waits: ReadonlyArray<Wait>
  /** The identity that the reader acts under by default. */
  readonly as: string
}

/** The words of the commands, for `fermata` to stand before them; most urgent first, and none for what ends by itself. */
export const nextCommands = ({ as, runId, waits }: Place): ReadonlyArray<string> => {
  const approvals = waits.filter(({ reason }) => reason === "approval")
  return waits.flatMap((wait): ReadonlyArray<string> => {
    switch (wait.reason) {
      case "approval": {
        const target = quoted(approvals.length > 1 ? `${runId}/${wait.key}` : runId)
        const who = wait.who ?? []
        const identity = who.length === 0 || who.includes(as) ? "" : ` --as ${quoted(who[0]!)}`
        return [`approve ${target}${identity}`, `deny ${target}${identity}`]
      }
      case "signal":
        // A run of a contract waits for events and for the completion of tasks by signals of these names.
        if (wait.key.startsWith("event:")) return [`emit ${quoted(wait.key.slice("event:".length))} --data '{}'`]
        if (wait.key.startsWith("step:")) return [`signal ${quoted(runId)} ${quoted(wait.key)} --data '{"output":null}'`]
        return [`signal ${quoted(runId)} ${quoted(wait.key)} --data '{}'`]
      case "operator":
        return [wait.key === neverKey ? `runs cancel ${quoted(runId)}` : `runs resume ${quoted(runId)}`]
      case "diverged":
      case "corrupt":
      case "budget":
        return [`runs resume ${quoted(runId)}`]
      case "recovery":
        return wait.key === "run"
          ? [`runs resume ${quoted(runId)}`]
          : settling(runId, wait.key)
      case "outcome-unknown":
        return settling(runId, wait.key)
      case "child":
        return [`runs show ${quoted(wait.key)}`]
      case "handoff":
      case "timer":
        return []
    }
  })
}

const settling = (runId: string, key: string): ReadonlyArray<string> => {
  const step = `runs settle ${quoted(runId)} ${quoted(key)}`
  return [`${step} --retry`, `${step} --done '{}'`, `${step} --fail "why"`]
}
