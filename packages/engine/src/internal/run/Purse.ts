/**
 * What the run has spent, as its code sees it: by the entries up to the last
 * that the code was told. On a replay that is the same at the same place,
 * however far the journal goes on and whatever was written in between.
 */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as RunSpending from "@fermata/core/RunSpending"
import * as Spent from "@fermata/core/Spent"

/** What the code is told of what its run has spent. */
export interface Spending {
  /** What the bodies of its steps said. */
  readonly own: Spent.Amount
  /** What attempts had reserved, and children were granted, of which no outcome says what was spent. */
  readonly unsettled: Spent.Amount
  /** What its children and theirs have cost. */
  readonly children: Spent.Amount
  /** All of that. */
  readonly total: Spent.Amount
}

/** What the code is told that its run may spend. */
export interface Budget {
  /** By whoever started it; absent where nobody said. */
  readonly granted?: Spent.Amount
  /** By operators, since. */
  readonly raised: Spent.Amount
}

/** Nothing was spent. */
export const nothing: Spending = { own: Spent.zero, unsettled: Spent.zero, children: Spent.zero, total: Spent.zero }

/** Nobody has said what the run may spend. */
export const noBudget: Budget = { raised: Spent.zero }

/** The fields by which an entry says something of money. */
interface Money {
  readonly reserved?: unknown
  readonly spent?: unknown
  readonly granted?: unknown
  readonly name?: unknown
}

/** Of a run of which no entry says anything of money there is none. */
export class Purse {
  /** The purse of a run with one more entry. It is asked with every entry, so it calls nothing. */
  static with(purse: Purse | undefined, entry: JournalEntry): Purse | undefined {
    const { granted, name, reserved, spent } = entry as Money
    if (
      purse === undefined && reserved === undefined && spent === undefined && granted === undefined &&
      name !== RunSpending.budgetSignal
    ) return undefined
    const kept = purse ?? new Purse()
    kept.later.push(entry)
    return kept
  }

  /** By the entries that the code knows of. */
  private readonly known = RunSpending.empty()
  /** Entries behind those. */
  private later: Array<JournalEntry> = []

  /** The code is told this entry. */
  reach({ seq }: Pick<JournalEntry, "seq">): void {
    // An entry that was made inside its commit is told before those that were asked for meanwhile, which come behind it.
    const behind = this.later.filter((entry) => entry.seq > seq)
    for (const entry of this.later) if (entry.seq <= seq) RunSpending.apply(this.known, entry)
    this.later = behind
  }

  /** What the code knows of; `isGivenUp` tells whether it waits no more for a step or a child. */
  spending(isGivenUp: (kind: "step" | "child", key: string) => boolean): Spending {
    const { children, grants, own, steps, unsettled } = this.known
    const givenUp: Array<Spent.Amount> = [unsettled]
    for (const [key, amount] of steps) if (isGivenUp("step", key)) givenUp.push(amount)
    for (const [key, amount] of grants) if (isGivenUp("child", key)) givenUp.push(amount)
    const lost = Spent.sumAll(givenUp)
    return { own, unsettled: lost, children, total: Spent.sumAll([own, lost, children]) }
  }

  /** What the code knows that it may spend. */
  get budget(): Budget {
    const { granted, raised } = this.known
    return { ...(granted === undefined ? {} : { granted }), raised }
  }

  /** How many raises the code knows of. */
  get raises(): number {
    return this.known.raises
  }

  /** All that the run has cost, now that it is over. */
  get final(): Spent.Amount {
    this.reach({ seq: Infinity })
    return RunSpending.final(this.known)
  }
}
