/**
 * The exact commands with which somebody makes a suspended run go on.
 */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import { neverKey } from "@fermata/core/RunStatus"
import type { ApprovalView } from "@fermata/core/RunView"
import type { Wait } from "@fermata/core/Wait"
import { quoted } from "./Invocation.ts"

export interface Place {
  readonly runId: string
  readonly waits: ReadonlyArray<Wait>
  /** The identity that the reader acts under by default. */
  readonly as: string
  /** The questions of the run, as far as they are known. */
  readonly approvals?: ReadonlyArray<ApprovalView>
  /** What would end waits, by their keys, as far as that is known. */
  readonly samples?: Samples
}

export type Samples = ReadonlyMap<string, Sample>

/** JSON that ends a wait, or words about what would. */
export type Sample = { readonly _tag: "Json"; readonly value: unknown } | {
  readonly _tag: "Words"
  readonly text: string
}

/**
 * The words of the commands, for `fermata` to stand before them; most urgent
 * first, and none for what ends by itself. One that begins with `#` is a remark
 * where no whole command can be given, with `{fermata}` for that word in it.
 */
export const nextCommands = (
  { approvals: questions = [], as, runId, samples, waits }: Place
): ReadonlyArray<string> => {
  const approvals = waits.filter(({ reason }) => reason === "approval")
  return waits.flatMap((wait): ReadonlyArray<string> => {
    switch (wait.reason) {
      case "approval": {
        const target = quoted(approvals.length > 1 ? `${runId}/${wait.key}` : runId)
        const question = questions.find(({ key, status }) => key === wait.key && status === "open")
        const who = question === undefined ? wait.who ?? [] : stillWanted(question)
        const identity = who.length === 0 || who.includes(as) ? "" : ` --as ${quoted(who[0]!)}`
        const choice = question?.choices[0] === undefined ? "" : ` --choice ${quoted(question.choices[0])}`
        const hash = question === undefined ? "" : hashOf(question)
        return [`approve ${target}${identity}${choice}${hash}`, `deny ${target}${identity}${hash}`]
      }
      case "signal": {
        const sample = samples?.get(wait.key)
        if (sample?._tag === "Words") return [`# ${sample.text}`]
        if (sample === undefined) {
          return [`# with what the signal carries: {fermata} signal ${quoted(runId)} ${quoted(wait.key)} --data J`]
        }
        const data = sample.value === null ? "" : ` --data ${quoted(JSON.stringify(sample.value))}`
        // A run of a contract waits for events and for the completion of tasks by signals of these names.
        return [
          wait.key.startsWith("event:")
            ? `emit ${quoted(wait.key.slice("event:".length))}${data}`
            : `signal ${quoted(runId)} ${quoted(wait.key)}${data}`
        ]
      }
      case "operator":
        return [wait.key === neverKey ? `runs cancel ${quoted(runId)}` : `runs resume ${quoted(runId)}`]
      case "diverged":
      case "corrupt":
      case "budget":
        return [`runs resume ${quoted(runId)}`]
      case "recovery":
        return wait.key === "run"
          ? [`runs resume ${quoted(runId)}`]
          : settling(runId, wait.key, samples?.get(wait.key))
      case "outcome-unknown":
        return settling(runId, wait.key, samples?.get(wait.key))
      case "child":
        return [`runs show ${quoted(wait.key)}`]
      case "handoff":
      case "timer":
        return []
    }
  })
}

const settling = (runId: string, key: string, sample: Sample | undefined): ReadonlyArray<string> => {
  const step = `runs settle ${quoted(runId)} ${quoted(key)}`
  const done = sample?._tag === "Json"
    ? `${step} --done ${quoted(JSON.stringify(sample.value))}`
    : `# or, with the output that it had: {fermata} ${step} --done J`
  return [`${step} --retry`, done, `${step} --fail ${quoted("it did not happen")}`]
}

/** Names the arguments, once somebody has edited them. */
const hashOf = (question: ApprovalView): string => {
  const { editedBy, hash } = ApprovalRule.standing(question, question.answers).proposal
  return editedBy === undefined || hash === undefined ? "" : ` --hash ${ApprovalRule.short(hash)}`
}

/** Who may still answer, so that it counts. */
const stillWanted = (question: ApprovalView): ReadonlyArray<string> => {
  const { wanted } = ApprovalRule.standing(question, question.answers)
  const others = wanted.length === 0 ? question.approvers : wanted
  return others.filter((name) => name !== question.requester)
}
