/**
 * Holds what the store says was spent to the journals: the row of each run at
 * each of its commits, and in the end the sums of days.
 *
 * Hears what bodies of steps spend at the moment in which they do, and holds
 * the journals to it: no step has cost more than its journal says, as far as it
 * had reserved that, nor less than its outcomes say; and where each request has
 * its outcome, exactly as much.
 */
import type { EntryOf, JournalEntry } from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import type { CommitOp } from "@fermata/engine/Backend"
import type { MemoryStore } from "@fermata/engine/MemoryBackend"
import type { Seen } from "./Seen.ts"

export class MoneyWitness {
  private readonly spent = new Map<string, Spent.Amount>()
  /** By run: what its row says, by its commits. */
  private readonly rows = new Map<string, Spent.Amount>()
  private isSure = true

  spends(runId: string, key: string, amount: Spent.Amount): void {
    const step = `${runId}\n${key}`
    this.spent.set(step, Spent.sum(this.spent.get(step) ?? Spent.zero, amount))
  }

  /** A loss of power may have taken the requests of what was spent, and what rows said goes with it. */
  losesPower(): void {
    this.isSure = false
    this.rows.clear()
  }

  /** What a commit of a run says that it has spent is what its journal says. */
  commits(op: CommitOp, { id, view }: Pick<Seen, "id" | "view">): string | undefined {
    const said = op.spending?.spent
    if (said !== undefined) this.rows.set(id, said)
    if (op.spending === undefined && op.ended === undefined && !op.rows.some(isOfMoney)) return undefined
    const row = this.rows.get(id) ?? Spent.zero
    const own = ownOf(view)
    return isSame(row, own)
      ? undefined
      : `run ${id} is said to have spent ${Spent.text(row)}, and its journal says ${Spent.text(own)}`
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

/** What of the store does not fit its journals: rows of runs, and sums of days, each for itself. */
export const differences = (
  store: MemoryStore,
  journalOf: (run: StoredRun) => ReadonlyArray<JournalEntry>
): ReadonlyArray<string> => {
  const found: Array<string> = []
  const held = new Map<string, ReadonlyMap<number, SpentByDay.DaySums>>()
  for (const stored of store.runs.values()) {
    const { row } = stored
    const entries = journalOf(stored)
    const view = RunView.of(row.id, entries)
    const own = ownOf(view)
    if (!isSame(row.spent ?? Spent.zero, own)) {
      found.push(`the row of run ${row.id} has ${Spent.text(row.spent ?? Spent.zero)}, its journal ${Spent.text(own)}`)
    }
    const days = new Map(held.get(row.workflow))
    for (const change of SpentByDay.after(SpentByDay.nothing, entries)?.days ?? []) {
      days.set(change.day, SpentByDay.plus(days.get(change.day) ?? SpentByDay.untouched(change.day), change))
    }
    held.set(row.workflow, days)
  }
  for (const { day, workflow, ...sums } of store.spending.values()) {
    const told = held.get(workflow)?.get(day) ?? SpentByDay.untouched(day)
    if (units.some((unit) => sums[unit] !== told[unit])) {
      found.push(`day ${day} of workflow "${workflow}" has ${sumsText(sums)}, the journals ${sumsText(told)}`)
    }
  }
  for (const [workflow, days] of held) {
    for (const [day, sums] of days) {
      if (![...store.spending.values()].some((row) => row.workflow === workflow && row.day === day)) {
        found.push(`day ${day} of workflow "${workflow}" has nothing, the journals ${sumsText(sums)}`)
      }
    }
  }
  for (const { day, raised = Spent.zero, workflow } of store.spending.values()) {
    const acts = [...store.dayRaises.values()].filter((act) => act.workflow === workflow && act.day === day)
    const sum = Spent.sumAll(acts.map(({ micros, tokens }) => Spent.make(micros, tokens)))
    if (!isSame(raised, sum)) {
      found.push(
        `day ${day} of workflow "${workflow}" is raised by ${Spent.text(raised)}, its acts say ${Spent.text(sum)}`
      )
    }
  }
  return found
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type StoredRun = MemoryStore["runs"] extends Map<string, infer R> ? R : never

/** Of its steps, without children, who have rows of their own. */
const ownOf = ({ steps }: RunView.RunView): Spent.Amount =>
  Spent.sumAll(steps.flatMap(({ spent = Spent.zero, unsettled = Spent.zero }) => [spent, unsettled]))

/** Whether the text of an entry may say something of money. */
const isOfMoney = (row: string): boolean => row.includes("\"spent\"") || row.includes("\"reserved\"")

const units = ["micros", "tokens", "reservedMicros", "reservedTokens"] as const

const sumsText = (sums: Omit<SpentByDay.DaySums, "day">): string =>
  JSON.stringify(Object.fromEntries(units.map((unit) => [unit, sums[unit]])))

const isSame = (a: Spent.Amount, b: Spent.Amount): boolean => a.micros === b.micros && a.tokens === b.tokens

interface Requests {
  /** Each request says what it may cost. */
  isReserved: boolean
  /** Requests without an outcome of the body. */
  open: number
}

const count = (requests: Map<string, Requests>, entry: JournalEntry): void => {
  if (entry._tag === "StepRequested" && entry.probe !== true) {
    const { isReserved, open } = requests.get(entry.key) ?? { isReserved: true, open: 0 }
    requests.set(entry.key, { isReserved: isReserved && isBounded(entry), open: open + 1 })
  }
  if ((entry._tag === "StepCompleted" || entry._tag === "StepFailed") && entry.settledBy === undefined) {
    const step = requests.get(entry.key)
    if (step !== undefined && !("probed" in entry)) step.open--
  }
}

/** Whether it says what the attempt may spend: nothing, where its day had no room. */
const isBounded = ({ refused, reserved }: EntryOf<"StepRequested">): boolean =>
  reserved !== undefined || refused !== undefined

/** As a limit of both. */
const whole = ({ micros = 0, tokens = 0 }: Spent.Amount): Spent.Amount => ({ micros, tokens })
