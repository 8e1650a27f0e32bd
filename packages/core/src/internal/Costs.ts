/** What steps and children of a run have cost, as its view shows it. */
import type { ChildView, SpentView, StepView } from "../RunViewSchema.ts"
import * as Spent from "../Spent.ts"
import * as Keyed from "./Keyed.ts"

/** What a run has spent; once it is over, nothing comes of what is in flight. */
export const spentOf = (
  steps: Keyed.Keyed<string, StepView>,
  children: Keyed.Keyed<string, ChildView>,
  final: boolean
): SpentView => {
  let [own, unsettled, told, reserved] = [Spent.zero, Spent.zero, Spent.zero, Spent.zero]
  const open = (amount: Spent.Amount) => {
    if (final) unsettled = Spent.sum(unsettled, amount)
    else reserved = Spent.sum(reserved, amount)
  }
  for (const step of Keyed.toArray(steps)) {
    if (step.spent !== undefined) own = Spent.sum(own, step.spent)
    if (step.unsettled !== undefined) unsettled = Spent.sum(unsettled, step.unsettled)
    if (step.reserved !== undefined) open(step.reserved)
  }
  for (const { granted, linked, spent, status } of Keyed.toArray(children)) {
    if (spent !== undefined) told = Spent.sum(told, spent)
    else if (granted === undefined || !linked) continue
    else if (status === "running") open(granted)
    else unsettled = Spent.sum(unsettled, granted)
  }
  return { own, unsettled, children: told, total: Spent.sumAll([own, unsettled, told]), reserved }
}

/** The step with this cost. */
export const withCost = (
  { reserved: _reserved, spent: _spent, unsettled: _unsettled, ...step }: StepView,
  cost: Spent.Cost
): StepView => ({ ...step, ...cost })

/** The steps without what another run has paid for them. */
export const freeSteps = (steps: Keyed.Keyed<string, StepView>): Keyed.Keyed<string, StepView> => {
  let free = steps
  for (const step of Keyed.toArray(steps)) {
    if (step.spent !== undefined || step.unsettled !== undefined || step.reserved !== undefined) {
      free = Keyed.set(free, withCost(step, {}))
    }
  }
  return free
}

/** The children without what another run has paid for them. */
export const freeChildren = (children: Keyed.Keyed<string, ChildView>): Keyed.Keyed<string, ChildView> => {
  let free = children
  for (const { granted, spent, ...rest } of Keyed.toArray(children)) {
    if (granted !== undefined || spent !== undefined) free = Keyed.set(free, rest)
  }
  return free
}
