/**
 * The questions that a run asks people, and what becomes of them as time passes.
 */
import * as ApprovalRouting from "@fermata/core/ApprovalRouting"
import * as DurableTime from "@fermata/core/DurableTime"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type * as Effect from "effect/Effect"
import { OwnAnswers } from "../OwnAnswers.ts"
import * as Questions from "../Questions.ts"
import * as StepKeys from "../StepKeys.ts"
import * as Answer from "./Answer.ts"
import type { ApprovalQuestion, ApprovalResult } from "./Ask.ts"
import type { ReadyItem } from "./Happening.ts"
import type { AskedApproval } from "./Pass.ts"
import type { RunCore } from "./RunCore.ts"
import type { QuestionPort } from "./RunPort.ts"
import { tooLate } from "./Waits.ts"

export class QuestionRequests implements QuestionPort {
  readonly ownAnswers: OwnAnswers
  private readonly run: RunCore
  private readonly by: string | undefined

  /** `by`: the person who asked for the run, if that is known. */
  constructor(run: RunCore, by: string | undefined) {
    this.run = run
    this.by = by
    this.ownAnswers = new OwnAnswers(run)
  }

  ask(question: ApprovalQuestion): Effect.Effect<ApprovalResult> {
    return this.run.ask((resume, refuse) => {
      const { alarms, batch, ledger, pass, phase, replayer } = this.run
      const key = question.key ?? StepKeys.approvalKeyOf(pass, question.name)
      const isKnown = ledger.approvals.has(key)
      const deadline = isKnown ? Infinity : DurableTime.after(this.run.from, question.deadlineMs ?? Infinity)
      if (DurableTime.isTooLate(deadline)) {
        return refuse(tooLate(this.run, `The deadline of approval "${key}"`, question.deadlineMs!))
      }
      const verdict = Answer.approval(pass, replayer, key, question)
      if (typeof verdict === "object") return this.run.diverge(verdict)
      if (verdict === "new") {
        const entry = this.run.append({
          _tag: "ApprovalRequested",
          key,
          prompt: question.prompt,
          approvers: question.approvers,
          choices: question.choices,
          quorum: question.quorum,
          ...(question.of === undefined ? {} : { of: question.of }),
          editable: question.editable,
          onTimeout: question.onTimeout,
          ...(question.args === undefined ? {} : { args: question.args }),
          hash: question.hash,
          ...this.excluded(question.notBy),
          ...this.times(question),
          ...(question.editable && question.schema !== undefined ? { schema: question.schema() } : {}),
          ...(question.standing === undefined ? {} : { standing: question.standing }),
          ...(deadline === Infinity ? {} : { deadline })
        }) as JournalEntry.EntryOf<"ApprovalRequested">
        batch.openApproval(Questions.rowOf(this.run.row, entry))
      }
      const record = ledger.approvals.get(key)!
      let asked = pass.approvals.get(key)
      if (asked === undefined) {
        pass.approvals.set(key, asked = { record, waiter: undefined, result: undefined, problemOf: undefined })
      }
      const approval = asked
      approval.problemOf = question.problemOf
      if (approval.result !== undefined) return resume(approval.result)
      approval.waiter = resume
      if (phase.isLive) this.arm(approval)
      return () => {
        approval.waiter = undefined
        alarms.disarm(`approval:${key}`)
        this.ownAnswers.forget(key)
        if (approval.result === undefined) batch.closeApproval(key)
      }
    })
  }

  /** The run goes on with the questions of its journal. */
  goLive(): void {
    const { batch, ledger, pass, row } = this.run
    for (const approval of pass.approvals.values()) {
      if (approval.waiter === undefined) continue
      const { entry, taken } = approval.record
      if (ledger.revived) batch.openApproval(Questions.rowOf(row, entry, taken))
      this.arm(approval)
    }
  }

  /** An answer has been told: it may have decided. */
  answered(entry: JournalEntry.EntryOf<"ApprovalAnswered">): void {
    const { alarms, batch, ledger, phase } = this.run
    if (!phase.isLive || ledger.approvals.get(entry.key)?.decided?.by !== entry) return
    batch.closeApproval(entry.key)
    alarms.disarm(`approval:${entry.key}`)
  }

  /** The journal says whom a question went to. */
  routed(key: string): void {
    const approval = this.waiting(key)
    if (approval !== undefined && this.run.phase.isLive) this.arm(approval)
  }

  acceptDeadline(key: string): void {
    const due = dueOf(this.waiting(key))
    if (due !== undefined) this.ownAnswers.passed(key, due.at)
  }

  /** The answers of people and what time does have one order, which the store has: what was recorded comes through the inbox. */
  acceptExpired({ key, outcome }: Extract<ReadyItem, { readonly _tag: "Expired" }>): void {
    this.ownAnswers.forget(key)
    const approval = this.waiting(key)
    if (approval === undefined) return
    const { deadline } = approval.record.entry
    if (outcome._tag === "Unknown") {
      // There is no question in the store that somebody could answer, so nobody has.
      if (deadline === undefined) return
      if (deadline > this.run.host.now()) {
        return this.run.alarms.arm(`approval:${key}`, deadline, { _tag: "Deadline", key })
      }
      return this.run.tell({
        _tag: "ApprovalAnswered",
        id: `deadline:${key}`,
        key,
        decision: "timeout",
        by: "deadline"
      })
    }
    const due = dueOf(approval)
    // Where the store has recorded what is due here already, it comes through the inbox, and that looks at the time again.
    if (due !== undefined && due.at > this.run.host.now()) return this.arm(approval)
    this.run.host.handOutSoon()
  }

  /** Has what happens next as time passes delivered at its time. */
  private arm(approval: AskedApproval): void {
    const { key } = approval.record.entry
    const due = dueOf(approval)
    if (due === undefined) return this.run.alarms.disarm(`approval:${key}`)
    this.run.alarms.arm(`approval:${key}`, due.at, { _tag: "Deadline", key })
  }

  /** Who may not answer, as the question names them. */
  private excluded(notBy: ReadonlyArray<string>): Pick<Requested, "requester" | "notBy"> {
    const names = notBy.filter((name) => name !== "requester")
    return {
      ...(names.length < notBy.length && this.by !== undefined ? { requester: this.by } : {}),
      ...(names.length === 0 ? {} : { notBy: names })
    }
  }

  /** What happens to the question while nobody decides it, at times from now on. */
  private times({ escalate = [], remind }: ApprovalQuestion): Pick<Requested, "escalate" | "remind"> {
    const at = (afterMs: number) => DurableTime.after(this.run.from, afterMs)
    const stages = escalate.map(({ afterMs, to }) => ({ at: at(afterMs), to }))
      .filter((stage) => !DurableTime.isTooLate(stage.at))
    return {
      ...(stages.length === 0 ? {} : { escalate: stages }),
      ...(remind === undefined || DurableTime.isTooLate(at(remind.everyMs))
        ? {}
        : { remind: { from: at(remind.everyMs), ...remind } })
    }
  }

  /** The question of this key, if the code waits for its answer. */
  private waiting(key: string) {
    const approval = this.run.pass.approvals.get(key)
    return approval?.waiter !== undefined && approval.result === undefined ? approval : undefined
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Requested = JournalEntry.EntryOf<"ApprovalRequested">

const dueOf = (approval: AskedApproval | undefined): ApprovalRouting.Moment | undefined =>
  approval === undefined ? undefined : ApprovalRouting.due(approval.record.question)
