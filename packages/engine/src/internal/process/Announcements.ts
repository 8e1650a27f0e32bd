/** What others learn of commits: observers in this process, and those who subscribed to events of the engine. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { OutboxRow, RunRow } from "../../Backend.ts"
import { outboxRow } from "../../StartRequest.ts"
import type { Store } from "../../Store.ts"
import { CommitView } from "../CommitView.ts"
import * as EngineEvents from "../EngineEvents.ts"
import type { Extensions } from "../Extensions.ts"
import type { UnrecordedSuspension } from "../run/RunHost.ts"
import * as RunLogs from "../RunLogs.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import type { Rounds } from "./Rounds.ts"
import type { Writer } from "./Writer.ts"

interface Parts {
  readonly store: Store["Service"]
  readonly host: HostRuntime
  readonly rounds: Rounds
  readonly writer: Writer
  readonly extensions: Extensions
  /** Whether what runs do is logged. */
  readonly logsRuns: boolean
}

type Entries = ReadonlyArray<JournalEntry.JournalEntry>

export class Announcements {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** What a commit publishes beside what its run does. */
  projected(run: RunRow, entries: Entries, unrecorded?: UnrecordedSuspension): ReadonlyArray<OutboxRow> {
    const { extensions } = this.parts
    return extensions.publishes ? extensions.projected(new CommitView(run, entries, "", unrecorded)) : []
  }

  /** Tells of a commit of a run that this process owns. */
  committed(run: RunRow, entries: Entries, status: string, unrecorded?: UnrecordedSuspension): void {
    const { host, logsRuns } = this.parts
    const committed = new CommitView(run, entries, status, unrecorded)
    this.tell(committed)
    if (logsRuns) host.fork(RunLogs.facts(run, committed.entries))
  }

  /** Tells of a run that was started and stored. */
  started(run: RunRow, entries: Entries): void {
    this.tell(new CommitView(run, entries, "queued"))
  }

  private tell(committed: CommitView): void {
    const { extensions, host } = this.parts
    extensions.notify(committed)
    if (!extensions.listensTo()) return
    host.fork(this.publishLate(committed)).addObserver((exit) => {
      if (Exit.isFailure(exit)) {
        host.fork(Effect.logError("events of the engine could not be published to those who listen", exit.cause))
      }
    })
  }

  /**
   * Publishes, to those who listen, what no commit of an owner can carry: that a
   * run was asked for, and what the end of a deadline meant. A process that dies
   * in between tells nobody.
   */
  private readonly publishLate = Effect.fnUntraced(
    function*(this: Announcements, committed: CommitView) {
      const { extensions, rounds, store, writer } = this.parts
      const entries = committed.entries.filter((entry) =>
        entry._tag === "RunRequested" || EngineEvents.needsJournal(entry)
      )
      if (entries.length === 0) return
      const { run, status } = committed
      const events = yield* EngineEvents.ofCommitted(extensions.documents.tellOf, store, { run, status, entries })
      const wanted = events.filter(({ name }) => extensions.listensTo(name))
      if (wanted.length === 0) return
      yield* writer.write({ op: "publish", rows: wanted.map(outboxRow) })
      rounds.poke()
    }
  )
}
