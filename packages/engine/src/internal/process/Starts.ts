/** Starts of runs from this process. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Answers, Backend, RunRow, StartOp, StorageFailed } from "../../Backend.ts"
import { startOp, type StartRequest } from "../../StartRequest.ts"
import { encodeEntries } from "../../Store.ts"
import * as Handover from "../Handover.ts"
import * as Leaving from "../Leaving.ts"
import type { Registration } from "../run/RunHost.ts"
import { CurrentRun } from "../run/RunPort.ts"
import type { Announcements } from "./Announcements.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import type { Inboxes } from "./Inboxes.ts"
import type { Loading } from "./Loading.ts"
import type { Ownership } from "./Ownership.ts"
import type { Pool } from "./Pool.ts"
import type { Programs } from "./Programs.ts"
import { Look, type Rounds } from "./Rounds.ts"
import type { Writer } from "./Writer.ts"

interface Parts {
  readonly backend: Backend
  readonly host: HostRuntime
  readonly rounds: Rounds
  readonly writer: Writer
  readonly ownership: Ownership
  readonly pool: Pool
  readonly programs: Programs
  readonly inboxes: Inboxes
  readonly loading: Loading
  readonly announcements: Announcements
}

/** A start that is about to be written, by whoever writes it. */
export interface PreparedStart {
  readonly op: StartOp
  /** It is not written: the run, which may have gone ahead, is let go. */
  readonly drop: () => void
  /** It is written: tells of the run, and goes on with it where this process owns it. */
  readonly written: (answer: Answers["start"]) => Effect.Effect<void>
}

export class Starts {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /**
   * Starts a run, or joins it. When this process serves it and has a free slot, it owns the run from the first moment; but
   * not when a step asks for it: a failure would leave this process unsure of what it owns, and cut the step short.
   */
  readonly start = (request: StartRequest) =>
    Effect.flatMap(CurrentRun, (place) =>
      place?.step === undefined
        ? this.startOnce(request, true)
        : this.parts.writer.patience.persist(Effect.uninterruptible(Effect.tap(
          this.startOnce(request, false),
          // The start comes behind the moment in which the run, told to stop, has left its children.
          () =>
            request.listener !== null && place.run.steps.hasLeft(place.step!)
              ? this.parts.writer.write(Leaving.op(place.run.leaver, request.id, this.parts.host.now()))
              : Effect.void
        ))))

  private readonly startOnce = (request: StartRequest, owns: boolean) =>
    Effect.flatMap(
      this.join(request),
      (joined) => joined === undefined ? this.begin(request, owns) : Effect.succeed(joined)
    )

  /** A run that is there and that nobody can leave is joined by a look: nothing changes in it. */
  private join(request: StartRequest): Effect.Effect<Answers["start"] | undefined, StorageFailed> {
    if (request.listener !== null) return Effect.undefined
    const { backend, ownership, rounds } = this.parts
    return Effect.map(backend.run(request.id), (run) => {
      if (run === null || run.parent !== null) return undefined
      if (!ownership.adopts(run.root)) {
        ownership.adopt(run.root)
        rounds.poke(Look.due)
      }
      return { started: false, run }
    })
  }

  /** To the end although the caller may leave, so that no run stays owned by this process and unknown to it. */
  private readonly begin = (request: StartRequest, owns: boolean) =>
    Effect.suspend(() => {
      const { host, pool } = this.parts
      const starting = Effect.suspend(() => {
        const own = owns ? this.servedHere(request) : undefined
        return own === undefined ? this.startWith(request, undefined) : pool.reserve(this.startWith(request, own))
      })
      return Fiber.join(host.fork(starting))
    })

  /** What executes the run here, where this process may own it and has a slot beside so many that are given away. */
  private servedHere(request: StartRequest, given = 0): Registration | undefined {
    const { ownership, pool, programs, rounds } = this.parts
    const isSure = !rounds.closed && !ownership.isUnsure && !ownership.isOverdue
    return isSure && request.kind === "program" && pool.freeSlots > given
      ? programs.get(request.workflow, request.version)
      : undefined
  }

  private readonly startWith = Effect.fnUntraced(
    function*(this: Starts, request: StartRequest, own: Registration | undefined) {
      const { rounds, writer } = this.parts
      const prepared = yield* this.prepareWith(request, own)
      const answer = yield* Effect.onError(writer.write(prepared.op), () => Effect.sync(prepared.drop))
      yield* prepared.written(answer)
      if (!answer.started || own === undefined) rounds.poke()
      return answer
    }
  )

  /** The start of a run, for the main loop, which writes it with others: of them so many are owned here already. */
  readonly prepare = (request: StartRequest, given: number): Effect.Effect<PreparedStart> =>
    Effect.suspend(() => this.prepareWith(request, this.servedHere(request, given)))

  private readonly prepareWith = Effect.fnUntraced(
    function*(this: Starts, request: StartRequest, own: Registration | undefined): Effect.fn.Return<PreparedStart> {
      const { host, inboxes, loading, ownership, rounds } = this.parts
      const { entry, op } = startOp(request, host.now(), own === undefined ? null : ownership.ownerId)
      const made = entry as JournalEntry.JournalEntry
      const history = [Handover.plain(made)]
      const encoded = encodeEntries([made])
      const { blobs, rows } = Effect.isEffect(encoded) ? yield* encoded : encoded
      const { era } = ownership
      const { handedOut } = inboxes
      const begun = own && loading.begin(own, ownedRow(op), history)
      const first = begun?.first.op
      const drop = () => begun?.executor.drop()
      return {
        op: { ...op, blobs, rows, ...(first === undefined ? {} : { first }) },
        drop,
        written: (answer) =>
          Effect.suspend(() => {
            if (!answer.started || begun === undefined || answer.told === true) drop()
            if (!answer.started) return Effect.sync(() => ownership.adopt(answer.run.root))
            this.announce(answer.run, [made])
            if (own === undefined) return Effect.void
            if (begun !== undefined && answer.told !== true) {
              const length = answer.run.length + (answer.first?.ok === true ? first!.rows.length : 0)
              return loading.keep(era, begun, { ...answer.run, length }, answer.first, handedOut)
            }
            return Effect.map(loading.wakeUp(era, own, answer.run, history, [], handedOut), () => {
              if (answer.told === true) rounds.poke(Look.inbox)
            })
          })
      }
    }
  )

  /** A run was started and stored: tells the observers, and has the main loop take it up. */
  onStarted(run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>): void {
    this.announce(run, entries)
    this.parts.rounds.poke()
  }

  /** Tells the observers that a run was started. */
  private readonly announce = (run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>): void => {
    this.parts.ownership.adopt(run.root)
    this.parts.announcements.started(run, entries)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The row of a run that its starter owns, as the store is to have it. */
const ownedRow = ({ run }: StartOp): RunRow => ({
  ...run,
  dueAt: null,
  reason: null,
  waits: null,
  length: 1,
  epoch: 1,
  takeovers: 0,
  updatedAt: run.createdAt
})
