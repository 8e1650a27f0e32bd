/**
 * The keys of steps and questions: one for each that a run asks for, whatever is
 * in their names and keys.
 *
 * A key is `name`, `name~2`, `name/<key>` or, inside the body of a step,
 * `<key of that step>/name`. A name that holds `/` or ends in `~2` can make one
 * of these what it is for another step; the one that comes later then gets a
 * `~` in front. Requests come in the same order on every pass, so it is the
 * same one each time.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import type { StepDefinition } from "./run/Ask.ts"
import type { RunRecords, StepState } from "./RunRecords.ts"

/** The key of a step that is asked for now. */
export const keyOf = (records: RunRecords, step: StepDefinition): string => {
  const wanted = step.key ?? (step.inside === undefined
    ? numbered(records, step)
    : records.number(step.name, step.name, `${step.inside}/`))
  if (/[/~]/.test(step.name)) records.hasOddNames = true
  // A number behind a name without such signs is the key of no other step.
  else if (isCall(step) && !records.hasOddNames) return wanted
  if (!isTaken(records, wanted, step)) return wanted
  if (isCall(step)) records.displaced.add(placeOf(step.name, wanted))
  let key = `~${wanted}`
  while (isTaken(records, key, step)) key = `~${key}`
  return key
}

/** The number that the next call of a step of this name gets. */
export const next = (records: RunRecords, name: string): number => records.counted(counter(name)) + 1

/** The step that a call in the body of the workflow will most likely find under its key. Nothing is numbered. */
export const foreseen = (records: RunRecords, name: string, key: string | undefined): StepState | undefined => {
  if (key !== undefined) return records.steps.get(key)
  const number = next(records, name)
  return records.steps.get(number === 1 ? name : `${name}~${number}`)
}

/** The key of a question that is asked now, by the same rule. */
export const approvalKeyOf = (records: RunRecords, name: string): string => {
  let key = records.number(`approval:${name}`, name)
  while (records.approvals.get(key)?.asked === true) key = `~${key}`
  return key
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const counter = (name: string) => `step:${name}`

/** The key by number, which is that of the step that was foreseen unless another call of the name has come between. */
const numbered = (records: RunRecords, step: StepDefinition): string => {
  const found = step.input?.recordedBy
  const count = records.count(counter(step.name))
  return found !== undefined && step.input?.recordedAt === count
    ? found.key
    : count === 1
    ? step.name
    : `${step.name}~${count}`
}

const placeOf = (name: string, key: string) => StoredJson.textOf([name, key])

/** Whether the step is numbered among the requests of its name. Such requests are forgotten when they have their outcome. */
const isCall = (step: StepDefinition): boolean => step.key === undefined && step.inside === undefined

/** Whether the key stands for another step than this one. */
const isTaken = (records: RunRecords, key: string, step: StepDefinition): boolean => {
  const state = records.steps.get(key)
  if (state?.definition !== undefined) {
    const { definition } = state
    return definition.name !== step.name || (definition.key === undefined) !== (step.key === undefined) ||
      (step.key === undefined && definition.inside !== step.inside)
  }
  // The body of a step asks for it outside the order of the workflow, and may do so later in this pass.
  if (state !== undefined && (state.entry.nested === true) !== step.nested && state.entry.name !== step.name) {
    return true
  }
  if (isCalled(records, key, 1, key, step)) return true
  const sign = key.lastIndexOf("~")
  if (sign < 1) return false
  const count = Number(key.slice(sign + 1))
  return Number.isSafeInteger(count) && count > 1 && key === `${key.slice(0, sign)}~${count}` &&
    isCalled(records, key.slice(0, sign), count, key, step)
}

/** Whether the key went to this call of a step of this name, and that is not the step itself. */
const isCalled = (records: RunRecords, name: string, count: number, key: string, step: StepDefinition): boolean =>
  !(isCall(step) && step.name === name) && records.counted(counter(name)) >= count &&
  (records.displaced.size === 0 || !records.displaced.has(placeOf(name, key)))
