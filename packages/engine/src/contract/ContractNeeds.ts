/**
 * What the steps of a contract need from the process that works on its runs. A
 * process without it leaves these runs to others: taking them up would fail
 * steps that somebody else can do.
 */
import type { Contract } from "@fermata/core/contract/Contract"

export interface Needs {
  /** Names of tasks, each once. */
  readonly tasks: ReadonlyArray<string>
  /** Whether there are `llm` steps. */
  readonly model: boolean
}

/** What a process has for contracts. */
export interface Offer {
  readonly tasks: ReadonlyArray<string>
  readonly model: boolean
}

export const of = ({ steps }: Contract): Needs => ({
  tasks: [...new Set(steps.flatMap((step) => step.kind === "task" ? [step.task] : []))],
  model: steps.some(({ kind }) => kind === "llm")
})

/** What the contract needs and the offer lacks. */
export const lacking = (contract: Contract, offer: Offer): Needs => {
  const needs = of(contract)
  return { tasks: needs.tasks.filter((task) => !offer.tasks.includes(task)), model: needs.model && !offer.model }
}

export const isNone = ({ model, tasks }: Needs): boolean => tasks.length === 0 && !model

/** What is missing, for people: "no handler for ...". */
export const sentences = ({ model, tasks }: Needs): ReadonlyArray<string> => [
  ...tasks.map((task) => `no handler for the task "${task}"`),
  ...(model ? ["no model for its llm steps"] : [])
]
