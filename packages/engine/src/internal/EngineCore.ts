/**
 * The runs of one process: which it owns, which are awake, and the loop that
 * takes up due runs, hands out inbox rows and sends what runs left in the outbox.
 */
import * as EngineEvent from "@fermata/core/EngineEvent"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { Wait } from "@fermata/core/RunStatus"
import * as Upcast from "@fermata/core/Upcast"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import type { Answer, Backend, CommitOp, InboxOp, InboxRow, Op, OutboxRow, RunRow } from "../Backend.ts"
import { StorageFailed } from "../Backend.ts"
import type { EngineOptions } from "../EngineOptions.ts"
import type { HostClock } from "../HostClock.ts"
import { EventMessage, InboxRequest, startOp, StartRequest } from "../StartRequest.ts"
import { encodeEntries, type Store } from "../Store.ts"
import { sharedServices, worldServices } from "./BodyServices.ts"
import { Committer } from "./Committer.ts"
import { sha256Hex } from "./Digest.ts"
import type { ExecutorHost, PendingCommit, Registration } from "./ExecutorTypes.ts"
import { isForWantOfRoom, Room } from "./Room.ts"
import { RunExecutor } from "./RunExecutor.ts"
import { Liveness } from "./Liveness.ts"
import { RunWaiters } from "./RunWaiters.ts"
import { type Timer, TimerQueue } from "./TimerQueue.ts"

/** Finds the handler of a run: a registered program, or a compiled contract. */
export type Resolve = (row: RunRow) => Effect.Effect<Registration | undefined, StorageFailed>

/** Turns a published event into operations on runs: starts by trigger, signals to those who wait. */
export type Route = (event: EventMessage) => Effect.Effect<ReadonlyArray<Op>, StorageFailed>

export interface Committed {
  readonly run: RunRow
  readonly entries: ReadonlyArray<JournalEntry.JournalEntry>
  /** The status after this commit. */
  readonly status: string
}

const claimLimit = 100
const outboxLimit = 200
const inboxLimit = 1_000
const divergedLimit = 1_000
const owning: ReadonlySet<Op["op"]> = new Set(["start", "claim", "claimOne", "commit"])
const forOperators = new Set(["corrupt", "diverged", "recovery", "outcome-unknown"])

const decodeWaits = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Wait)))
const decodeStart = Schema.decodeUnknownExit(Schema.fromJsonString(StartRequest))
const decodeInbox = Schema.decodeUnknownExit(Schema.fromJsonString(InboxRequest))
const decodeEvent = Schema.decodeUnknownExit(Schema.fromJsonString(EventMessage))

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
  contracts: Resolve | undefined
  readonly routes: Array<Route> = []
  readonly listeners = new Set<(committed: Committed) => void>()
  /** What else a commit puts into the outbox: facts of the engine that somebody listens to. */
  readonly projections = new Set<(run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>) => ReadonlyArray<OutboxRow>>()
  /** Told whenever the body of a step starts: run, key and attempt. */
  readonly bodyListeners = new Set<(runId: string, key: string, attempt: number) => void>()
  /** Roots whose runs this process takes up although it is no worker. */
  readonly roots = new Set<string>()

  private readonly store: Store["Service"]
  private readonly hostClock: HostClock["Service"]
  private readonly clock: Clock.Clock
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly committer: Committer
  private readonly disk: Room
  private readonly latch = Latch.makeUnsafe(false)
  private readonly parkedRuns = new Map<RunExecutor, number>()
  private readonly loading = new Set<string>()
  private readonly waiters: RunWaiters
  readonly timers: TimerQueue
  readonly liveness: Liveness
  /** For the next run without an owner. */
  private armed: Timer | undefined
  private working = false
  private poked = false
  private lastVersion = -1
  closed = false

  constructor(
    store: Store["Service"],
    hostClock: HostClock["Service"],
    options: EngineOptions,
    ownerId: string,
    ambient: Context.Context<never>
  ) {
    this.store = store
    this.backend = store.backend
    this.hostClock = hostClock
    this.options = options
    this.ownerId = ownerId
    this.ambient = ambient
    this.world = worldServices(ambient)
    this.clock = Context.get(ambient, Clock.Clock)
    this.dispatcher = Context.get(ambient, Scheduler.Scheduler).makeDispatcher()
    this.logsRuns = LogLevel.isGreaterThanOrEqualTo("Debug", Context.get(ambient, References.MinimumLogLevel))
    this.waiters = new RunWaiters(store.backend)
    this.timers = new TimerQueue(this.now, this.fork)
    this.disk = new Room(this.fork, this.hostSleep, () => !this.closed && (options.worker || this.executors.size > 0))
    this.committer = new Committer(store.backend, this.schedule, this.fork, this.disk.wait)
    this.liveness = new Liveness(store.backend, hostClock, options, ownerId, () => options.info)
  }

  // --------------------------------------------------------------------------
  // what executors need
  // --------------------------------------------------------------------------

  readonly now = (): number => this.clock.currentTimeMillisUnsafe()

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

  readonly hostSleep = (millis: number): Effect.Effect<void> => this.hostClock.sleep(millis)

  readonly commit = (run: RunRow, pending: PendingCommit, done: (ok: boolean) => void): void => {
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
    done: (ok: boolean) => void
  ): void {
    const op: CommitOp = {
      op: "commit",
      run: run.id,
      epoch: run.epoch,
      expected: pending.expected,
      rows: encoded.rows,
      blobs: encoded.blobs,
      at: this.now(),
      consumed: pending.consumed,
      outbox: this.projections.size === 0
        ? pending.outbox
        : [...pending.outbox, ...Array.from(this.projections).flatMap((project) => project(run, pending.entries))],
      approvalsOpened: pending.approvalsOpened,
      approvalsClosed: pending.approvalsClosed,
      ...(pending.status === undefined ? {} : { status: pending.status }),
      ...(pending.ended === undefined ? {} : { ended: pending.ended }),
      ...(pending.release === undefined ? {} : { release: pending.release })
    }
    this.committer.submit(op, (answer) => {
      const ok = Exit.isSuccess(answer) && answer.value.ok
      if (Exit.isSuccess(answer)) this.disk.found()
      else if (!isForWantOfRoom(answer.cause)) this.storageFailed(answer.cause)
      if (ok && (pending.entries.length > 0 || pending.status !== undefined) && this.listeners.size > 0) {
        const committed = { run, entries: pending.entries, status: pending.status?.status ?? "running" }
        for (const listener of this.listeners) listener(committed)
      }
      if (ok && this.logsRuns) this.log(run, pending.entries)
      if (ok && pending.status?.status === "suspended") {
        this.waiters.tell(run.id)
        this.warn(run, pending.status)
      }
      if (ok && (op.outbox.length > 0 || pending.ended !== undefined || pending.release !== undefined)) this.poke()
      if (ok && this.backlog && pending.consumed.length > 0) this.poke()
      done(ok)
    })
  }

  /** At level `Debug` every fact of a run is a line. */
  private log(run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>): void {
    for (const entry of entries) {
      for (const { name, payload } of EngineEvent.of(run.id, run.workflow, entry)) {
        // What a step was given or answered is for the journal, not for logs.
        const step = "stepId" in payload ? { stepId: payload.stepId } : {}
        this.fork(Effect.logDebug(name, { runId: run.id, workflow: run.workflow, ...step }))
      }
    }
  }

  /** What only an operator can end must not stay unseen. */
  private warn(run: RunRow, status: { readonly reason: string | null; readonly waits: string | null }): void {
    if (status.reason === null || !forOperators.has(status.reason)) return
    const text = `run ${run.id} of ${run.workflow}@${run.version} is suspended (${status.reason}) and needs an operator`
    this.fork(Effect.logWarning(text, status.waits))
  }

  readonly gone = (executor: RunExecutor, how: "ended" | "released" | "deposed" | "reload"): void => {
    this.parkedRuns.delete(executor)
    if (this.executors.get(executor.row.id) === executor) this.executors.delete(executor.row.id)
    if (how !== "reload") this.restless.delete(executor.row.id)
    if (how === "ended") this.waiters.tell(executor.row.id)
    if (how === "reload" && !this.closed) {
      this.fork(this.load({ ...executor.row, status: "running", reason: null, waits: null, takeovers: 0 }))
    }
    this.poke()
  }

  readonly parked = (executor: RunExecutor): void => {
    this.parkedRuns.delete(executor)
    if (this.restless.has(executor.row.id)) return
    this.parkedRuns.set(executor, this.hostClock.now())
    if (this.crowded) this.poke()
    if (this.parkedRuns.size <= this.options.maxParked) return
    const [oldest] = this.parkedRuns.keys()
    this.parkedRuns.delete(oldest!)
    this.schedule(() => oldest!.release())
  }

  readonly stirs = (runId: string): void => {
    if (this.closed || this.restless.has(runId)) return
    this.restless.add(runId)
    this.fork(Effect.ignore(Effect.flatMap(this.write({ op: "claimOne", owner: this.ownerId, run: runId }), ({ run }) => {
      if (run !== null) return this.load(run)
      this.restless.delete(runId)
      return Effect.void
    })))
  }
  /** Runs that were evicted in the middle of something of their own. They stay in memory, or it would never end. */
  private readonly restless = new Set<string>()

  readonly woken = (executor: RunExecutor): void => {
    this.parkedRuns.delete(executor)
  }

  readonly bodyStarts = (runId: string, key: string, attempt: number): void => {
    for (const listener of this.bodyListeners) listener(runId, key, attempt)
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
    return owning.has(op.op) ? Effect.tapError(written, (error) => Effect.sync(() => this.writeFailed(Cause.fail(error)))) : written
  }

  /** Starts a run, or joins it. When this process serves it and has room, it owns the run from the first moment. */
  readonly start = (request: StartRequest) =>
    this.detached(Effect.suspend(() => {
      const program = request.kind === "program" ? this.programs.get(`${request.workflow}@${request.version}`) : undefined
      const own = !this.closed && !this.recovering && this.room > 0 ? program : undefined
      if (own === undefined) return this.startWith(request, undefined)
      this.starting++
      return Effect.ensuring(this.startWith(request, own), Effect.sync(() => void this.starting--))
    }))

  /** Does it to the end although the caller may leave, so that no run stays owned by this process and unknown to it. */
  detached<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => Fiber.join(this.fork(effect)))
  }

  private readonly startWith = Effect.fnUntraced(function*(this: EngineCore, request: StartRequest, own: Registration | undefined) {
    const at = this.now()
    const { entry, op } = startOp(request, at, own === undefined ? null : this.ownerId)
    const history = [entry as JournalEntry.JournalEntry]
    const encoded = encodeEntries(history)
    const { blobs, rows } = Effect.isEffect(encoded) ? yield* encoded : encoded
    const answer = yield* this.write({ ...op, blobs, rows })
    if (!this.options.worker) this.roots.add(answer.run.root)
    if (answer.started && this.listeners.size > 0) {
      for (const listener of this.listeners) listener({ run: answer.run, entries: history, status: "queued" })
    }
    if (answer.started && own !== undefined) yield* this.wakeUp(own, answer.run, history, [])
    else this.poke()
    return answer
  })

  /** How many more runs may be awake. */
  private get room(): number {
    return this.options.maxAwake - (this.executors.size - this.parkedRuns.size) - this.starting
  }
  /** There may be due runs for which there was no room. */
  private crowded = false
  /** Runs that begin here and are being written. */
  private starting = 0

  readonly inbox = Effect.fnUntraced(function*(this: EngineCore, op: Omit<InboxOp, "op">) {
    const answer = yield* this.write({ op: "inbox", ...op })
    if (answer.result === "accepted") this.poke()
    return answer
  })

  /** Waits until the run is final in the store. Null when there is no such run. */
  awaitEnd(runId: string) {
    return this.waiters.until(runId, isFinal)
  }

  /** Waits until the run is final or suspended. */
  awaitRest(runId: string) {
    return this.waiters.until(runId, (status) => isFinal(status) || status === "suspended")
  }

  /** What a suspended run waits for. */
  waitsOf(row: RunRow): Effect.Effect<ReadonlyArray<Wait>, unknown> {
    return row.waits === null ? Effect.succeed([]) : decodeWaits(row.waits)
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

  /** Something may have become due, or has arrived. */
  poke(): void {
    if (this.closed) return
    this.poked = true
    this.latch.openUnsafe()
  }

  /** Whether nothing is on its way in this process: all that is left waits for time, people or step bodies. */
  get settled(): boolean {
    return !this.working && !this.poked && this.committer.idle && this.loading.size === 0 && this.starting === 0 &&
      Array.from(this.executors.values()).every((executor) => executor.resting)
  }

  // --------------------------------------------------------------------------
  // loops
  // --------------------------------------------------------------------------

  /** The main loop: one round for every burst of pokes. */
  readonly run: Effect.Effect<never> = Effect.forever(Effect.suspend(() =>
    Effect.andThen(
      this.latch.await,
      Effect.suspend(() => {
        this.latch.closeUnsafe()
        this.poked = false
        this.working = true
        return Effect.ensuring(this.round(), Effect.sync(() => void (this.working = false)))
      })
    )
  ))

  private round(): Effect.Effect<void> {
    return Effect.catchCause(
      Effect.gen({ self: this }, function*() {
        yield* this.deliverOutbox
        yield* this.claim
        yield* this.handOut
        yield* this.armNext
      }),
      (cause) => Effect.sync(() => this.writeFailed(cause))
    )
  }

  private readonly claim = Effect.gen({ self: this as EngineCore }, function*() {
    if (!this.options.worker && this.roots.size === 0) return
    while (!this.closed && !this.recovering) {
      this.crowded = this.room <= 0
      if (this.crowded) return
      const limit = Math.min(this.room, claimLimit)
      const { runs } = yield* this.write({
        op: "claim",
        owner: this.ownerId,
        now: this.now(),
        limit,
        programs: Array.from(this.programs.keys()),
        contracts: this.contracts !== undefined,
        roots: this.options.worker ? null : Array.from(this.roots)
      })
      for (const row of runs) yield* this.load(row)
      if (runs.length < limit) return
    }
  })

  /** Takes a run that this process owns from the store into memory. */
  readonly load = (row: RunRow): Effect.Effect<void> => {
    this.loading.add(row.id)
    return Effect.gen({ self: this as EngineCore }, function*() {
      const registration = row.kind === "program"
        ? this.programs.get(`${row.workflow}@${row.version}`)
        : yield* this.contracts!(row)
      if (registration === undefined) return yield* this.handBack(row, null)
      const history = yield* this.store.journal(row.id)
      yield* this.wakeUp(registration, row, history, yield* this.backend.inbox(row.id))
    }).pipe(
      Effect.catchTag("EntryCorrupt", (error) => this.handBack(row, { reason: "corrupt", key: `entry ${error.seq}`, detail: error.message })),
      Effect.catchCause((cause) => Effect.sync(() => this.storageFailed(cause))),
      Effect.ensuring(Effect.sync(() => void this.loading.delete(row.id)))
    )
  }

  /** What is in the inbox is handed over first: a run that was cancelled meanwhile begins nothing. */
  private wakeUp(
    registration: Registration,
    row: RunRow,
    history: ReadonlyArray<JournalEntry.JournalEntry>,
    inbox: ReadonlyArray<InboxRow>
  ): Effect.Effect<void> {
    const first = history[0]
    if (first?._tag !== "RunRequested") {
      return this.handBack(row, { reason: "corrupt", key: "entry 0", detail: "the journal does not begin with RunRequested" })
    }
    return Effect.matchCauseEffect(registration.decodePayload(first.payload), {
      onFailure: (cause) =>
        this.handBack(row, { reason: "diverged", key: "payload", detail: `the payload does not fit the workflow any more: ${String(cause)}` }),
      onSuccess: (payload) =>
        Effect.sync(() => {
          if (this.closed || this.recovering || (this.executors.get(row.id)?.row.epoch ?? 0) > row.epoch) return
          const executor = new RunExecutor(this, registration, row, payload, history)
          executor.spared = this.spared.get(row.id) === row.epoch - 1
          this.spared.delete(row.id)
          this.executors.set(row.id, executor)
          for (const told of inbox) executor.receive(told)
          executor.start()
          this.poke()
        })
    })
  }

  private handBack(row: RunRow, wait: { readonly reason: "corrupt" | "diverged"; readonly key: string; readonly detail: string } | null) {
    const written = this.write({
      op: "commit",
      run: row.id,
      epoch: row.epoch,
      expected: row.length,
      rows: [],
      blobs: [],
      at: this.now(),
      consumed: [],
      outbox: [],
      approvalsOpened: [],
      approvalsClosed: [],
      ...(wait === null ? {} : { status: { status: "suspended", reason: wait.reason, waits: JSON.stringify([wait]) } }),
      release: wait === null ? { dueAt: 0 } : { dueAt: null, quiet: true }
    })
    return Effect.ignore(Effect.map(written, (answer) => {
      if (!answer.ok || wait === null) return
      this.waiters.tell(row.id)
      this.warn(row, { reason: wait.reason, waits: JSON.stringify([wait]) })
      for (const listener of this.listeners) listener({ run: row, entries: [], status: "suspended" })
    }))
  }

  /** There may be more in the inboxes than was handed out. */
  private backlog = false

  private readonly handOut = Effect.gen({ self: this as EngineCore }, function*() {
    if (this.executors.size === 0) return
    const rows = yield* this.backend.inboxOf(this.ownerId, inboxLimit)
    this.backlog = rows.length === inboxLimit
    for (const row of rows) this.executors.get(row.run)?.receive(row)
  })

  private readonly deliverOutbox = Effect.gen({ self: this as EngineCore }, function*() {
    while (!this.closed) {
      const rows = yield* this.backend.outbox(outboxLimit, this.contracts !== undefined || !(yield* this.hasContracts))
      if (rows.length === 0) return
      const ops: Array<Op> = []
      for (const row of rows) ops.push(...(yield* this.route(row)))
      ops.push({ op: "delivered", ids: rows.map((row) => row.id) })
      const answers = yield* this.backend.write(ops)
      for (let index = 0; index < ops.length; index++) {
        const op = ops[index]!
        const answer = answers[index]!
        if (op.op !== "start" || !("started" in answer)) continue
        if (!this.options.worker) this.roots.add(answer.run.root)
        if (!answer.started || this.listeners.size === 0) continue
        const entries = op.rows.flatMap((row, seq) => {
          const entry = Upcast.read(answer.run.id, seq, row)
          return Exit.isSuccess(entry) ? [entry.value] : []
        })
        for (const listener of this.listeners) listener({ run: answer.run, entries, status: "queued" })
      }
      if (rows.length < outboxLimit) return
    }
  })

  /** Events that contracts may want are left to a process that serves contracts. */
  private readonly hasContracts = Effect.suspend(() =>
    Effect.map(this.backend.definitions, (rows) => rows.some((row) => row.kind === "contract"))
  )

  private readonly route = (row: OutboxRow): Effect.Effect<ReadonlyArray<Op>, StorageFailed> => {
    switch (row.kind) {
      case "start": {
        const request = decodeStart(row.payload)
        if (Exit.isFailure(request)) return Effect.succeed([])
        const { entry, op } = startOp(request.value, this.now(), null)
        const encoded = encodeEntries([entry as JournalEntry.JournalEntry])
        return Effect.map(Effect.isEffect(encoded) ? encoded : Effect.succeed(encoded), (stored) => [{ ...op, ...stored }])
      }
      case "inbox": {
        const request = decodeInbox(row.payload)
        if (Exit.isFailure(request)) return Effect.succeed([])
        const { id, kind, message, run } = request.value
        return Effect.succeed([{ op: "inbox", row: { run, id, kind, payload: JSON.stringify(message), at: this.now() } }])
      }
      default: {
        const event = decodeEvent(row.payload)
        if (Exit.isFailure(event)) return Effect.succeed([])
        return Effect.map(Effect.forEach(this.routes, (route) => route(event.value)), (ops) => ops.flat())
      }
    }
  }

  private readonly armNext = Effect.gen({ self: this as EngineCore }, function*() {
    const roots = this.options.worker ? null : Array.from(this.roots)
    if (roots !== null && roots.length === 0) return
    const due = yield* this.backend.nextDue(this.now(), roots)
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
            if (row !== null && (isFinal(row.status) || row.status === "suspended")) this.waiters.tell(runId)
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
      this.committer.hurry(leaving.map(({ row }) => row.id))
      return Effect.forEach(leaving, (executor) => executor.shutdown(this.hostSleep(this.options.cancelGraceMs)), {
        concurrency: "unbounded",
        discard: true
      })
    })

  readonly close = Effect.gen({ self: this as EngineCore }, function*() {
    this.closed = true
    yield* this.letGo(() => true)
    this.timers.close()
    if (this.owns) yield* Effect.ignore(this.backend.write([{ op: "retire", owner: this.ownerId }]))
  })

  /** Something of the engine's own was not written. What found no room is tried again, and nothing is lost by it. */
  private writeFailed(cause: Cause.Cause<unknown>): void {
    if (!isForWantOfRoom(cause)) return this.storageFailed(cause)
    this.disk.poke(cause, () => this.poke())
  }

  /**
   * A failed write leaves this process unsure of what it owns. It drops its
   * runs, and once the store answers again it frees them and begins anew.
   */
  private storageFailed(cause: unknown): void {
    if (this.closed || this.recovering) return
    this.recovering = true
    for (const executor of Array.from(this.executors.values())) {
      // What a run was writing may be what the store cannot take, so that counts as a crash.
      if (!executor.writing) this.spared.set(executor.row.id, executor.row.epoch)
      executor.drop()
    }
    this.executors.clear()
    this.parkedRuns.clear()
    const again: Effect.Effect<void> = Effect.suspend(() =>
      Effect.matchCauseEffect(this.backend.write([{ op: "retire", owner: this.ownerId }, this.liveness.alive()]), {
        onFailure: () => this.closed ? Effect.void : Effect.andThen(this.hostClock.sleep(1_000), again),
        onSuccess: () =>
          Effect.sync(() => {
            this.recovering = false
            this.poke()
          })
      })
    )
    this.fork(Effect.andThen(Effect.logError("the store failed; its runs are taken up again when it answers", cause), again))
  }
  private recovering = false
  /** Runs that this process let go for no fault of theirs, with their epochs then. */
  private readonly spared = new Map<string, number>()

  /**
   * Replays the runs of a program that an earlier build could not: those that
   * this build replays cleanly go on, the others stay suspended as they are.
   */
  readonly retryDiverged = ({ name, version }: Registration) =>
    Effect.gen({ self: this as EngineCore }, function*() {
      for (const row of yield* this.backend.runs({ reason: ["diverged"], workflow: name, limit: divergedLimit })) {
        if (row.version !== version || (!this.options.worker && !this.roots.has(row.root))) continue
        const { run } = yield* this.write({ op: "claimOne", owner: this.ownerId, run: row.id })
        if (run !== null) yield* this.load(run)
      }
    })

  /** Tells the store what this process serves, so that others can list it and check input for it. */
  readonly define = ({ name, schemas, version }: Registration) =>
    Effect.flatMap(sha256Hex(schemas), (hash) =>
      this.write({
        op: "define",
        row: { name, version, kind: "program", hash, schemas, document: null, at: this.now() }
      }))

  readonly isDefined = (name: string, version: string): Effect.Effect<boolean, StorageFailed> =>
    Effect.map(this.backend.definition(name, version), (row) => row !== null)

  /** The program of this name and version. */
  program(name: string, version: string): Option.Option<Registration> {
    return Option.fromUndefinedOr(this.programs.get(`${name}@${version}`))
  }
}

const isFinal = (status: string) => status === "completed" || status === "failed" || status === "cancelled"
