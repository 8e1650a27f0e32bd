/** Takes up the runs that this process comes to own: claims them, and brings them from the store into memory. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import type { InboxRow, RunRow, StorageFailed } from "../../Backend.ts"
import type { EngineOptions } from "../../EngineOptions.ts"
import type { Store } from "../../Store.ts"
import * as CommitOps from "../CommitOps.ts"
import type { Extensions } from "../Extensions.ts"
import type { ExecutorHost, Registration } from "../run/RunHost.ts"
import { RunExecutor } from "../RunExecutor.ts"
import * as RunLogs from "../RunLogs.ts"
import type { Announcements } from "./Announcements.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import type { Inboxes } from "./Inboxes.ts"
import type { Ownership } from "./Ownership.ts"
import type { Pool } from "./Pool.ts"
import type { Programs } from "./Programs.ts"
import { Look, type Rounds } from "./Rounds.ts"
import type { RunWaiters } from "./RunWaiters.ts"
import type { Writer } from "./Writer.ts"

interface Parts {
  readonly options: EngineOptions
  readonly store: Store["Service"]
  readonly host: HostRuntime
  readonly rounds: Rounds
  readonly writer: Writer
  readonly ownership: Ownership
  readonly pool: Pool
  readonly inboxes: Inboxes
  readonly programs: Programs
  readonly extensions: Extensions
  readonly announcements: Announcements
  readonly waiters: RunWaiters
  readonly executorHost: () => ExecutorHost
}

/** Why a run cannot be taken into memory. */
interface Obstacle {
  readonly reason: "corrupt" | "diverged"
  readonly key: string
  readonly detail: string
}

const claimLimit = 100
const divergedLimit = 1_000

export class Loading {
  private readonly parts: Parts
  private readonly runs = new Set<string>()
  private askedAt = 0
  private due: number | null = null

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** Whether no run is on its way into memory. */
  get idle(): boolean {
    return this.runs.size === 0
  }

  /** When there may be a run to take up, in ms since the epoch; null for never. As of the last time that runs were taken up. */
  get nextDue(): number | null {
    return this.due
  }

  /** Takes up the runs that are due, as many as there are slots for. To claim is to write, so it is asked first whether any is. */
  readonly claimDue: Effect.Effect<void, StorageFailed> = Effect.gen({ self: this as Loading }, function*() {
    this.due = yield* this.dueAfter(-1)
    if (this.due === null || this.due > this.parts.host.now()) return this.parts.pool.leavesNobody()
    yield* this.claim
    this.due = yield* this.dueAfter(this.askedAt)
  })

  private dueAfter(time: number): Effect.Effect<number | null, StorageFailed> {
    const { ownership: { roots }, store } = this.parts
    return roots !== null && roots.length === 0 ? Effect.succeed(null) : store.backend.nextDue(time, roots)
  }

  private readonly claim: Effect.Effect<void, StorageFailed> = Effect.gen({ self: this as Loading }, function*() {
    const { extensions, host, ownership, pool, programs, rounds, writer } = this.parts
    this.askedAt = host.now()
    while (!rounds.closed && !ownership.isUnsure) {
      const slots = pool.slotsForDue()
      if (slots <= 0) return
      const limit = Math.min(slots, claimLimit)
      if (ownership.isOverdue) yield* ownership.renew
      const { era } = ownership
      const claim = {
        op: "claim",
        owner: ownership.ownerId,
        now: this.askedAt = host.now(),
        limit,
        programs: programs.keys,
        kinds: extensions.documents.kinds,
        without: extensions.documents.unserved,
        roots: ownership.roots
      } as const
      const { runs } = yield* writer.write(claim)
      for (const row of runs) yield* this.load(era, row, row.length)
      if (runs.length === limit) continue
      const { unservedRoots } = ownership
      if (unservedRoots.length === 0) return
      const stopping = yield* writer.write({ ...claim, without: [], roots: unservedRoots })
      for (const row of stopping.runs) yield* this.load(era, row, row.length)
      return
    }
  })

  /** Takes up this one run, if nobody owns it. Answers whether it came to be owned here. */
  readonly takeUp = (runId: string): Effect.Effect<boolean, StorageFailed> =>
    Effect.suspend(() => {
      const { ownership, writer } = this.parts
      if (ownership.isOverdue) return Effect.andThen(ownership.renew, this.takeUp(runId))
      const { era } = ownership
      return Effect.flatMap(
        writer.write({ op: "claimOne", owner: ownership.ownerId, run: runId }),
        ({ run }) => run === null ? Effect.succeed(false) : Effect.as(this.load(era, run, run.length), true)
      )
    })

  /**
   * Replays the runs of a program that an earlier build could not: those that
   * this build replays cleanly go on, the others stay suspended as they are.
   */
  readonly retryDiverged = ({ name, version }: Registration): Effect.Effect<void, StorageFailed> =>
    Effect.gen({ self: this as Loading }, function*() {
      const { ownership, store } = this.parts
      const rows = yield* store.backend.runs({ reason: ["diverged"], workflow: name, limit: divergedLimit })
      for (const row of rows) {
        if (row.version === version && ownership.adopts(row.root)) yield* this.takeUp(row.id)
      }
    })

  /** What executes the run here, if this process serves it. */
  readonly registrationOf = (row: RunRow): Effect.Effect<Registration | undefined, StorageFailed> => {
    const { extensions, ownership, programs } = this.parts
    return row.kind === "program"
      ? Effect.succeed(programs.get(row.workflow, row.version))
      : extensions.documents.resolve(row, ownership.adoptsUnserved(row.root))
  }

  /** Takes a run that this process came to own in this era from the store into memory. `length` is that of its journal, where it is known. */
  readonly load = (era: number, row: RunRow, length = Infinity): Effect.Effect<void> => {
    this.runs.add(row.id)
    return Effect.gen({ self: this as Loading }, function*() {
      const { inboxes, store } = this.parts
      const registration = yield* this.registrationOf(row)
      if (registration === undefined) {
        return yield* this.handBack(row, row.kind !== "program" && row.definition === null ? nameless(row.kind) : null)
      }
      const history = yield* store.journal(row.id, 0, length)
      const { handedOut } = inboxes
      yield* this.wakeUp(era, registration, row, history, yield* store.backend.inbox(row.id), handedOut)
    }).pipe(
      Effect.catchTag(
        "EntryCorrupt",
        (error) => this.handBack(row, { reason: "corrupt", key: `entry ${error.seq}`, detail: error.message })
      ),
      Effect.catchCause((cause) => Effect.sync(() => this.parts.ownership.lost(cause))),
      Effect.ensuring(Effect.sync(() => void this.runs.delete(row.id)))
    )
  }

  /**
   * What is in the inbox is handed over first: a run that was cancelled meanwhile begins nothing. What has come
   * since the inboxes were last handed out, which was `handedOut`, is handed out after it.
   */
  wakeUp(
    era: number,
    registration: Registration,
    row: RunRow,
    history: ReadonlyArray<JournalEntry.JournalEntry>,
    inbox: ReadonlyArray<InboxRow>,
    handedOut: number
  ): Effect.Effect<void> {
    const first = history[0]
    if (first?._tag !== "RunRequested") {
      const detail = "the journal does not begin with RunRequested"
      return this.handBack(row, { reason: "corrupt", key: "entry 0", detail })
    }
    return Effect.matchCauseEffect(registration.decodePayload(first.payload), {
      onFailure: (cause) =>
        this.handBack(row, {
          reason: "diverged",
          key: "payload",
          detail: `the payload does not fit the workflow any more: ${String(cause)}`
        }),
      onSuccess: (payload) =>
        era !== this.parts.ownership.era ? this.handBack(row, null) : Effect.sync(() => {
          const { executorHost, inboxes, pool, rounds } = this.parts
          if (rounds.closed || pool.isPast(row)) return
          const executor = new RunExecutor(executorHost(), registration, row, payload, history)
          pool.add(executor)
          for (const told of inbox) executor.receive(told)
          executor.start()
          if (inboxes.handedOut !== handedOut) rounds.poke(Look.inbox)
        })
    })
  }

  /** Lets go of a run that cannot be executed here: for others, or, where it cannot be executed at all, for an operator. */
  private handBack(row: RunRow, obstacle: Obstacle | null) {
    const { announcements, host, rounds, waiters, writer } = this.parts
    const at = host.now()
    const unrecorded = obstacle === null ? undefined : { at, waits: [obstacle] }
    const outbox = obstacle === null ? [] : announcements.projected(row, [], unrecorded)
    const written = writer.write({
      ...CommitOps.empty(row, row.length, at),
      outbox,
      ...(obstacle === null
        ? {}
        : { status: { status: "suspended", reason: obstacle.reason, waits: StoredJson.textOf([obstacle]) } }),
      release: obstacle === null ? { dueAt: 0 } : { dueAt: null, quiet: true }
    })
    return Effect.ignore(Effect.map(written, (answer) => {
      if (!answer.ok || obstacle === null) return
      waiters.notify(row.id)
      host.fork(RunLogs.suspension(row, { reason: obstacle.reason, waits: StoredJson.textOf([obstacle]) }))
      announcements.committed(row, [], "suspended", unrecorded)
      if (outbox.length > 0) rounds.poke()
    }))
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const nameless = (kind: string): Obstacle => ({
  reason: "corrupt",
  key: "definition",
  detail: `it is a run of a ${kind} and names no document`
})
