/**
 * What can be said of a contract without executing it: the events and signals
 * that its runs receive, and their limits.
 */
import type { Description } from "@fermata/engine/Extension"
import * as Exit from "effect/Exit"
import * as Contract from "./Contract.ts"
import { subscriptionsOf } from "./ContractProgram.ts"
import * as EventCondition from "./internal/EventCondition.ts"
import { needsOf, type StepShapes } from "./StepShape.ts"
import { stepsOf } from "./StepTree.ts"
import { signalName } from "./Submission.ts"

/** The description of a stored document whose steps are of these kinds; undefined for one that this build cannot read. */
export const of = (document: string, shapes: StepShapes): Description | undefined => {
  const decoded = Contract.decodeText(document, shapes)
  if (Exit.isFailure(decoded)) return undefined
  const contract = decoded.value
  const steps = stepsOf(contract, shapes).map((step) => ({ id: step.id, needs: needsOf(shapes, step) }))
  return {
    limits: contract.limits,
    subscriptions: subscriptionsOf(contract, shapes),
    signals: steps.flatMap(({ id, needs: { completion, events = [] } }) => [
      ...events.map(({ event }) => `event:${event}`),
      ...completion === true ? [signalName(id)] : []
    ]),
    waits: new Map(steps.flatMap(({ id, needs: { events = [] } }) => {
      const [only, ...more] = events
      if (only === undefined || more.length > 0) return []
      const condition = only.where === undefined ? undefined : EventCondition.of(only.where)
      return only.where === undefined || condition?.isWhole === true
        ? [[id, { event: only.event, path: condition?.path }] as const]
        : []
    }))
  }
}
