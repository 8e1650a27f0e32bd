/**
 * What a run has spent, as a fold of its journal entry by entry, at the same
 * cost however many steps there are. It is what the code of a run sees, and what
 * the parent of a run is told; `RunView` shows the same sums with each step.
 *
 * Of what a fork shares with another run everything counts here, since its code
 * has seen it; the view of a fork counts only what the fork itself has spent.
 */
import type { JournalEntry } from "./JournalEntry.ts"
import * as Spent from "./Spent.ts"
import * as StoredJson from "./StoredJson.ts"

/** What a run has spent so far. It changes with each entry that is taken in. */
export interface RunSpending {
  /** What the bodies of its steps said. */
  own: Spent.Amount
  /** What attempts had reserved that came to no outcome, and what children were granted that told no end. Counts as spent. */
  unsettled: Spent.Amount
  /** What its children have told. */
  children: Spent.Amount
  /** What whoever started the run has granted it. */
  granted: Spent.Amount | undefined
  /** What operators have added since. */
  raised: Spent.Amount
  /** How often the run was told of a raise, be it its own or that of a day. */
  raises: number
  /** Reservations in flight, by the keys of their steps. */
  readonly steps: Map<string, Spent.Amount>
  /** Grants of children whose end is not known, by their ids. */
  readonly grants: Map<string, Spent.Amount>
}

/** The name of the signal by which operators raise a budget. */
export const budgetSignal = "engine.budget"

/** Of a run without entries. */
export const empty = (): RunSpending => ({
  own: Spent.zero,
  unsettled: Spent.zero,
  children: Spent.zero,
  granted: undefined,
  raised: Spent.zero,
  raises: 0,
  steps: new Map(),
  grants: new Map()
})

/** Takes in the next entry. */
export const apply = (spending: RunSpending, entry: JournalEntry): void => {
  switch (entry._tag) {
    case "RunRequested":
      spending.granted = entry.granted
      return
    case "StepRequested":
      giveUp(spending, spending.steps, entry.key)
      if (entry.reserved !== undefined && entry.probe !== true) spending.steps.set(entry.key, entry.reserved)
      return
    case "StepCompleted":
    case "StepFailed":
      if (entry.settledBy !== undefined) giveUp(spending, spending.steps, entry.key)
      spending.steps.delete(entry.key)
      if (entry.spent !== undefined) spending.own = Spent.sum(spending.own, entry.spent)
      return
    case "ChildStarted":
      // One that goes on whatever becomes of this run is not told of, and pays for itself.
      if (entry.granted !== undefined && entry.linked) spending.grants.set(entry.child, entry.granted)
      return
    case "ChildFinished":
      if (entry.spent === undefined) return giveUp(spending, spending.grants, entry.child)
      spending.grants.delete(entry.child)
      spending.children = Spent.sum(spending.children, entry.spent)
      return
    case "SignalReceived":
      if (entry.name === budgetSignal) {
        spending.raises++
        spending.raised = Spent.sum(spending.raised, raiseOf(StoredJson.read(entry.payload)))
      }
      return
  }
}

/** Of a run with this journal. */
export const of = (entries: Iterable<JournalEntry>): RunSpending => {
  const spending = empty()
  for (const entry of entries) apply(spending, entry)
  return spending
}

/** All that counts as spent, should nothing come of what is in flight: what a run has cost that is over. */
export const final = ({ children, grants, own, steps, unsettled }: RunSpending): Spent.Amount =>
  Spent.sumAll([own, unsettled, children, ...steps.values(), ...grants.values()])

/** By how much this payload raises the budget of the run itself; what is no amount raises by nothing. */
export const raiseOf = (payload: unknown): Spent.Amount =>
  dayRaiseOf(payload) === undefined ? amountIn(payload) : Spent.zero

/** What this payload tells of a day of the run's workflow that was raised, in days since the epoch; undefined where it raises the run itself. */
export const dayRaiseOf = (
  payload: unknown
): { readonly day: number; readonly amount: Spent.Amount } | undefined => {
  const day = fieldOf(payload, "day")
  return Number.isSafeInteger(day) ? { day: day as number, amount: amountIn(payload) } : undefined
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const fieldOf = (payload: unknown, name: string): unknown =>
  typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>)[name] : undefined

const amountIn = (payload: unknown): Spent.Amount => {
  const value = (name: "micros" | "tokens"): number => {
    const found = fieldOf(payload, name)
    return Number.isSafeInteger(found) && (found as number) > 0 ? found as number : 0
  }
  return Spent.make(value("micros"), value("tokens"))
}

/** What was reserved counts as spent. */
const giveUp = (spending: RunSpending, reserved: Map<string, Spent.Amount>, key: string): void => {
  const amount = reserved.get(key)
  if (amount === undefined) return
  reserved.delete(key)
  spending.unsettled = Spent.sum(spending.unsettled, amount)
}
