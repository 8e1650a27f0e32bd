/** The commits of runs in memory: written, and then told to those whom they concern. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CommitOp, RunRow } from "../../Backend.ts"
import { encodeEntries } from "../../Store.ts"
import * as CommitOps from "../CommitOps.ts"
import type { Extensions } from "../Extensions.ts"
import type { Committed, ExecutorHost, PendingCommit } from "../run/RunHost.ts"
import * as RunLogs from "../RunLogs.ts"
import type { Announcements } from "./Announcements.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import type { Inboxes } from "./Inboxes.ts"
import { Look, type Rounds } from "./Rounds.ts"
import * as RunWaiters from "./RunWaiters.ts"
import type { Writer } from "./Writer.ts"

interface Parts {
  readonly host: HostRuntime
  readonly rounds: Rounds
  readonly writer: Writer
  readonly announcements: Announcements
  readonly extensions: Extensions
  readonly inboxes: Inboxes
  readonly waiters: RunWaiters.RunWaiters
}

export class Commits {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  readonly commit: ExecutorHost["commit"] = (run, pending, done): void => {
    const encoded = encodeEntries(pending.entries)
    if (Effect.isEffect(encoded)) {
      this.parts.host.fork(encoded).addObserver((exit) => {
        if (Exit.isSuccess(exit)) this.submit(run, pending, exit.value, done)
        else done(false)
      })
    } else this.submit(run, pending, encoded, done)
  }

  private submit(
    run: RunRow,
    pending: PendingCommit,
    encoded: Pick<CommitOp, "rows" | "blobs">,
    done: Committed
  ): void {
    const { announcements, host, inboxes, rounds, waiters, writer } = this.parts
    const projected = announcements.projected(run, pending.entries, pending.unrecorded)
    const op = CommitOps.of(run, pending, encoded, host.now(), projected)
    writer.submit(op, (answer) => {
      const ok = Exit.isSuccess(answer) && answer.value.ok
      const unseen = Exit.isSuccess(answer) && !answer.value.ok && answer.value.unseen === true
      if (Exit.isSuccess(answer)) writer.succeeded()
      else writer.commitFailed(answer.cause)
      if (Exit.isSuccess(answer) && answer.value.ok) {
        for (const { refusal, row } of answer.value.refused ?? []) {
          CommitOps.refuse(pending.entries[row] as JournalEntry.EntryOf<"StepRequested">, refusal)
        }
      }
      if (ok && (pending.entries.length > 0 || pending.status !== undefined)) {
        announcements.committed(run, pending.entries, pending.status?.status ?? "running", pending.unrecorded)
      }
      if (ok && pending.status?.status === "suspended") {
        waiters.notify(run.id, RunWaiters.rested(run, pending, op.at))
        if (RunLogs.isFault(pending.status)) host.fork(RunLogs.suspension(run, pending.status))
      }
      if (Exit.isSuccess(answer) && ok) {
        const { sent, told: hasTold } = answer.value as { readonly sent?: true; readonly told?: true }
        const told = hasTold === true || pending.leaves !== undefined
        if (op.outbox.length > 0 || sent === true) rounds.poke(Look.outbox)
        if (told || pending.release !== undefined) rounds.poke(Look.due)
        if (told || (inboxes.hasBacklog && pending.consumed.length > 0)) rounds.poke(Look.inbox)
      }
      done(ok, unseen)
      if (ok && pending.ended !== undefined) waiters.notify(run.id, RunWaiters.rested(run, pending, op.at))
    })
  }

  readonly together: ExecutorHost["commitTogether"] = (run, expected, make, done) => {
    const { announcements, extensions, host, rounds, writer } = this.parts
    const projected = (made: ReadonlyArray<JournalEntry.JournalEntry>) => announcements.projected(run, made)
    const { entries, op } = CommitOps.together(run, expected, host.now(), make, projected)
    writer.submit(op, (answer) => {
      if (Exit.isFailure(answer)) writer.failed(answer.cause)
      else if (answer.value.ok) {
        announcements.committed(run, entries(), "running")
        if (extensions.publishes) rounds.poke(Look.outbox)
      }
      done(
        Exit.isFailure(answer)
          ? "refused"
          : answer.value.ok
          ? "done"
          : answer.value.undone === true
          ? "undone"
          : "refused"
      )
    })
  }
}
