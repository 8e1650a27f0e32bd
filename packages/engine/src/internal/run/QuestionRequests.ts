/**
 * The questions that a run asks people, and their deadlines.
 */
import * as DurableTime from "@fermata/core/DurableTime"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type * as Effect from "effect/Effect"
import { OwnAnswers } from "../OwnAnswers.ts"
import * as Questions from "../Questions.ts"
import * as StepKeys from "../StepKeys.ts"
import * as Answer from "./Answer.ts"
import type { ApprovalQuestion, ApprovalResult } from "./Ask.ts"
import type { ReadyItem } from "./Happening.ts"
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
          ...(question.preventSelfApproval && this.by !== undefined ? { requester: this.by } : {}),
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
      if (phase.isLive) this.armDeadline(record.entry)
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
    for (const { record: { entry, given }, waiter } of pass.approvals.values()) {
      if (waiter === undefined) continue
      if (ledger.revived) batch.openApproval(Questions.rowOf(row, entry, given))
      this.armDeadline(entry)
    }
  }

  /** An answer has been told: it may have decided. */
  answered(entry: JournalEntry.EntryOf<"ApprovalAnswered">): void {
    const { alarms, batch, ledger, phase } = this.run
    if (!phase.isLive || ledger.approvals.get(entry.key)?.decided?.by !== entry) return
    batch.closeApproval(entry.key)
    alarms.disarm(`approval:${entry.key}`)
  }

  acceptDeadline(key: string): void {
    const approval = this.waiting(key)
    if (approval !== undefined) this.ownAnswers.passed(key, approval.record.entry.deadline!)
  }

  /** The answers of people and that of the deadline have one order, which the store has: what decided comes through the inbox. */
  acceptExpired({ key, outcome }: Extract<ReadyItem, { readonly _tag: "Expired" }>): void {
    this.ownAnswers.forget(key)
    const approval = this.waiting(key)
    if (approval === undefined) return
    if (outcome._tag === "Unknown") {
      // There is no question in the store that somebody could answer, so nobody has.
      return this.run.tell({
        _tag: "ApprovalAnswered",
        id: `deadline:${key}`,
        key,
        decision: "timeout",
        by: "deadline"
      })
    }
    if (outcome._tag === "Refused" && outcome.reason === "early") return this.armDeadline(approval.record.entry)
    this.run.host.handOutSoon()
  }

  private armDeadline({ deadline, key }: JournalEntry.EntryOf<"ApprovalRequested">): void {
    if (deadline !== undefined) this.run.alarms.arm(`approval:${key}`, deadline, { _tag: "Deadline", key })
  }

  /** The question of this key, if the code waits for its answer. */
  private waiting(key: string) {
    const approval = this.run.pass.approvals.get(key)
    return approval?.waiter !== undefined && approval.result === undefined ? approval : undefined
  }
}
