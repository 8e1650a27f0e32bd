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
import * as WellFormed from "@fermata/core/WellFormed"
import type { StepDefinition } from "./run/Ask.ts"
import type { RecordedStep } from "./run/Ledger.ts"
import * as Pass from "./run/Pass.ts"

/** The key of a step that is asked for now. */
export const keyOf = (pass: Pass.Pass, step: StepDefinition): string => {
  const wanted = step.key ?? (step.inside === undefined
    ? numbered(pass, step)
    : Pass.number(pass, step.name, step.name, `${step.inside}/`))
  if (/[/~]/.test(step.name)) pass.hasOddNames = true
  // A number behind a name without such signs is the key of no other step.
  else if (isCall(step) && !pass.hasOddNames) return wanted
  if (!isTaken(pass, wanted, step)) return wanted
  if (isCall(step)) pass.displaced.add(placeOf(step.name, wanted))
  let key = `~${wanted}`
  while (isTaken(pass, key, step)) key = `~${key}`
  return key
}

/** The number that the next call of a step of this name gets. */
export const next = (pass: Pass.Pass, name: string): number => Pass.countOf(pass, counter(name)) + 1

/** The step that a call in the body of the workflow will most likely find under its key. Nothing is numbered. */
export const foreseen = (pass: Pass.Pass, name: string, key: string | undefined): RecordedStep | undefined => {
  if (key !== undefined) return pass.ledger.steps.get(key)
  const number = next(pass, name)
  return pass.ledger.steps.get(number === 1 ? name : `${name}~${number}`)
}

/** The key of a question that is asked now, by the same rule. */
export const approvalKeyOf = (pass: Pass.Pass, name: string): string => {
  let key = Pass.number(pass, `approval:${name}`, name)
  while (pass.approvals.has(key)) key = `~${key}`
  return key
}

/** The key that a step hands to the systems it calls: URL-safe, and made for every body. */
export const idempotencyKey = (runId: string, key: string) => `${urlSafe(runId)}%2F${urlSafe(key)}`

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const urlSafe = (text: string) => /^[\w.~-]*$/.test(text) ? text : WellFormed.encodeUri(text)

const counter = (name: string) => `step:${name}`

/** The key by number, which is that of the step that was foreseen unless another call of the name has come between. */
const numbered = (pass: Pass.Pass, step: StepDefinition): string => {
  const found = step.input?.recordedBy
  const count = Pass.count(pass, counter(step.name))
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
const isTaken = (pass: Pass.Pass, key: string, step: StepDefinition): boolean => {
  const definition = pass.steps.get(key)?.definition
  if (definition !== undefined) {
    return definition.name !== step.name || (definition.key === undefined) !== (step.key === undefined) ||
      (step.key === undefined && definition.inside !== step.inside)
  }
  // The body of a step asks for it outside the order of the workflow, and may do so later in this pass.
  const recorded = pass.ledger.steps.get(key)?.entry
  if (recorded !== undefined && (recorded.nested === true) !== step.nested && recorded.name !== step.name) {
    return true
  }
  if (isCalled(pass, key, 1, key, step)) return true
  const sign = key.lastIndexOf("~")
  if (sign < 1) return false
  const count = Number(key.slice(sign + 1))
  return Number.isSafeInteger(count) && count > 1 && key === `${key.slice(0, sign)}~${count}` &&
    isCalled(pass, key.slice(0, sign), count, key, step)
}

/** Whether the key went to this call of a step of this name, and that is not the step itself. */
const isCalled = (pass: Pass.Pass, name: string, count: number, key: string, step: StepDefinition): boolean =>
  !(isCall(step) && step.name === name) && Pass.countOf(pass, counter(name)) >= count &&
  (pass.displaced.size === 0 || !pass.displaced.has(placeOf(name, key)))
