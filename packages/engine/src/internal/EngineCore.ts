/**
 * The runs of one process: which it owns, which are awake, and the loop that
 * takes up due runs, hands out inbox rows and sends what runs left in the outbox.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Scheduler from "effect/Scheduler"
import type { Desk } from "../Answers.ts"
import type { Answer, Backend, CommitOp, InboxOp, InboxRow, Op, OutboxRow, RunRow } from "../Backend.ts"
import { StorageFailed } from "../Backend.ts"
import type { EngineOptions } from "../EngineOptions.ts"
import { EngineProbe } from "../EngineProbe.ts"
import type { HostClock } from "../HostClock.ts"
import { CurrentPace } from "../Pace.ts"
import { outboxRow, startOp, type StartRequest } from "../StartRequest.ts"
import { encodeEntries, type Store } from "../Store.ts"
import { sharedServices, worldServices } from "./BodyServices.ts"
import * as CommitOps from "./CommitOps.ts"
import { Committer } from "./Committer.ts"
import { CommitView } from "./CommitView.ts"
import * as EngineEvents from "./EngineEvents.ts"
import type { Extensions } from "./Extensions.ts"
import * as Handover from "./Handover.ts"
import * as Leaving from "./Leaving.ts"
import { Liveness } from "./Liveness.ts"
import * as Outbox from "./Outbox.ts"
import { answerMs, Patience } from "./Patience.ts"
import { Look, Rounds } from "./Rounds.ts"
import type { ExecutorHost, HeldRun, PendingCommit, Registration, UnrecordedSuspension } from "./run/RunHost.ts"
import { CurrentRun } from "./run/RunPort.ts"
import { RunExecutor } from "./RunExecutor.ts"
import * as RunLogs from "./RunLogs.ts"
import { RunTurns } from "./RunTurns.ts"
import * as RunWaiters from "./RunWaiters.ts"
import { isStoreFull, StorePressure } from "./StorePressure.ts"
import { type Timer, TimerQueue } from "./TimerQueue.ts"

const claimLimit = 100
const inboxLimit = 1_000
const divergedLimit = 1_000
const owning: ReadonlySet<Op["op"]> = new Set(["start", "claim", "claimOne", "commit"])

const nameless = (kind: string) => ({
  reason: "corrupt",
  key: "definition",
  detail: `it is a run of a ${kind} and names no document`
} as const)

export class EngineCore implements ExecutorHost {
  readonly ownerId: string
  readonly options: EngineOptions
  readonly ambient: Context.Context<never>
  readonly backend: Backend
  private readonly world: Context.Context<never>
  private readonly logsRuns: boolean
  /** The engine's own services, which bodies may ask for. */
  private services: Context.Context<never> = Context.empty()
  shared: Context.Context<never> = Context.empty()

  readonly executors = new Map<string, RunExecutor>()
  readonly programs = new Map<string, Registration>()
  readonly extensions: Extensions
  /** Roots whose runs this process takes up although it is no worker. */
  readonly roots = new Set<string>()
  /** Those of them whose runs it takes up although it lacks what their documents need, as to stop them. */
  readonly evenIfUnserved = new Set<string>()

  readonly store: Store["Service"]
  readonly probe: EngineProbe
  private readonly hostClock: HostClock["Service"]
  private readonly clock: Clock.Clock
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly committer: Committer
  private readonly pressure: StorePressure
  private readonly rounds = new Rounds()
  private readonly parkedRuns = new Map<HeldRun, number>()
  private readonly loading = new Set<string>()
  readonly waiters: RunWaiters.RunWaiters
  /** How what step bodies ask of the store is tried again. */
  readonly patience: Patience
  readonly timers: TimerQueue
  readonly turns: RunTurns
  readonly liveness: Liveness
  /** For the next run without an owner. */
  private armed: Timer | undefined
  private lastVersion = -1
  closed = false

  constructor(
    store: Store["Service"],
    hostClock: HostClock["Service"],
    options: EngineOptions,
    ownerId: string,
    ambient: Context.Context<never>,
    extensions: Extensions
  ) {
    this.extensions = extensions
    this.store = store
    this.backend = store.backend
    this.hostClock = hostClock
    this.options = options
    this.ownerId = ownerId
    this.ambient = ambient
    this.world = worldServices(ambient)
    this.probe = Context.get(ambient, EngineProbe)
    this.clock = Context.get(ambient, Clock.Clock)
    this.dispatcher = Context.get(ambient, Scheduler.Scheduler).makeDispatcher()
    this.logsRuns = LogLevel.isGreaterThanOrEqualTo("Debug", Context.get(ambient, References.MinimumLogLevel))
    this.desk = { backend: store.backend, write: (op) => this.write(op), journal: store.journal, now: this.now }
    this.waiters = new RunWaiters.RunWaiters(store.backend)
    this.timers = new TimerQueue(this.now, this.fork)
    this.turns = new RunTurns(Context.get(ambient, CurrentPace)(this.hostElapsed, this.schedule), this.schedule)
    this.pressure = new StorePressure(
      this.fork,
      this.hostSleep,
      () => !this.closed && (options.worker || this.executors.size > 0)
    )
    this.patience = new Patience(this.pressure.wait, this.hostSleep, () => !this.closed)
    this.committer = new Committer(store.backend, this.schedule, this.fork, this.pressure.wait)
    this.liveness = new Liveness(store.backend, hostClock, options, ownerId, () => ({
      ...options.info,
      serves: { programs: Array.from(this.programs.keys()), ...this.extensions.offer }
    }))
  }

  // --------------------------------------------------------------------------
  // what executors need
  // --------------------------------------------------------------------------

  /** Whole, whatever the clock says: every time that is stored is. */
  readonly now = (): number => Math.floor(this.clock.currentTimeMillisUnsafe())

  readonly elapsed = (): number => Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6

  readonly schedule = (task: () => void): void => this.dispatcher.scheduleTask(task, 0)

  readonly fork = <A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> => Effect.runForkWith(this.ambient)(effect)

  /** Askers of one run share their context, so that it is merged once. */
  readonly stepContext = (asker: Context.Context<never>): Context.Context<never> => {
    const known = this.stepContexts.get(asker)
    if (known !== undefined) return known
    const merged = Context.merge(asker, Context.merge(this.world, this.services))
    this.stepContexts.set(asker, merged)
    return merged
  }
  private readonly stepContexts = new WeakMap<Context.Context<never>, Context.Context<never>>()

  readonly hostElapsed = (): number => this.hostClock.elapsed()

  readonly hostSleep = (millis: number): Effect.Effect<void> => this.hostClock.sleep(millis)

  readonly commit: ExecutorHost["commit"] = (run, pending, done): void => {
    const encoded = encodeEntries(pending.entries)
    if (Effect.isEffect(encoded)) {
      this.fork(encoded).addObserver((exit) => {
        if (Exit.isSuccess(exit)) this.submit(run, pending, exit.value, done)
        else done(false)
      })
    } else this.submit(run, pending, encoded, done)
  }

  private submit(
    run: RunRow,
    pending: PendingCommit,
    encoded: Pick<CommitOp, "rows" | "blobs">,
    done: (ok: boolean, unseen?: boolean) => void
  ): void {
    const op = CommitOps.of(run, pending, encoded, this.now(), this.projected(run, pending.entries, pending.unrecorded))
    this.committer.submit(op, (answer) => {
      const ok = Exit.isSuccess(answer) && answer.value.ok
      const unseen = Exit.isSuccess(answer) && !answer.value.ok && answer.value.unseen === true
      if (Exit.isSuccess(answer)) this.pressure.relieved()
      else if (!isStoreFull(answer.cause)) this.storageFailed(answer.cause)
      if (ok && (pending.entries.length > 0 || pending.status !== undefined)) {
        this.notifyCommit(run, pending.entries, pending.status?.status ?? "running", pending.unrecorded)
      }
      if (ok && pending.status?.status === "suspended") {
        this.waiters.notify(run.id)
        this.fork(RunLogs.suspension(run, pending.status))
      }
      if (Exit.isSuccess(answer) && answer.value.ok) {
        const told = answer.value.told === true || pending.leaves !== undefined
        if (op.outbox.length > 0) this.poke(Look.outbox)
        if (told || pending.release !== undefined) this.poke(Look.due)
        if (told || (this.backlog && pending.consumed.length > 0)) this.poke(Look.inbox)
      }
      done(ok, unseen)
      if (ok && pending.ended !== undefined) this.waiters.notify(run.id, RunWaiters.ended(run, pending, op.at))
    })
  }

  get awaited(): Backend["awaited"] {
    return this.backend.awaited
  }

  get together(): boolean {
    return this.backend.supports.together
  }

  readonly commitTogether: ExecutorHost["commitTogether"] = (run, expected, make, done) => {
    const { entries, op } = CommitOps.together(run, expected, this.now(), make, (made) => this.projected(run, made))
    this.committer.submit(op, (answer) => {
      if (Exit.isFailure(answer)) this.writeFailed(answer.cause)
      else if (answer.value.ok) {
        this.notifyCommit(run, entries(), "running")
        if (this.extensions.publishes) this.poke(Look.outbox)
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

  private projected(
    run: RunRow,
    entries: ReadonlyArray<JournalEntry.JournalEntry>,
    unrecorded?: UnrecordedSuspension
  ): ReadonlyArray<OutboxRow> {
    return this.extensions.publishes ? this.extensions.projected(new CommitView(run, entries, "", unrecorded)) : []
  }

  /** Tells those who listen what has been committed. */
  private notifyCommit(
    run: RunRow,
    entries: ReadonlyArray<JournalEntry.JournalEntry>,
    status: string,
    unrecorded?: UnrecordedSuspension
  ): void {
    const committed = new CommitView(run, entries, status, unrecorded)
    this.announceCommit(committed)
    if (this.logsRuns) this.fork(RunLogs.facts(run, committed.entries))
  }

  readonly gone = (executor: HeldRun, how: "ended" | "released" | "deposed" | "reload"): void => {
    this.parkedRuns.delete(executor)
    if (this.executors.get(executor.row.id) === executor) this.executors.delete(executor.row.id)
    if (how !== "reload") this.pinned.delete(executor.row.id)
    if (how === "reload" && !this.closed) {
      this.fork(this.load(this.era, { ...executor.row, status: "running", reason: null, waits: null, takeovers: 0 }))
    }
    if (how === "deposed") this.poke()
    else if (this.crowded) this.poke(Look.due)
  }

  readonly parked = (executor: HeldRun): void => {
    this.parkedRuns.delete(executor)
    if (this.pinned.has(executor.row.id)) return
    this.parkedRuns.set(executor, this.hostClock.now())
    if (this.crowded) this.poke(Look.due)
    if (this.parkedRuns.size <= this.options.maxParked) return
    const [oldest] = this.parkedRuns.keys()
    this.parkedRuns.delete(oldest!)
    this.schedule(() => oldest!.release())
  }

  readonly activeAfterEviction = (runId: string): void => {
    if (this.closed || this.pinned.has(runId)) return
    this.pinned.add(runId)
    const { era } = this
    this.fork(
      Effect.ignore(Effect.flatMap(this.write({ op: "claimOne", owner: this.ownerId, run: runId }), ({ run }) => {
        if (run !== null) return this.load(era, run)
        this.pinned.delete(runId)
        return Effect.void
      }))
    )
  }
  /** Runs that were evicted in the middle of something of their own. They stay in memory, or it would never end. */
  private readonly pinned = new Set<string>()

  readonly woken = (executor: HeldRun): void => {
    this.parkedRuns.delete(executor)
  }

  get bodyStarts(): EngineProbe["bodyBegins"] {
    return this.probe.bodyBegins
  }

  /** Sets what bodies and steps see of the engine. */
  offer(services: Context.Context<never>): void {
    this.services = services
    this.shared = Context.merge(sharedServices(this.ambient), services)
  }

  // --------------------------------------------------------------------------
  // what the services of the engine need
  // --------------------------------------------------------------------------

  write<O extends Op>(op: O): Effect.Effect<Answer<O>, StorageFailed> {
    const written = this.committer.write(op)
    // Without the answer, this process may own a run that it knows nothing of.
    return owning.has(op.op) && !(op.op === "start" && op.run.owner === null)
      ? Effect.tapError(written, (error) => Effect.sync(() => this.writeFailed(Cause.fail(error))))
      : written
  }

  /**
   * Starts a run, or joins it. When this process serves it and has a free slot, it owns the run from the first moment; but
   * not when a step asks for it: a failure would leave this process unsure of what it owns, and cut the step short.
   */
  readonly start = (request: StartRequest) =>
    Effect.flatMap(CurrentRun, (place) =>
      place?.step === undefined
        ? this.startOnce(request, true)
        : this.patience.persist(Effect.uninterruptible(Effect.tap(
          this.startOnce(request, false),
          // It comes behind what the run has left when it was told to stop.
          () =>
            request.listener !== null && place.run.hasLeft(place.step!)
              ? this.write(Leaving.op(place.run.leaver, request.id, this.now()))
              : Effect.void
        ))))

  private readonly startOnce = (request: StartRequest, owns: boolean) =>
    this.detached(Effect.suspend(() => {
      const program = owns && request.kind === "program"
        ? this.programs.get(`${request.workflow}@${request.version}`)
        : undefined
      const own = !this.closed && !this.recovering && this.freeSlots > 0 ? program : undefined
      if (own === undefined) return this.startWith(request, undefined)
      this.starting++
      return Effect.ensuring(this.startWith(request, own), Effect.sync(() => void this.starting--))
    }))

  /** Does it to the end although the caller may leave, so that no run stays owned by this process and unknown to it. */
  detached<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => Fiber.join(this.fork(effect)))
  }

  private readonly startWith = Effect.fnUntraced(
    function*(this: EngineCore, request: StartRequest, own: Registration | undefined) {
      const at = this.now()
      const { entry, op } = startOp(request, at, own === undefined ? null : this.ownerId)
      const made = entry as JournalEntry.JournalEntry
      const history = [Handover.plain(made)]
      const encoded = encodeEntries([made])
      const { blobs, rows } = Effect.isEffect(encoded) ? yield* encoded : encoded
      const { era, handedOut } = this
      const answer = yield* this.write({ ...op, blobs, rows })
      if (answer.started) this.announceStart(answer.run, [made])
      else if (!this.options.worker) this.roots.add(answer.run.root)
      if (!answer.started || own === undefined) this.poke()
      else {
        yield* this.wakeUp(era, own, answer.run, history, [], handedOut)
        if (answer.told === true) this.poke(Look.inbox)
      }
      return answer
    }
  )

  /** A run was started and stored: tells its listeners, and has the main loop take it up. */
  onStarted(run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>): void {
    this.announceStart(run, entries)
    this.poke()
  }

  /** Tells the listeners that a run was started; for the main loop itself, which takes it up next. */
  announceStart(run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>): void {
    if (!this.options.worker) this.roots.add(run.root)
    this.announceCommit(new CommitView(run, entries, "queued"))
  }

  private announceCommit(committed: CommitView): void {
    this.extensions.tell(committed)
    if (!this.extensions.listensTo()) return
    this.fork(this.publishLate(committed)).addObserver((exit) => {
      if (Exit.isFailure(exit)) {
        this.fork(Effect.logError("events of the engine could not be published to those who listen", exit.cause))
      }
    })
  }

  /**
   * Publishes, to those who listen, what no commit of an owner can carry: that a
   * run was asked for, and what the end of a deadline meant. A process that dies
   * in between tells nobody.
   */
  private readonly publishLate = Effect.fnUntraced(
    function*(this: EngineCore, committed: CommitView) {
      const entries = committed.entries.filter((entry) =>
        entry._tag === "RunRequested" || EngineEvents.needsJournal(entry)
      )
      if (entries.length === 0) return
      const { run, status } = committed
      const events = yield* EngineEvents.ofCommitted(this.extensions.tellOf, this.store, { run, status, entries })
      const wanted = events.filter(({ name }) => this.extensions.listensTo(name))
      if (wanted.length === 0) return
      yield* this.write({ op: "publish", rows: wanted.map(outboxRow) })
      this.poke()
    }
  )

  /** How many more runs may be awake. */
  private get freeSlots(): number {
    return this.options.maxAwake - (this.executors.size - this.parkedRuns.size) - this.starting
  }
  /** There may be due runs that found no free slot. */
  private crowded = false
  /** Runs that begin here and are being written. */
  private starting = 0

  readonly desk: Desk

  readonly handOutSoon = (): void => this.poke(Look.inbox)

  readonly inbox = Effect.fnUntraced(function*(this: EngineCore, op: Omit<InboxOp, "op">) {
    const answer = yield* this.patience.persist(this.write({ op: "inbox", ...op }))
    if (answer.result === "accepted") this.poke()
    return answer
  })

  /** Puts messages into the outbox for a caller who is no body of a workflow. */
  readonly publish = (rows: ReadonlyArray<OutboxRow>): Effect.Effect<void, StorageFailed> =>
    Effect.map(this.patience.persist(this.write({ op: "publish", rows })), () => this.poke())

  /** Waits until the run is final in the store. Null when there is no such run. */
  awaitEnd(runId: string) {
    return this.waiters.until(runId, isFinal)
  }

  /** Waits until the run is final or suspended. */
  awaitRest(runId: string) {
    return this.waiters.until(runId, (status) => isFinal(status) || status === "suspended")
  }

  /** An id that no other process makes. */
  newId(what: string): string {
    return `${what}:${this.ownerId}:${++this.ids}`
  }
  private ids = 0

  get writes(): boolean {
    return this.backend.supports.writes !== false
  }

  /** Whether this process may come to own runs. */
  get owns(): boolean {
    return this.writes && this.options.maxAwake > 0
  }

  /** Something may have become due, or has arrived: the next round looks at this, by default at everything. */
  readonly poke = (what: number = Look.all): void => {
    if (this.closed) return
    this.rounds.poke(what)
  }

  /** Whether nothing is on its way in this process: all that is left waits for time, people or step bodies. */
  get settled(): boolean {
    return this.rounds.idle && this.committer.idle && this.loading.size === 0 &&
      this.starting === 0 &&
      Array.from(this.executors.values()).every((executor) => executor.resting)
  }

  // --------------------------------------------------------------------------
  // loops
  // --------------------------------------------------------------------------

  /** The main loop. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => this.rounds.run((what) => this.round(what)))

  private round(what: number): Effect.Effect<void> {
    return Effect.catchCause(
      Effect.gen({ self: this }, function*() {
        const carried = (what & Look.outbox) !== 0 && (yield* Outbox.deliver(this))
        if (carried || (what & Look.due) !== 0) yield* this.claim
        if (carried || (what & Look.inbox) !== 0) yield* this.handOut
        if (carried || (what & Look.due) !== 0) yield* this.armNext
      }),
      (cause) => Effect.sync(() => this.writeFailed(cause))
    )
  }

  /** ms since the epoch, when runs that were due were last asked for: what becomes due later is waited for. */
  private claimedAt = 0

  private readonly claim = Effect.gen({ self: this as EngineCore }, function*() {
    this.claimedAt = this.now()
    if (!this.options.worker && this.roots.size === 0) return
    while (!this.closed && !this.recovering) {
      this.crowded = this.freeSlots <= 0
      if (this.crowded) return
      const limit = Math.min(this.freeSlots, claimLimit)
      const { era } = this
      const claim = {
        op: "claim",
        owner: this.ownerId,
        now: this.claimedAt = this.now(),
        limit,
        programs: Array.from(this.programs.keys()),
        kinds: this.extensions.kinds,
        without: this.extensions.unserved,
        roots: this.options.worker ? null : Array.from(this.roots)
      } as const
      const { runs } = yield* this.write(claim)
      for (const row of runs) yield* this.load(era, row)
      if (runs.length === limit) continue
      if (this.evenIfUnserved.size === 0) return
      const stopping = yield* this.write({ ...claim, without: [], roots: Array.from(this.evenIfUnserved) })
      for (const row of stopping.runs) yield* this.load(era, row)
      return
    }
  })

  /** What executes the run here, if this process serves it. */
  readonly registrationOf = (row: RunRow): Effect.Effect<Registration | undefined, StorageFailed> =>
    row.kind === "program"
      ? Effect.succeed(this.programs.get(`${row.workflow}@${row.version}`))
      : this.extensions.resolve(row, this.evenIfUnserved.has(row.root))

  /** Takes a run that this process came to own in this era from the store into memory. */
  private readonly load = (era: number, row: RunRow): Effect.Effect<void> => {
    this.loading.add(row.id)
    return Effect.gen({ self: this as EngineCore }, function*() {
      const registration = yield* this.registrationOf(row)
      if (registration === undefined) {
        return yield* this.handBack(row, row.kind !== "program" && row.definition === null ? nameless(row.kind) : null)
      }
      const history = yield* this.store.journal(row.id)
      const { handedOut } = this
      yield* this.wakeUp(era, registration, row, history, yield* this.backend.inbox(row.id), handedOut)
    }).pipe(
      Effect.catchTag(
        "EntryCorrupt",
        (error) => this.handBack(row, { reason: "corrupt", key: `entry ${error.seq}`, detail: error.message })
      ),
      Effect.catchCause((cause) => Effect.sync(() => this.storageFailed(cause))),
      Effect.ensuring(Effect.sync(() => void this.loading.delete(row.id)))
    )
  }

  /**
   * What is in the inbox is handed over first: a run that was cancelled meanwhile begins nothing. What has come
   * since the inboxes were last handed out, which was `handedOut`, is handed out after it.
   */
  private wakeUp(
    era: number,
    registration: Registration,
    row: RunRow,
    history: ReadonlyArray<JournalEntry.JournalEntry>,
    inbox: ReadonlyArray<InboxRow>,
    handedOut: number
  ): Effect.Effect<void> {
    const first = history[0]
    if (first?._tag !== "RunRequested") {
      return this.handBack(row, {
        reason: "corrupt",
        key: "entry 0",
        detail: "the journal does not begin with RunRequested"
      })
    }
    return Effect.matchCauseEffect(registration.decodePayload(first.payload), {
      onFailure: (cause) =>
        this.handBack(row, {
          reason: "diverged",
          key: "payload",
          detail: `the payload does not fit the workflow any more: ${String(cause)}`
        }),
      onSuccess: (payload) =>
        era !== this.era ? this.handBack(row, null) : Effect.sync(() => {
          if (this.closed || (this.executors.get(row.id)?.row.epoch ?? 0) > row.epoch) return
          const executor = new RunExecutor(this, registration, row, payload, history)
          executor.droppedByStoreFailure = this.droppedByStoreFailure.get(row.id) === row.epoch - 1
          this.droppedByStoreFailure.delete(row.id)
          this.executors.set(row.id, executor)
          for (const told of inbox) executor.receive(told)
          executor.start()
          if (this.handedOut !== handedOut) this.poke(Look.inbox)
        })
    })
  }

  private handBack(
    row: RunRow,
    wait: { readonly reason: "corrupt" | "diverged"; readonly key: string; readonly detail: string } | null
  ) {
    const at = this.now()
    const unrecorded = wait === null ? undefined : { at, waits: [wait] }
    const outbox = wait === null ? [] : this.projected(row, [], unrecorded)
    const written = this.write({
      ...CommitOps.empty(row, row.length, at),
      outbox,
      ...(wait === null
        ? {}
        : { status: { status: "suspended", reason: wait.reason, waits: StoredJson.textOf([wait]) } }),
      release: wait === null ? { dueAt: 0 } : { dueAt: null, quiet: true }
    })
    return Effect.ignore(Effect.map(written, (answer) => {
      if (!answer.ok || wait === null) return
      this.waiters.notify(row.id)
      this.fork(RunLogs.suspension(row, { reason: wait.reason, waits: StoredJson.textOf([wait]) }))
      this.notifyCommit(row, [], "suspended", unrecorded)
      if (outbox.length > 0) this.poke()
    }))
  }

  /** Counts how often the inboxes were looked at. */
  private handedOut = 0
  /** There may be more in the inboxes than was handed out. */
  private backlog = false

  private readonly handOut = Effect.gen({ self: this as EngineCore }, function*() {
    // Also when there is nobody: a run that is being taken up has missed it.
    this.handedOut++
    if (this.executors.size === 0) return
    const rows = yield* this.backend.inboxOf(this.ownerId, inboxLimit)
    this.backlog = rows.length === inboxLimit
    for (const row of rows) this.executors.get(row.run)?.receive(row)
  })

  private readonly armNext = Effect.gen({ self: this as EngineCore }, function*() {
    const roots = this.options.worker ? null : Array.from(this.roots)
    if (roots !== null && roots.length === 0) return
    const due = yield* this.backend.nextDue(this.claimedAt, roots)
    if (due === this.armed?.at) return
    if (this.armed !== undefined) this.timers.cancel(this.armed)
    this.armed = due === null ? undefined : this.timers.set(due, () => {
      this.armed = undefined
      this.poke()
    })
  })

  /** Says that this process lives, and frees the runs of those that do not. */
  readonly heartbeat: Effect.Effect<void> = Effect.suspend(() =>
    Effect.catchCause(
      Effect.map(this.liveness.beat, (freed) => {
        if (freed > 0) this.poke()
      }),
      (cause) => Effect.sync(() => this.writeFailed(cause))
    )
  )

  readonly beat: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() => Effect.andThen(this.hostClock.sleep(this.options.leaseMs / 3), this.heartbeat))
  )

  /** Looks for writes of other processes, and lets runs go that have been parked for long. */
  readonly poll: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() =>
      Effect.andThen(
        this.hostClock.sleep(this.options.pollMs),
        Effect.gen({ self: this as EngineCore }, function*() {
          this.liveness.look()
          this.timers.look()
          const until = this.hostClock.now() - this.options.parkedMs
          for (const [executor, since] of this.parkedRuns) {
            if (since > until) break
            this.parkedRuns.delete(executor)
            executor.release()
          }
          if (!this.backend.supports.shared) return
          const version = yield* Effect.orElseSucceed(this.backend.version, () => this.lastVersion)
          if (version === this.lastVersion) return
          this.lastVersion = version
          for (const runId of this.waiters.runIds) {
            const row = yield* Effect.orElseSucceed(this.backend.run(runId), () => null)
            if (row !== null && (isFinal(row.status) || row.status === "suspended")) this.waiters.notify(runId)
          }
          this.poke()
        })
      )
    )
  )

  /** Lets every parked run go, so that its next delivery replays it. */
  readonly evict = Effect.sync(() => {
    for (const executor of Array.from(this.parkedRuns.keys())) executor.release()
  })

  // --------------------------------------------------------------------------
  // ends
  // --------------------------------------------------------------------------

  /** Lets the runs of a handler go before the handler's services close. */
  readonly letGo = (which: (executor: RunExecutor) => boolean): Effect.Effect<void> =>
    Effect.suspend(() => {
      const leaving = Array.from(this.executors.values()).filter(which)
      this.committer.failFast(leaving.map(({ row }) => row.id))
      return Effect.forEach(leaving, (executor) => executor.shutdown(this.hostSleep(this.options.cancelGraceMs)), {
        concurrency: "unbounded",
        discard: true
      })
    })

  readonly close = Effect.gen({ self: this as EngineCore }, function*() {
    this.closed = true
    yield* this.letGo(() => true)
    this.waiters.close()
    this.timers.close()
    if (this.owns) yield* Effect.ignore(this.backend.write([{ op: "retire", owner: this.ownerId }]))
  })

  /** Ends as a killed process does: nothing of it is written, interrupted or finalized. */
  readonly crash = (): void => {
    this.closed = true
    for (const executor of Array.from(this.executors.values())) executor.crash()
  }

  /** Something of the engine's own was not written. What a full store refused is tried again, and nothing is lost by it. */
  private writeFailed(cause: Cause.Cause<unknown>): void {
    if (!isStoreFull(cause)) return this.storageFailed(cause)
    this.pressure.poke(cause, () => this.poke())
  }

  /**
   * A failed write leaves this process unsure of what it owns. It drops its
   * runs, and once the store answers again it frees them and begins anew.
   */
  private storageFailed(cause: unknown): void {
    if (this.closed) return
    this.era++
    if (this.recovering) return
    this.recovering = true
    for (const executor of Array.from(this.executors.values())) {
      // What a run was writing may be what the store cannot take, so that counts as a crash.
      if (!executor.writing) this.droppedByStoreFailure.set(executor.row.id, executor.row.epoch)
      executor.drop()
    }
    this.executors.clear()
    this.parkedRuns.clear()
    const again: Effect.Effect<void> = Effect.suspend(() => {
      const { era } = this
      return Effect.matchCauseEffect(
        this.backend.write([{ op: "retire", owner: this.ownerId }, this.liveness.alive()]),
        {
          onFailure: () => this.closed ? Effect.void : Effect.andThen(this.hostClock.sleep(answerMs), again),
          onSuccess: () =>
            era !== this.era ? again : Effect.sync(() => {
              this.recovering = false
              this.poke()
            })
        }
      )
    })
    this.fork(
      Effect.andThen(Effect.logError("the store failed; its runs are taken up again when it answers", cause), again)
    )
  }
  private recovering = false
  /** Counts the new beginnings: what came to this process in an era that is over goes back. */
  private era = 0
  /** Runs that this process dropped when the store failed while they wrote nothing, with their epochs then: no step of theirs has crashed. */
  private readonly droppedByStoreFailure = new Map<string, number>()

  /**
   * Replays the runs of a program that an earlier build could not: those that
   * this build replays cleanly go on, the others stay suspended as they are.
   */
  readonly retryDiverged = ({ name, version }: Registration) =>
    Effect.gen({ self: this as EngineCore }, function*() {
      for (const row of yield* this.backend.runs({ reason: ["diverged"], workflow: name, limit: divergedLimit })) {
        if (row.version !== version || (!this.options.worker && !this.roots.has(row.root))) continue
        const { era } = this
        const { run } = yield* this.write({ op: "claimOne", owner: this.ownerId, run: row.id })
        if (run !== null) yield* this.load(era, run)
      }
    })

  /** The program of this name and version. */
  program(name: string, version: string): Option.Option<Registration> {
    return Option.fromUndefinedOr(this.programs.get(`${name}@${version}`))
  }
}

const isFinal = (status: string) => status === "completed" || status === "failed" || status === "cancelled"
