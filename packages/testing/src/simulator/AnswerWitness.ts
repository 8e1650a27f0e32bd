/**
 * Hears what people are told of their answers, and of whom questions went to, and puts these into one order,
 * by what was acknowledged alone: it knows neither the store nor the rule by
 * which answers decide.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { AnswerOp, Answers, CommitOp, InboxRow } from "@fermata/engine/Backend"
import type { Message } from "@fermata/engine/InboxMessage"
import type { Seen } from "./Seen.ts"

interface Asked {
  version: number
  /** Ids of the answers that were acknowledged, in order. */
  acknowledged: ReadonlyArray<string>
  status: string
  readonly deadline: number | null
  readonly approvers: ReadonlyArray<string>
  readonly escalate: ReadonlyArray<{ readonly at: number; readonly to: ReadonlyArray<string> }>
  readonly mostReminders: number
  /** Who had which place, in order, where it was handed on. */
  readonly places: Map<string, ReadonlyArray<string>>
  stages: number
  reminders: number
}

type Routing = Extract<Message<"routing">["routed"], object>

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
      const { escalate = [], remind } = JSON.parse(row.question) as {
        readonly escalate?: Asked["escalate"]
        readonly remind?: { readonly most: number }
      }
      const asked: Asked = {
        version: row.version,
        acknowledged: idsOf(row.answers ?? "[]"),
        status: row.status,
        deadline: row.deadline,
        approvers: JSON.parse(row.approvers),
        escalate,
        mostReminders: remind?.most ?? 0,
        places: new Map(),
        stages: 0,
        reminders: 0
      }
      for (const item of JSON.parse(row.answers ?? "[]") as ReadonlyArray<object>) {
        if ("kind" in item) this.went(asked, item as Routing)
      }
      this.asked.set(`${run}\n${row.key}`, asked)
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
    const isPast = asked.deadline !== null && at >= asked.deadline
    if (op.row.kind === "routing") {
      const { routed } = JSON.parse(op.row.payload) as { readonly routed: Routing }
      const named = `${routed.kind} ${routed.id} of ${what}`
      if (asked.status !== "open") this.find(`${named} was taken, which had been decided`)
      if (isPast) this.find(`${named} was taken at ${at}, and its deadline is ${asked.deadline}`)
      const problem = this.problemOf(asked, routed, at)
      if (problem !== undefined) this.find(`${named} was taken: ${problem}`)
      this.went(asked, routed)
    } else {
      const { by, decision, for: place = by } = JSON.parse(op.row.payload) as Message<"answer">
      if (asked.status !== "open") this.find(`an answer by ${by} to ${what} was taken, which had been decided`)
      if (decision === "timeout" ? !isPast : isPast) {
        this.find(`the ${decision} by ${by} to ${what} was taken at ${at}, and its deadline is ${asked.deadline}`)
      }
      if (decision !== "timeout" && holderOf(asked, place) !== by) {
        this.find(`an answer to ${what} was taken from ${by}, who may not answer`)
      }
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

  /** Notes whom a question went to. */
  private went(asked: Asked, routed: Routing): void {
    if (routed.kind === "remind") asked.reminders++
    else if (routed.kind === "escalate") asked.stages++
    else {
      const chain = asked.places.get(routed.for) ?? [routed.for]
      const before = chain.indexOf(routed.to)
      asked.places.set(routed.for, before < 0 ? [...chain, routed.to] : chain.slice(0, before + 1))
    }
  }

  /** Why a question may not have gone there. */
  private problemOf(asked: Asked, routed: Routing, at: number): string | undefined {
    switch (routed.kind) {
      case "remind":
        return asked.reminders < asked.mostReminders ? undefined : `it reminds ${asked.mostReminders} times`
      case "escalate": {
        const stage = asked.escalate[asked.stages]
        if (stage === undefined) return "it escalates no further"
        return at >= stage.at ? undefined : `it escalates at ${stage.at}, and that was at ${at}`
      }
      case "delegate": {
        const chain = asked.places.get(routed.for) ?? []
        return holderOf(asked, routed.for) === routed.by || (routed.to === routed.by && chain.includes(routed.by))
          ? undefined
          : `${routed.by} has not the place of ${routed.for}`
      }
    }
  }

  /** An answer was taken out of the inbox, or that a question was handed on. */
  taken(seen: Seen, id: string): void {
    if (!seen.entries.some((entry) => tellsOf(entry) === id)) {
      this.find(
        `answer ${id} was taken from the inbox of run ${seen.id}, and its journal does not say what became of it`
      )
    }
    const recorded = seen.entries.flatMap((entry) =>
      isOfQuestion(entry) ? this.places.get(`${seen.id}\n${entry.id}`) ?? [] : []
    )
    if (recorded.some((place, index) => index > 0 && place < recorded[index - 1]!)) {
      this.find(`answers of run ${seen.id} are in its journal in another order than they were acknowledged in`)
    }
  }
}

/** The id of the inbox row that an entry says something of. */
export const tellsOf = (entry: JournalEntry.JournalEntry | undefined): string | undefined =>
  entry !== undefined && (isOfQuestion(entry) || entry._tag === "MessageRefused") ? entry.id : undefined

const isOfQuestion = (entry: JournalEntry.JournalEntry) =>
  entry._tag === "ApprovalAnswered" || entry._tag === "ApprovalDelegated" || entry._tag === "ApprovalEscalated" ||
  entry._tag === "ApprovalReminded"

/** Who answers for one who may; nobody for one who may not. */
const holderOf = ({ approvers, escalate, places, stages }: Asked, place: string): string | undefined =>
  [...approvers, ...escalate.slice(0, stages).flatMap(({ to }) => to)].includes(place)
    ? places.get(place)?.at(-1) ?? place
    : undefined

const idsOf = (answers: string): ReadonlyArray<string> =>
  (JSON.parse(answers) as ReadonlyArray<{ readonly id: string }>).map(({ id }) => id)
