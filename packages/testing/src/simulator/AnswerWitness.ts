/**
 * Hears what people are told of their answers and puts these into one order,
 * by what was acknowledged alone: it knows neither the store nor the rule by
 * which answers decide.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { AnswerOp, Answers, CommitOp, InboxRow } from "@fermata/engine/Backend"
import type { Seen } from "./Seen.ts"

interface Asked {
  version: number
  /** Ids of the answers that were acknowledged, in order. */
  acknowledged: ReadonlyArray<string>
  status: string
  readonly deadline: number | null
  readonly approvers: ReadonlyArray<string>
}

export class AnswerWitness {
  private readonly find: (problem: string) => void
  private readonly inbox: Map<string, InboxRow>
  /** The questions that are in the store, by run and key. */
  private readonly asked = new Map<string, Asked>()
  /** What people were told that has been decided, and by which answer. */
  readonly decisions = new Map<
    string,
    { readonly run: string; readonly key: string; readonly id: string; readonly status: string }
  >()
  /** The place of every acknowledged answer among those to its question. */
  private readonly places = new Map<string, number>()

  constructor(find: (problem: string) => void, inbox: Map<string, InboxRow>) {
    this.find = find
    this.inbox = inbox
  }

  forget(): void {
    this.asked.clear()
    this.decisions.clear()
    this.places.clear()
  }

  committed({ approvalsClosed, approvalsOpened, ended, run }: CommitOp): void {
    for (const row of approvalsOpened) {
      this.asked.set(`${run}\n${row.key}`, {
        version: row.version,
        acknowledged: idsOf(row.answers ?? "[]"),
        status: row.status,
        deadline: row.deadline,
        approvers: JSON.parse(row.approvers)
      })
    }
    for (const key of approvalsClosed) this.asked.delete(`${run}\n${key}`)
    if (ended !== undefined) {
      for (const place of this.asked.keys()) if (place.startsWith(`${run}\n`)) this.asked.delete(place)
    }
  }

  answered(op: AnswerOp, { at, result }: Answers["answer"], seen: Seen | undefined): void {
    const place = `${op.run}\n${op.key}`
    const what = `question "${op.key}" of run ${op.run}`
    const asked = this.asked.get(place)
    if (result !== "accepted") {
      if (asked === undefined || seen?.ended === true) return
      if (result === "unknown" || result === "closed") {
        this.find(`an answer to ${what} was refused as ${result}, and it is asked`)
      }
      if (result === "stale" && op.version === asked.version) {
        this.find(`an answer to ${what} was refused as stale, and the question was as it had been looked at`)
      }
      return
    }
    if (asked === undefined) return this.find(`an answer to ${what} was taken, which is not asked`)
    if (op.version !== asked.version) {
      this.find(
        `an answer to ${what} was taken that was judged by version ${op.version}, and it had version ${asked.version}`
      )
    }
    asked.version = op.version + 1
    if (op.row === null) {
      this.decisions.delete(place)
      asked.status = op.status
      asked.acknowledged = idsOf(op.answers)
      return
    }
    const { by, decision } = JSON.parse(op.row.payload) as { readonly by: string; readonly decision: string }
    if (asked.status !== "open") this.find(`an answer by ${by} to ${what} was taken, which had been decided`)
    const isPast = asked.deadline !== null && at >= asked.deadline
    if (decision === "timeout" ? !isPast : isPast) {
      this.find(`the ${decision} by ${by} to ${what} was taken at ${at}, and its deadline is ${asked.deadline}`)
    }
    if (decision !== "timeout" && !asked.approvers.includes(by)) {
      this.find(`an answer to ${what} was taken from ${by}, who may not answer`)
    }
    const expected = [...asked.acknowledged, op.row.id]
    if (JSON.stringify(idsOf(op.answers)) !== JSON.stringify(expected)) {
      this.find(
        `an answer to ${what} was taken behind ${
          idsOf(op.answers).slice(0, -1).join(", ") || "none"
        }, and acknowledged had been ${asked.acknowledged.join(", ") || "none"}`
      )
    }
    asked.acknowledged = expected
    asked.status = op.status
    if (op.status !== "open") this.decisions.set(place, { run: op.run, key: op.key, id: op.row.id, status: op.status })
    this.places.set(`${op.run}\n${op.row.id}`, this.places.size)
    this.inbox.set(`${op.run}\n${op.row.id}`, { ...op.row, run: op.run, at })
  }

  /** An answer was taken out of the inbox. */
  taken(seen: Seen, id: string): void {
    if (!seen.entries.some((entry) => tellsOf(entry) === id)) {
      this.find(
        `answer ${id} was taken from the inbox of run ${seen.id}, and its journal does not say what became of it`
      )
    }
    const recorded = seen.entries.flatMap((entry) =>
      entry._tag === "ApprovalAnswered" ? this.places.get(`${seen.id}\n${entry.id}`) ?? [] : []
    )
    if (recorded.some((place, index) => index > 0 && place < recorded[index - 1]!)) {
      this.find(`answers of run ${seen.id} are in its journal in another order than they were acknowledged in`)
    }
  }
}

/** The id of the inbox row that an entry says something of. */
export const tellsOf = (entry: JournalEntry.JournalEntry | undefined): string | undefined =>
  entry?._tag === "ApprovalAnswered" || entry?._tag === "MessageRefused" ? entry.id : undefined

const idsOf = (answers: string): ReadonlyArray<string> =>
  (JSON.parse(answers) as ReadonlyArray<{ readonly id: string }>).map(({ id }) => id)
