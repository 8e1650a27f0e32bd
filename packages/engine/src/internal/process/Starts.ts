/** Starts of runs from this process. */
import { engineWorkflows } from "@fermata/core/BulkAct"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Act, Answers, Backend, RunRow, StartOp, StorageFailed } from "../../Backend.ts"
import { startOp, type StartRequest } from "../../StartRequest.ts"
import { encodeEntries } from "../../Store.ts"
import * as Acting from "../Acting.ts"
import * as Handover from "../Handover.ts"
import * as Leaving from "../Leaving.ts"
import * as Quota from "../Quota.ts"
import type { Registration } from "../run/RunHost.ts"
import { CurrentRun } from "../run/RunPort.ts"
import * as RunSpans from "../RunSpans.ts"
import type { Scrub } from "../secrets/Scrub.ts"
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

export class Starts {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /**
   * Starts a run, or joins it. When this process serves it and has a free slot, it owns the run from the first moment; but
   * not when a step asks for it: a failure would leave this process unsure of what it owns, and cut the step short.
   * `isTraffic`: it is no act of anybody unless somebody is said to act.
   */
  readonly start = (asked: StartRequest, { isTraffic = true }: { readonly isTraffic?: boolean } = {}) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const place = Context.get(context, CurrentRun)
      const caller = RunSpans.caller(context)
      const request = caller === undefined ? asked : { ...asked, caller }
      return place?.step === undefined
        ? this.startOnce(request, { owns: true, isTraffic, isLimited: place === undefined && isLimited(request) })
        : this.parts.writer.patience.persist(Effect.uninterruptible(Effect.tap(
          this.startOnce(without(request, place.confidant?.scrub), { owns: false, isTraffic: true, isLimited: false }),
          // The start comes behind the moment in which the run, told to stop, has left its children.
          () =>
            request.listener !== null && place.run.steps.hasLeft(place.step!)
              ? this.parts.writer.write(Leaving.op(place.run.leaver, request.id, this.parts.host.now()))
              : Effect.void
        )))
    })

  private readonly startOnce = (request: StartRequest, { isLimited, isTraffic, owns }: How) =>
    Effect.flatMap(
      this.join(request),
      (joined) =>
        joined === undefined
          ? Effect.flatMap(this.actOf(request, isTraffic), (act) => this.begin(request, { owns, isLimited }, act))
          : Effect.succeed(joined)
    )

  private actOf({ by, id, version, workflow }: StartRequest, isTraffic: boolean): Effect.Effect<Act | undefined> {
    const what = { action: "run.start", target: id, by, detail: { workflow, version } }
    return Acting.of<Answers["start"]>(
      this.parts.host.now,
      what,
      ({ started }) => ({ runId: id, joined: !started }),
      isTraffic
    )
  }

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
  private readonly begin = (
    request: StartRequest,
    { isLimited, owns }: Omit<How, "isTraffic">,
    act: Act | undefined
  ) =>
    Effect.suspend(() => {
      const { host, ownership, pool, programs, rounds } = this.parts
      const starting = Effect.suspend(() => {
        const program = owns && request.kind === "program"
          ? programs.get(request.workflow, request.version)
          : undefined
        const isSure = !rounds.closed && !ownership.isUnsure && !ownership.isOverdue
        const own = isSure && pool.freeSlots > 0 ? program : undefined
        return own === undefined
          ? this.startWith(request, undefined, isLimited, act)
          : pool.reserve(this.startWith(request, own, isLimited, act))
      })
      return Fiber.join(host.fork(starting))
    })

  private readonly startWith = Effect.fnUntraced(
    function*(
      this: Starts,
      request: StartRequest,
      own: Registration | undefined,
      isLimited: boolean,
      act: Act | undefined
    ) {
      const { host, inboxes, loading, ownership, rounds, writer } = this.parts
      const { entry, op } = startOp(request, host.now(), own === undefined ? null : ownership.ownerId)
      const made = entry as JournalEntry.JournalEntry
      const history = [Handover.plain(made)]
      const encoded = encodeEntries([made])
      const { blobs, rows } = Effect.isEffect(encoded) ? yield* encoded : encoded
      const { era } = ownership
      const { handedOut } = inboxes
      const answer = yield* Acting.write(
        writer.write<StartOp>,
        isLimited ? { ...op, blobs, rows, isLimited } : { ...op, blobs, rows },
        act
      )
      if (answer.full !== undefined) return yield* Quota.reached(request.id, answer.full)
      if (answer.started) this.announce(answer.run, [made])
      else ownership.adopt(answer.run.root)
      // The store may leave it to others, as where a newer build has migrated it.
      if (!answer.started || own === undefined || answer.run.owner === null) rounds.poke()
      else {
        yield* loading.wakeUp(era, own, answer.run, history, [], handedOut)
        if (answer.told === true) rounds.poke(Look.inbox)
      }
      return answer
    }
  )

  /** A run was started and stored: tells the observers, and has the main loop take it up. */
  onStarted(run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>): void {
    this.announce(run, entries)
    this.parts.rounds.poke()
  }

  /** Tells the observers that a run was started; for the main loop itself, which takes it up next. */
  readonly announce = (run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>): void => {
    this.parts.ownership.adopt(run.root)
    this.parts.announcements.started(run, entries)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How a run is started. `owns`: this process may own it from the first moment. `isLimited`: it has to be within the quota of its tenant. */
interface How {
  readonly owns: boolean
  readonly isTraffic: boolean
  readonly isLimited: boolean
}

/** Runs that others ask for are part of what those do, and those of the engine end others: they are only counted. */
const isLimited = ({ id, parent, workflow }: StartRequest): boolean =>
  parent === null && Tenant.of(id) !== undefined && !engineWorkflows.includes(workflow)

/** What the body of a step gives to a run that it starts is without the secrets that it was told. */
const without = (request: StartRequest, scrub: Scrub | undefined): StartRequest =>
  scrub === undefined ? request : {
    ...request,
    payload: scrub.json(request.payload),
    ...(request.title === undefined ? {} : { title: String(scrub.json(request.title)) })
  }
