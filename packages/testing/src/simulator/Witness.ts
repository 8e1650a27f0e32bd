/**
 * Hears every answer that the store gives to anybody, and holds the store and
 * the engine to what follows from it. What it knows is what was acknowledged,
 * kept apart from the store that is under examination.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import * as Upcast from "@fermata/core/Upcast"
import type { Answers, CommitOp, InboxRow, Op, RunRow } from "@fermata/engine/Backend"
import type { Engine } from "@fermata/engine/Engine"
import type { Message } from "@fermata/engine/InboxMessage"
import * as Exit from "effect/Exit"
import { AnswerWitness, tellsOf } from "./AnswerWitness.ts"
import { ArtifactWitness } from "./ArtifactWitness.ts"
import { EventWitness } from "./EventWitness.ts"
import * as Limits from "./Limits.ts"
import { MoneyWitness } from "./MoneyWitness.ts"
import type { Seen } from "./Seen.ts"
import * as Standing from "./Standing.ts"
import type { PromiseId, Violation } from "./Violation.ts"
import { Wanted } from "./Wanted.ts"

export class Witness {
  readonly violations: Array<Violation> = []
  readonly runs = new Map<string, Seen>()
  /** Inbox rows that were acknowledged and that no commit has taken. */
  readonly inbox = new Map<string, InboxRow>()
  readonly outbox = new Set<string>()
  /** By what a run is a run of. */
  readonly limits = new Map<string, Limits.Limits>()
  /** What people were told of their answers. */
  readonly questions = new AnswerWitness((problem) => this.find("S16", problem), this.inbox)
  /** Which events were kept and taken. */
  readonly events = new EventWitness((problem) => this.find("S6", problem))
  /** What steps keep. */
  readonly artifacts = new ArtifactWitness((problem) => this.find("S3", problem))
  /** What bodies have spent. */
  readonly money = new MoneyWitness()
  private readonly signals = new Set<string>()
  private readonly owners = new Map<string, number>()
  readonly wanted = new Wanted(
    (run) => this.runs.get(run)?.ended === false,
    (message) => this.outbox.has(message),
    (problem) => this.find("S8", problem)
  )
  /** Deaths, pauses and failures so far: without any, no body is run again. */
  hardships = 0
  /** What the engines of the processes know of a document. */
  private readonly describe: Engine["Service"]["describe"]

  constructor(describe: Engine["Service"]["describe"]) {
    this.describe = describe
  }

  find(promise: PromiseId, problem: string): void {
    if (this.violations.length < 20) this.violations.push({ promise, problem })
  }

  /** The answers to some operations, in the order in which they were applied. */
  heard(ops: ReadonlyArray<Op>, answers: ReadonlyArray<Answers[keyof Answers]>): void {
    for (let index = 0; index < ops.length; index++) this.answer(ops[index]!, answers[index] as never)
  }

  /** Forgets what it has heard, to hear again what a loss of power has left of it. */
  forget(): void {
    this.money.losesPower()
    this.runs.clear()
    this.inbox.clear()
    this.outbox.clear()
    this.questions.forget()
    this.signals.clear()
    this.owners.clear()
    this.wanted.forget()
    this.events.forget()
    this.artifacts.forget()
  }

  /** The body of a step begins. */
  begins(runId: string, key: string, attempt: number): void {
    const seen = this.runs.get(runId)
    if (seen === undefined) return this.find("S3", `step "${key}" of run ${runId} began, and the run is not recorded`)
    if (seen.outcomes.has(key)) {
      this.find("S1", `step "${key}" of run ${runId} ran again although its outcome is recorded`)
    }
    const starts = (seen.starts.get(key) ?? 0) + 1
    seen.starts.set(key, starts)
    const requests = seen.requests.get(key) ?? 0
    if (starts > requests) {
      this.find(
        "S2",
        `attempt ${attempt} of step "${key}" of run ${runId} began for the time ${starts}, and was requested ${requests} times`
      )
    }
  }

  private answer<O extends Op>(op: O, answer: never): void {
    switch (op.op) {
      case "start":
        return this.started(op, answer)
      case "commit":
        return this.committed(op, answer)
      case "leave": {
        const { stopped } = answer as Answers["leave"]
        this.wanted.left(op, stopped)
        if (stopped) this.inbox.set(`${op.row.run}\n${op.row.id}`, op.row)
        return
      }
      case "inbox":
      case "raise": {
        for (const row of sent(op, answer)) {
          this.wanted.told(row)
          this.inbox.set(`${row.run}\n${row.id}`, row)
          if (row.kind === "signal") this.signals.add(`${row.run}\n${row.id}`)
        }
        return
      }
      case "answer":
        return this.questions.answered(op, answer, this.runs.get(op.run))
      case "claim": {
        for (const row of (answer as Answers["claim"]).runs) this.claimed(row, op.owner)
        return
      }
      case "claimOne": {
        const { run } = answer as Answers["claimOne"]
        if (run !== null) this.claimed(run, op.owner)
        return
      }
      case "heartbeat":
        this.owners.set(op.owner.id, op.owner.expiresAt)
        return
      case "reap": {
        const given = op.owners?.filter(({ expiresAt, id }) => this.owners.get(id) === expiresAt)
        for (const { expiresAt, id } of given ?? []) {
          if (expiresAt >= op.now) {
            this.find("S5", `${id} lives until ${expiresAt}, and was taken for dead at ${op.now}`)
          }
        }
        for (const [owner, until] of this.owners) {
          if (given === undefined ? until < op.now : given.some(({ id }) => id === owner)) this.owners.delete(owner)
        }
        let free = 0
        for (const seen of this.runs.values()) {
          if (seen.owner === null || this.owners.has(seen.owner)) continue
          seen.owner = null
          free++
        }
        const { freed } = answer as Answers["reap"]
        if (freed < free) this.find("S4", `${free} runs of dead owners were to be freed, and ${freed} were`)
        if (freed > free) this.find("S5", `${freed} runs were freed, and ${free} belonged to dead owners`)
        return
      }
      case "retire": {
        this.owners.delete(op.owner)
        for (const seen of this.runs.values()) if (seen.owner === op.owner) seen.owner = null
        return
      }
      case "define": {
        const { hash } = op.row
        const description = this.describe(op.row)
        if (description === undefined) return
        this.limits.set(hash, { ...description.limits, handsOver: true })
        this.events.defined(hash, description)
        return
      }
      case "events":
        return this.events.keeps(op)
      case "sweep":
        return this.events.swept((answer as Answers["sweep"]).dropped)
      case "publish":
        for (const { id } of op.rows) this.outbox.add(id)
        return
      case "delivered":
        for (const id of op.ids) this.outbox.delete(id)
        return
    }
  }

  private started(op: Extract<Op, { readonly op: "start" }>, { run, started }: Answers["start"]): void {
    const known = this.runs.get(op.run.id)
    this.wanted.started(op)
    if (!started) {
      if (known === undefined) this.find("S3", `run ${run.id} was joined, and nobody had started it`)
      return
    }
    if (known !== undefined) return this.find("S3", `run ${run.id} was started twice`)
    const seen: Seen = {
      id: run.id,
      code: op.run.definition ?? `${op.run.workflow}@${op.run.version}`,
      createdAt: op.run.createdAt,
      epoch: run.epoch,
      owner: op.run.owner,
      standing: { status: op.run.status, reason: null, waits: null },
      ended: isFinal(op.run.status as RunStatus),
      rows: [],
      entries: [],
      view: RunView.empty(run.id),
      outcomes: new Set(),
      requests: new Map(),
      letGo: new Map(),
      starts: new Map(),
      timers: new Map(),
      decisions: new Set(),
      signals: new Set()
    }
    this.runs.set(run.id, seen)
    this.events.started(op)
    this.append(seen, op)
  }

  private committed(op: CommitOp, answer: Answers["commit"]): void {
    const seen = this.runs.get(op.run)
    if (seen === undefined) {
      return answer.ok
        ? this.find("S3", `a commit to run ${op.run} was taken, and nobody had started it`)
        : undefined
    }
    const rightful = op.epoch === seen.epoch && op.expected === seen.rows.length
    if (!answer.ok) {
      if (rightful && answer.undone !== true && answer.unseen !== true) {
        this.find("S5", `a commit by the owner of run ${op.run} was refused`)
      }
      return
    }
    if (op.epoch !== seen.epoch) {
      return this.find(
        "S5",
        `a commit of epoch ${op.epoch} to run ${op.run} was taken, and epoch ${seen.epoch} owns it`
      )
    }
    if (!rightful) {
      return this.find(
        "S5",
        `a commit behind entry ${op.expected} of run ${op.run} was taken, and the run has ${seen.rows.length} entries`
      )
    }
    if (seen.ended) this.find("S5", `a commit to run ${op.run} was taken although the run has ended`)
    if (op.awaits !== undefined) this.events.changed(op.run, op.awaits)
    this.append(seen, op)
    const unlike = this.money.commits(op, seen)
    if (unlike !== undefined) this.find("S3", unlike)
    for (const id of op.consumed) {
      const taken = this.inbox.get(`${op.run}\n${id}`)
      if (taken?.kind === "signal" && !seen.signals.has(id) && !seen.entries.some((entry) => tellsOf(entry) === id)) {
        this.find("S6", `signal ${id} was taken from the inbox of run ${op.run}, and is not in its journal`)
      }
      if (taken?.kind === "answer" || isHanded(taken)) this.questions.taken(seen, id)
      this.inbox.delete(`${op.run}\n${id}`)
    }
    this.questions.committed(op)
    for (const { id } of op.outbox) this.outbox.add(id)
    if (op.status !== undefined) seen.standing = op.status
    const difference = Standing.difference(seen)
    if (difference !== undefined) this.find("S7", difference)
    if (op.release !== undefined) seen.owner = null
    if (op.leaves !== undefined) {
      const { except, row } = op.leaves
      for (const run of this.wanted.leftAll(op.run, except)) {
        this.inbox.set(`${run}\n${row.id}`, { ...row, run, at: op.at })
      }
    }
    if (op.ended !== undefined) { for (const problem of endedOver(seen, op.rows.length)) this.find("S6", problem) }
    if (op.ended === undefined && !isFinal(seen.standing.status as RunStatus)) return
    seen.ended = true
    seen.owner = null
    for (const [key, row] of this.inbox) {
      if (row.run !== op.run) continue
      if (op.ended !== undefined) {
        this.find(
          "S16",
          `${row.kind} ${row.id} for run ${op.run} was acknowledged, and the run ended without a word of it`
        )
      }
      this.inbox.delete(key)
    }
  }

  private claimed(row: RunRow, owner: string): void {
    const seen = this.runs.get(row.id)
    if (seen === undefined) return this.find("S3", `run ${row.id} was claimed, and nobody had started it`)
    if (seen.owner !== null) this.find("S5", `run ${row.id} was given to ${owner} while ${seen.owner} owned it`)
    if (row.epoch !== seen.epoch + 1) {
      this.find("S5", `run ${row.id} was claimed at epoch ${row.epoch}, after epoch ${seen.epoch}`)
    }
    if (seen.ended) this.find("S5", `run ${row.id} was claimed although it has ended`)
    seen.owner = owner
    seen.epoch = row.epoch
  }

  private append(seen: Seen, { blobs, rows }: Pick<CommitOp, "rows" | "blobs">): void {
    const before = seen.entries.length
    for (const row of rows) {
      const read = Upcast.read(seen.id, seen.rows.length, row)
      seen.rows.push(row)
      if (Exit.isFailure(read)) {
        this.find("S14", `entry ${seen.rows.length - 1} of run ${seen.id} was written so that it cannot be read`)
        continue
      }
      this.entry(seen, read.value)
    }
    this.artifacts.wrote(seen.id, seen.entries.slice(before), blobs)
  }

  private entry(seen: Seen, entry: JournalEntry.JournalEntry): void {
    const before = seen.entries.at(-1)
    seen.entries.push(entry)
    seen.view = RunView.fold(seen.view, entry)
    const where = `run ${seen.id}`
    if (before !== undefined && entry.epoch < before.epoch) {
      this.find("S5", `entry ${entry.seq} of ${where} is of an earlier epoch than the one before`)
    }
    switch (entry._tag) {
      case "StepRequested": {
        // The signals that a fork shares were taken by another run.
        if (entry.event !== undefined && entry.epoch > 0) this.events.took(seen.id, entry.name, entry.event.id)
        seen.requests.set(entry.key, (seen.requests.get(entry.key) ?? 0) + 1)
        const letGo = seen.letGo.get(entry.key)
        if ((entry.recovery ?? 0) > (letGo?.count ?? 0) && this.hardships === 0) {
          this.find("S2", `step "${entry.key}" of ${where} is run again as after a crash, and nothing has crashed`)
        }
        if (letGo?.attempt === entry.attempt && entry.onCrash === "ask") {
          this.find(
            "S2",
            `the body of step "${entry.key}" of ${where}, which was let go, runs again, and nobody has said so`
          )
        }
        return
      }
      case "BodyLetGo": {
        const { key } = entry
        const { attempt } = seen.entries.findLast((other) =>
          other._tag === "StepRequested" && other.key === key
        ) as JournalEntry.EntryOf<"StepRequested">
        if (seen.outcomes.has(key)) {
          this.find("S1", `the body of step "${key}" of ${where} was let go, and it has an outcome`)
        }
        seen.letGo.set(key, { attempt, count: (seen.letGo.get(key)?.count ?? 0) + 1 })
        return
      }
      case "StepCompleted":
      case "StepFailed": {
        if (!seen.requests.has(entry.key)) {
          this.find("S9", `step "${entry.key}" of ${where} has an outcome and no request`)
        }
        if (entry._tag === "StepFailed" && (entry.retryAt !== undefined || entry.parked === true)) return
        if (seen.outcomes.has(entry.key)) this.find("S1", `step "${entry.key}" of ${where} has two outcomes`)
        seen.outcomes.add(entry.key)
        return
      }
      case "SignalReceived": {
        if (seen.signals.has(entry.id)) this.find("S6", `signal ${entry.id} of ${where} was received twice`)
        if (!this.signals.has(`${seen.id}\n${entry.id}`)) {
          this.find("S6", `signal ${entry.id} of ${where} was received, and nobody sent it`)
        }
        seen.signals.add(entry.id)
        return
      }
      case "Decided": {
        if (seen.decisions.has(entry.key)) this.find("S1", `decision "${entry.key}" of ${where} was made twice`)
        seen.decisions.add(entry.key)
        return
      }
      case "TimerSet": {
        seen.timers.set(entry.timer, entry.dueAt)
        return
      }
      case "TimerFired": {
        const due = seen.timers.get(entry.timer)
        if (due === undefined) this.find("S6", `timer ${entry.timer} of ${where} fired twice, or was never set`)
        else if (entry.at < due) {
          this.find("S6", `timer ${entry.timer} of ${where} fired ${due - entry.at} ms before its time`)
        }
        seen.timers.delete(entry.timer)
        return
      }
      case "ChildFinished": {
        const child = this.runs.get(entry.child)
        if (child === undefined || !child.ended) {
          this.find("S11", `${where} was told the end of child ${entry.child}, which has not ended`)
        }
      }
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The rows that this puts into inboxes. */
const sent = (
  op: Extract<Op, { readonly op: "inbox" | "raise" }>,
  answer: Answers[keyof Answers]
): ReadonlyArray<InboxRow> =>
  op.op === "raise"
    ? (answer as Answers["raise"]).told.map((run) => Object.assign({ run, at: op.row.at }, op.message))
    : (answer as Answers["inbox"]).result === "accepted"
    ? [op.row]
    : []

/** A body that was told to end for want of a signal has had all that were acknowledged by its end. */
const endedOver = ({ entries, id }: Seen, count: number): ReadonlyArray<string> => {
  const last = entries.slice(entries.length - count)
  const names = new Set(last.flatMap((entry) => entry._tag === "EndOffered" ? [entry.name] : []))
  return last.flatMap((entry) => {
    if (entry._tag !== "MessageRefused" || entry.kind !== "signal" || entry.why !== "late") return []
    const name = (entry.message as { readonly name?: string } | undefined)?.name ?? ""
    return names.has(name)
      ? [`run ${id} ended for want of signal "${name}", and ${entry.id} was refused as too late`]
      : []
  })
}

/** Whether it says that somebody has handed a question on: an escalation or a reminder is nobody's word. */
const isHanded = (row: InboxRow | undefined): boolean =>
  row?.kind === "routing" && (JSON.parse(row.payload) as Message<"routing">).routed.kind === "delegate"
