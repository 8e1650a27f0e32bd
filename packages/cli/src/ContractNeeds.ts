/**
 * What the steps of a contract need from the process that works on them.
 */
import type { Contract } from "@fermata/core/contract/Contract"
import type { FermataConfig } from "./Config.ts"

/** What the contract needs and the configuration lacks, as "no handler for ...". */
export const missingIn = ({ steps }: Contract, { llm, tasks = {} }: FermataConfig): ReadonlyArray<string> => {
  const names = new Set(steps.flatMap((step) => step.kind === "task" && !Object.hasOwn(tasks, step.task) ? [step.task] : []))
  return [
    ...[...names].map((name) => `no handler for the task "${name}"`),
    ...(llm === undefined && steps.some(({ kind }) => kind === "llm") ? ["no model for its llm steps"] : [])
  ]
}
