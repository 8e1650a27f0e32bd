/**
 * Hears what bodies of steps spend at the moment in which they do, and holds
 * the journals to it: no step has cost more than its journal says, as far as it
 * had reserved that, nor less than its outcomes say; and where each request has
 * its outcome, exactly as much.
 */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import type { Seen } from "./Seen.ts"

export class MoneyWitness {
  private readonly spent = new Map<string, Spent.Amount>()
  /** A loss of power may have taken the requests of what was spent. */
  private isSure = true

  spends(runId: string, key: string, amount: Spent.Amount): void {
    const step = `${runId}\n${key}`
    this.spent.set(step, Spent.sum(this.spent.get(step) ?? Spent.zero, amount))
  }

  losesPower(): void {
    this.isSure = false
  }

  /** What of a run does not fit what its bodies have spent. */
  problems({ entries, id, view }: Pick<Seen, "entries" | "id" | "view">): ReadonlyArray<string> {
    // A fork has begun no body of what it shares.
    const own = entries.slice(entries.findLastIndex(({ _tag }) => _tag === "RunForked") + 1)
    const requests = new Map<string, Requests>()
    for (const entry of own) count(requests, entry)
    return Array.from(requests).flatMap(([key, { isReserved, open }]) => {
      const really = this.spent.get(`${id}\n${key}`) ?? Spent.zero
      const { reserved, spent = Spent.zero, unsettled } = RunView.step(view, key) ?? {}
      const most = Spent.sumAll([spent, unsettled ?? Spent.zero, reserved ?? Spent.zero])
      const what = `step "${key}" of run ${id} has really spent ${Spent.text(really)}, and its journal says`
      if (Spent.exceeds(spent, whole(really))) return [`${what} that outcomes have cost ${Spent.text(spent)}`]
      if (!this.isSure) return []
      if (isReserved && Spent.exceeds(really, whole(most))) return [`${what} at most ${Spent.text(most)}`]
      return open === 0 && Spent.exceeds(really, whole(spent)) ? [`${what} ${Spent.text(spent)}`] : []
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Requests {
  /** Each request says what it may cost. */
  isReserved: boolean
  /** Requests without an outcome of the body. */
  open: number
}

const count = (requests: Map<string, Requests>, entry: JournalEntry): void => {
  if (entry._tag === "StepRequested" && entry.probe !== true) {
    const { isReserved, open } = requests.get(entry.key) ?? { isReserved: true, open: 0 }
    requests.set(entry.key, { isReserved: isReserved && entry.reserved !== undefined, open: open + 1 })
  }
  if ((entry._tag === "StepCompleted" || entry._tag === "StepFailed") && entry.settledBy === undefined) {
    const step = requests.get(entry.key)
    if (step !== undefined && !("probed" in entry)) step.open--
  }
}

/** As a limit of both. */
const whole = ({ micros = 0, tokens = 0 }: Spent.Amount): Spent.Amount => ({ micros, tokens })
