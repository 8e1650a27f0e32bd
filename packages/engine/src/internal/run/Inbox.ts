/**
 * The inbox of a run, as its owner takes from it.
 */
import * as ExitJson from "@fermata/core/ExitJson"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { InboxRow } from "../../Backend.ts"
import { type Kind, type Message, messages } from "../../InboxMessage.ts"
import type { OwnAnswers } from "../OwnAnswers.ts"
import { SparseSet } from "../Sparse.ts"
import type { SettleAction } from "./Ask.ts"
import type { EventRequests } from "./EventRequests.ts"
import * as InboxRules from "./InboxRules.ts"
import type { RunCore } from "./RunCore.ts"
import type { StepCourse } from "./StepCourse.ts"

/** What an order from the inbox may do to the run as a whole. */
export interface Orders {
  readonly resume: (by: string) => void
  readonly restartForStop: (stop: Extract<InboxRules.Act, { readonly _tag: "RestartForStop" }>["stop"]) => void
}

export class Inbox {
  private readonly run: RunCore
  private readonly course: StepCourse
  private readonly events: EventRequests
  private readonly ownAnswers: OwnAnswers
  private readonly orders: Orders
  /** Rows that were handed over and are still in the store. */
  private readonly seen = new SparseSet<string>()

  constructor(run: RunCore, course: StepCourse, events: EventRequests, ownAnswers: OwnAnswers, orders: Orders) {
    this.run = run
    this.course = course
    this.events = events
    this.ownAnswers = ownAnswers
    this.orders = orders
  }

  /** A row is handed over. One that was handed over before is ignored. */
  receive(row: InboxRow): void {
    if (this.run.phase.isGone || this.seen.has(row.id)) return
    this.seen.add(row.id)
    this.run.push({ _tag: "Inbox", row })
  }

  /** These rows are no longer in the store. */
  taken(ids: ReadonlyArray<string>): void {
    for (const id of ids) this.seen.delete(id)
  }

  accept(row: InboxRow): void {
    const { act, entries, take } = InboxRules.decide(this.run.pass, row, messageOf(row))
    if (take) this.run.batch.consume(row)
    for (const entry of entries) {
      if (entry._tag === "MessageRefused") this.run.append(entry)
      else this.run.tell(entry)
    }
    if (act !== undefined) this.act(row, act)
  }

  /** The store knows that the code does not take the edit in this row. */
  acceptEditRefused(row: InboxRow): void {
    if (this.ownAnswers.noteRefused(row)) this.run.batch.consume(row)
  }

  /** Whether a signal of one of these names was handed over and has not been taken. */
  hasUnread(names: ReadonlySet<string>): boolean {
    return this.run.ready.some((item) =>
      item._tag === "Inbox" && item.row.kind === "signal" && !this.run.ledger.signalIds.has(item.row.id) &&
      names.has((messageOf(item.row) as Message<"signal"> | undefined)?.name ?? "")
    )
  }

  /** The code has ended: it takes the rows no more that were handed over. */
  end(): void {
    const { run } = this
    const rows = run.ready.flatMap((item) => item._tag === "Inbox" || item._tag === "Stop" ? item.row ?? [] : [])
    if (run.pendingStop?.row !== undefined) rows.push(run.pendingStop.row)
    run.pendingStop = undefined
    run.ready = run.ready.filter(({ _tag }) => _tag !== "Inbox" && _tag !== "Stop" && _tag !== "EditRefused")
    for (const row of [...rows, ...this.ownAnswers.withdraw()]) {
      run.batch.consume(row)
      const entry = InboxRules.late(run.pass, row, messageOf(row))
      if (entry !== undefined) run.append(entry)
    }
  }

  private act(row: InboxRow, act: InboxRules.Act): void {
    switch (act._tag) {
      case "Stop": {
        const { by, kind, reason } = act
        return this.run.push({ _tag: "Stop", id: row.id, kind, by, reason, row })
      }
      case "RestartForStop":
        return this.orders.restartForStop(act.stop)
      case "Resume":
        return this.orders.resume(act.by)
      case "Confirm": {
        const text =
          "nobody doubts what the run has done: the store was not put back since, or somebody has confirmed it"
        if (!this.course.confirm(act.by)) this.run.append(InboxRules.refused(row, { why: "late", text }))
        return
      }
      case "EventsCame":
        return this.events.came(act.event, row)
      case "RefuseEdit":
        return this.ownAnswers.refuse(row, act.edit, () => this.run.append(act.refused))
      case "Settle": {
        const { action, by, key } = act.message
        const problem = this.course.settle(key, by, settlement(action))
        if (problem !== undefined) this.run.append(InboxRules.refused(row, { why: "refused", text: problem }))
      }
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decoders = Object.fromEntries(
  Object.entries(messages).map((
    [kind, schema]
  ) => [kind, Schema.decodeUnknownExit(Schema.fromJsonString(schema as Schema.Codec<unknown>))])
) as { readonly [kind: string]: ((text: string) => Exit.Exit<unknown, unknown>) | undefined }

/** What a row says; undefined where it cannot be read. */
const messageOf = ({ kind, payload }: InboxRow): Message<Kind> | undefined => {
  const message = decoders[kind]?.(payload)
  return message === undefined || Exit.isFailure(message) ? undefined : message.value as Message<Kind>
}

const settlement = (action: Message<"settle">["action"]): SettleAction =>
  action._tag === "fail"
    ? { _tag: "fail", cause: ExitJson.causeToJson(Cause.die({ name: "SettledAsFailed", message: action.message })) }
    : action
