/**
 * Keeps one run going: replays its journal into the workflow's fibers, then
 * lives on, one delivery at a time.
 *
 * ```
 * replaying ──(journal delivered)──▶ live ──(nothing to do)──▶ parked ──▶ released
 *     │                               │  ▲                       │
 *     ▼                               ▼  └──────(delivery)───────┘
 *  diverged                         ended
 * ```
 *
 * Order is all that matters here. The workflow's fibers run on the run's own
 * scheduler. A delivery (an outcome, a signal, a timer) is journaled and handed
 * over only when that scheduler is empty; what the workflow asks for in answer
 * is journaled behind it. Replay hands over the same deliveries at the same
 * places, so code after concurrent steps sees the same order every time.
 *
 * The executor never interrupts a workflow because it is let go. It drops it:
 * fibers that wait on a callback nobody holds are garbage, and no finalizer runs.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import * as ExitJson from "@fermata/core/ExitJson"
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import { runKey } from "@fermata/core/Suspension"
import type { Wait } from "@fermata/core/Wait"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Workflow from "effect/workflow/Workflow"
import { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { InboxRow, RunRow } from "../Backend.ts"
import { bodyServices } from "./BodyServices.ts"
import * as EntryKinds from "./EntryKinds.ts"
import { ForeignWork, foreignWork } from "./ForeignWork.ts"
import * as Handover from "./Handover.ts"
import { acceptInbox, acceptLate, type Addressee } from "./InboxRules.ts"
import * as Questions from "./Questions.ts"
import { isOrderToStop, type ReadyItem, type StopItem } from "./run/Happening.ts"
import * as Ledger from "./run/Ledger.ts"
import * as Pass from "./run/Pass.ts"
import type { ExecutorHost, Registration } from "./run/RunHost.ts"
import { CurrentRun, type RunPort } from "./run/RunPort.ts"
import { isInFlight, standing } from "./run/Standing.ts"
import { RunDigests } from "./RunDigests.ts"
import { RunLimits } from "./RunLimits.ts"
import { type AnyFiber, RunScheduler, type Task } from "./RunScheduler.ts"
import { RunSteps } from "./RunSteps.ts"

type Entry = JournalEntry.JournalEntry

export class RunExecutor extends RunSteps implements RunPort, Addressee {
  private readonly scheduler: RunScheduler
  private main: Fiber.Fiber<Workflow.Result<unknown, unknown>> | undefined
  private mainExit: Exit.Exit<Workflow.Result<unknown, unknown>> | undefined
  /** What the code has returned. */
  private result: JournalEntry.ExitJson | undefined
  private interrupted = false
  private readonly payload: object
  private pumping = false
  private scheduled = false
  private projected: string
  private suspendedWaits: string | undefined
  private hasRested = false
  private readonly limits: RunLimits
  private ending = false
  private releasing = false
  /** What the body waits for that the platform makes. */
  private readonly digests: RunDigests
  private readonly recordedStop: EntryKinds.StopAmidst | undefined
  /** Made inside its commit, and delivered before anything else. */
  private made: Entry | undefined
  /** Fibers that went on by themselves. */
  private foreign: Array<{ readonly fiber: AnyFiber; readonly task: Task }> = []

  constructor(
    host: ExecutorHost,
    registration: Registration,
    row: RunRow,
    payload: object,
    history: ReadonlyArray<Entry>
  ) {
    super(host, registration, row, history)
    this.payload = payload
    this.projected = projection(row.status, row.reason, row.waits)
    this.suspendedWaits = row.status === "suspended" ? row.waits ?? undefined : undefined
    this.limits = new RunLimits(registration.limits, host, {
      arm: (name, due, item) => this.arm(name, due, item),
      disarm: (name) => this.disarm(name),
      isArmed: (name) => this.armed.has(name)
    }, this.ledger.activeMs)
    this.digests = new RunDigests(host.schedule, () => this.wake())
    this.scheduler = new RunScheduler(host.turns.pace, () => this.wake(), (fiber) => this.outside(fiber))
    this.recordedStop = EntryKinds.stopAmidst(history, (entry) => Ledger.roleOf(this.ledger, entry) === "delivery")
  }

  /** Replays the journal and goes on. */
  start(): void {
    this.pump()
  }

  /** Hands over a row of the run's inbox. A row that was handed over before is ignored. */
  receive(row: InboxRow): void {
    if (this.stopped || this.seenInbox.has(row.id)) return
    this.seenInbox.add(row.id)
    this.push({ _tag: "Inbox", row })
  }

  /** Gives the run up when every branch waits: the store knows when it is due, and the fibers are dropped. */
  release(): void {
    if (this.stopped || this.releasing || !this.quiet() || this.suspendedWaits === undefined) return
    this.releasing = true
    const dueAt = this.nextDue()
    this.host.commit(this.row, { ...this.emptyCommit(), release: { dueAt } }, (ok) => {
      this.evicted = ok
      this.drop()
      this.host.gone(this, ok ? "released" : "deposed")
    })
  }

  /** Whether nothing is in flight, waiting to be delivered, or waiting to be written. */
  quiet(): boolean {
    return !this.committing && !this.pumping && !this.scheduled && this.scheduler.idle && this.live &&
      this.ready.length === 0 && this.buffer.length === 0 && this.consumed.length === 0 && this.outbox.length === 0 &&
      (this.toStart.length === 0 || this.ledger.paused) &&
      this.ownAnswers.idle && !isInFlight(this.pass) && !this.looking && !this.hasAwaits &&
      this.mainExit === undefined && this.pendingStop === undefined && !this.digests.pending
  }

  /** Lets go of everything. Workflow fibers are left to the garbage collector; step bodies are interrupted. */
  drop(): void {
    if (this.stopped) return
    this.stopped = true
    for (const timer of this.armed.values()) this.host.timers.cancel(timer)
    this.armed.clear()
    for (const step of this.pass.steps.values()) this.dropBody(step)
    this.outsideWaits.drop()
    Pass.letGo(this.pass)
    this.ready = []
    this.toStart = []
  }

  /** As `drop`, but step bodies are not interrupted either: their process is dead. */
  crash(): void {
    for (const step of this.pass.steps.values()) step.fiber = undefined
    this.drop()
  }

  /** Number of recorded entries that a replay has handed over so far. */
  get reached(): number {
    return this.cursor
  }

  /** Whether a commit of this run is under way. */
  get writing(): boolean {
    return this.committing
  }

  /** Whether nothing happens by itself until a delivery, time or a step body: for tests that wait for that. */
  get resting(): boolean {
    return !this.committing && !this.pumping && !this.scheduled && this.scheduler.idle && this.ready.length === 0 &&
      this.buffer.length === 0 && !this.releasing && !this.ending && !this.digests.pending && this.ownAnswers.resting &&
      !this.looking
  }

  /**
   * An orderly end of this process for the run: bodies of `ask` steps may
   * finish within the grace, others are interrupted and recorded as such, and
   * the run is suspended without an entry.
   */
  shutdown(grace: Effect.Effect<void>): Effect.Effect<void> {
    const finished = Effect.suspend(() => {
      const fibers = Array.from(this.pass.open)
        .filter((step) => step.phase === "running" && step.definition.onCrash === "ask" && step.fiber !== undefined)
        .map((step) => Fiber.await(step.fiber!))
      return fibers.length === 0
        ? Effect.void
        : Effect.raceFirst(Effect.all(fibers, { concurrency: "unbounded", discard: true }), grace)
    })
    return Effect.andThen(
      finished,
      Effect.callback<void>((resume) => {
        const leave = () => {
          if (this.stopped || this.ending || this.releasing) return resume(Effect.void)
          if (this.committing || this.pumping) return this.host.schedule(leave)
          this.turn()
          if (this.stopped || this.ending) return resume(Effect.void)
          if (this.committing) return this.host.schedule(leave)
          this.releasing = true
          for (const step of this.pass.open) {
            if (step.phase === "running") this.append({ _tag: "StepReleased", key: step.record.key })
          }
          this.commit(undefined, undefined, {
            dueAt: this.suspendedWaits === undefined || this.looking ? 0 : this.nextDue()
          }, () => {
            this.drop()
            this.host.gone(this, "released")
            resume(Effect.void)
          })
        }
        leave()
      })
    )
  }

  protected handOverMade(entry: Entry): void {
    this.made = entry
    this.pump()
  }

  /** Where a fiber of the body goes on that something has resumed outside of the turn. */
  private outside(fiber: AnyFiber): (task: Task) => void {
    if (this.stopped) return () => this.wake()
    const awaited = this.digests.placeOf(fiber)
    if (awaited !== undefined) return awaited
    return (task) => {
      this.foreign.push({ fiber, task })
      this.push({ _tag: "Foreign" })
    }
  }

  protected wake(): void {
    if (this.stopped && this.evicted) this.host.activeAfterEviction(this.row.id)
    if (!this.pumping && !this.scheduled && !this.stopped) this.pumpIn(this.host.schedule)
  }

  private pumpIn(schedule: (task: Task) => void): void {
    this.scheduled = true
    schedule(() => {
      this.scheduled = false
      this.pump()
    })
  }

  private pump(): void {
    if (this.pumping || this.stopped || this.ending) return
    this.pumping = true
    let again: boolean
    try {
      again = this.turn()
    } finally {
      this.pumping = false
    }
    if (again && !this.scheduled && !this.stopped) {
      this.pumpIn(this.scheduler.idle ? this.host.schedule : this.host.turns.wait)
    }
  }

  /** Runs until nothing is left to do; true when the rest must wait for another turn of the event loop. */
  private turn(): boolean {
    if (this.holding) return false
    this.scheduler.enter()
    try {
      return this.goOn()
    } finally {
      this.scheduler.leave()
    }
  }

  private goOn(): boolean {
    if (this.made !== undefined) {
      const { made } = this
      this.made = undefined
      this.deliver(made)
    }
    if (!this.scheduler.idle) this.takeStops()
    while (!this.stopped && !this.ending) {
      const isDone = this.scheduler.drain(!this.digests.underWay)
      if (this.problem !== undefined) {
        this.suspendUnrecorded("diverged", this.problem.key, this.problem.detail)
        return false
      }
      if (!isDone) {
        if (!this.scheduler.atStop) {
          if (this.live) this.atWork()
          return true
        }
        while (this.problem === undefined && this.cursor <= this.recordedStop!.index) this.advance()
        continue
      }
      if (this.digests.pending) {
        this.scheduler.begin()
        if (this.digests.handOver()) continue
        return false
      }
      if (this.mainExit !== undefined) {
        const left = this.leftOver()
        if (left !== undefined) {
          this.problem = {
            key: EntryRole.subjectOf(left),
            detail: `the code has ended, and the journal goes on with entry ${left.seq} (${EntryKinds.describe(left)})`
          }
          continue
        }
        this.finish(this.mainExit)
        return false
      }
      if (this.cursor < this.history.length) {
        this.advance()
        continue
      }
      if (!this.live) {
        if (!this.goLive()) return false
        continue
      }
      const item = this.ready.shift()
      if (item === undefined) break
      this.accept(item)
    }
    if (!this.stopped) this.flush()
    // A look at events may have come to its end within it.
    return !this.stopped && this.ready.length > 0
  }

  private atWork(): void {
    if (this.pass.stop === undefined) this.limits.atWork()
  }

  /** At the end of a slice: an order to stop does not wait until the body has nothing left to do. */
  private takeStops(): void {
    while (this.live && !this.stopped && !this.ending) {
      const index = this.ready.findIndex(isOrderToStop)
      if (index < 0) return
      this.accept(this.ready.splice(index, 1)[0]!)
    }
  }

  /** What the journal still holds for code that has ended. */
  private leftOver(): Entry | undefined {
    for (let index = this.cursor; index < this.history.length; index++) {
      const entry = this.history[index]!
      const role = Ledger.roleOf(this.ledger, entry)
      if (role === "delivery" || (role === "command" && !Pass.wasAsked(this.pass, entry))) return entry
    }
    return undefined
  }

  /** Takes the next recorded entry, or finds that the code has not come to it. */
  private advance(): void {
    const entry = this.history[this.cursor]!
    const role = Ledger.roleOf(this.ledger, entry)
    const missed = role === "command" && !Pass.wasAsked(this.pass, entry)
      ? "is in the journal, and the code did not ask for it"
      : role === "delivery" && !Pass.canDeliver(this.pass, entry)
      ? "is an outcome that the code did not ask for"
      : undefined
    if (missed !== undefined) {
      this.problem = {
        key: EntryRole.subjectOf(entry),
        detail: `entry ${entry.seq} (${EntryKinds.describe(entry)}) ${missed}`
      }
      return
    }
    this.cursor++
    this.deliver(entry)
  }

  private goLive(): boolean {
    if (this.host.replayed !== undefined) {
      this.host.replayed()
      return false
    }
    this.live = true
    this.history = []
    this.cursor = 0
    this.lastDelivery = -1
    if (this.row.takeovers > this.host.options.maxRecoveries) {
      this.suspendUnrecorded(
        "recovery",
        runKey,
        `its process died ${this.row.takeovers} times in a row without getting further`
      )
      return false
    }
    if (this.pass.stop === undefined) this.limits.armRun(this.row.createdAt)
    if (this.pass.held !== undefined) return true
    if (this.main === undefined) {
      const entry = this.append({ _tag: "RunStarted" })
      this.deliver(entry)
    }
    if (this.pass.stop !== undefined && this.mainExit === undefined) this.interruptMain()
    // In the order of their latest requests, as they would start in a run that was never replayed.
    for (const { key } of this.ledger.open) {
      const step = this.pass.steps.get(key)
      if (step?.phase === "recorded") this.pass.open.add(step)
    }
    for (const step of Array.from(this.pass.open).sort((a, b) => a.record.entry.seq - b.record.entry.seq)) {
      this.recover(step)
    }
    for (const [timer, { entry, waiter }] of this.pass.timers) {
      if (waiter !== undefined) this.arm(`timer:${timer}`, entry.dueAt, { _tag: "Timer", timer })
    }
    this.lookAnew()
    for (const [key, { record: { entry, given }, waiter }] of this.pass.approvals) {
      if (waiter === undefined) continue
      if (this.ledger.revived) this.approvalsOpened.push(Questions.rowOf(this.row, entry, given))
      if (entry.deadline !== undefined) this.arm(`approval:${key}`, entry.deadline, { _tag: "Deadline", key })
    }
    return true
  }

  /** Takes one live happening, journals it, and delivers it. */
  private accept(item: ReadyItem): void {
    switch (item._tag) {
      case "Outcome":
      case "Probed":
      case "LetGo":
      case "Late":
        return this.acceptStep(item)
      case "Still":
        return void (this.pass.still = true)
      case "Timer":
        if (this.pass.timers.get(item.timer)?.waiter === undefined) return
        return this.deliver(this.append({ _tag: "TimerFired", timer: item.timer }))
      case "Backoff": {
        const step = this.pass.steps.get(item.key)
        if (step?.phase !== "backoff") return
        return this.request(step, step.record.entry.attempt + 1, 0)
      }
      case "Deadline":
        return this.acceptDeadline(item.key)
      case "Expired":
        return this.acceptExpired(item)
      case "EditRefused":
        if (this.ownAnswers.noteRefused(item.row)) this.consume(item.row)
        return
      case "Inbox":
        return acceptInbox(this, item.row)
      case "Looked":
        return this.acceptLook(item.look)
      case "Stop": {
        if (this.pass.stop !== undefined || this.pendingStop !== undefined) {
          if (item.row !== undefined) this.consume(item.row)
          return
        }
        const asking = this.running().filter((step) => step.onCrash === "ask")
        if (asking.length === 0 || item.kind === "limit") return this.stopNow(item)
        this.pendingStop = item
        this.arm("grace", this.host.now() + this.host.options.cancelGraceMs, { _tag: "GraceOver" })
        return
      }
      case "ActiveLimit": {
        const stop = this.limits.reached()
        if (stop !== undefined) this.accept(stop)
        return
      }
      case "GraceOver": {
        if (this.pendingStop !== undefined) this.stopNow(this.pendingStop)
        return
      }
      case "Foreign":
        return this.acceptForeign()
    }
  }

  /**
   * The body has gone on by itself. The run is stopped, which has a place in
   * the order that replay can repeat, and then the fibers die that no interrupt has ended.
   */
  private acceptForeign(): void {
    const foreign = this.foreign.splice(0)
    if (foreign.length === 0) return
    const defect = new ForeignWork(foreignWork(this.row))
    if (this.pass.stop !== undefined) this.remark("foreign-work", defect.message)
    else {
      if (Context.get(this.registration.workflow.annotations, Workflow.SuspendOnFailure)) {
        return this.suspendOnFailure(new Workflow.Suspended({ failed: true, cause: Cause.die(defect) }))
      }
      this.stopNow({ _tag: "Stop", id: "foreign", kind: "foreign", by: "engine", reason: defect.message })
    }
    for (const { fiber, task } of foreign) this.scheduler.condemn(fiber, task, defect)
  }

  private stopNow(stop: StopItem): void {
    this.pendingStop = undefined
    this.disarm("grace")
    if (stop.row !== undefined) this.consume(stop.row)
    this.leaving = true
    const { by, id, kind, reason } = stop
    const { idle, operations } = this.scheduler
    this.deliver(this.append({ _tag: "StopRequested", id, kind, by, reason, ...(idle ? {} : { operations }) }))
  }

  /** Hands an entry over: to the fibers that wait for it, or into what later asks will find. */
  deliver(entry: Entry): void {
    if (EntryKinds.isCountedFrom(entry)) {
      this.time = entry.at
      this.scheduler.delivered(this.recordedStop?.after === entry ? this.recordedStop.operations : undefined)
    }
    this.scheduler.begin()
    switch (entry._tag) {
      case "RunStarted":
        return this.forkMain()
      case "RunForked": {
        this.seed = entry.seed
        return
      }
      case "StopRequested": {
        this.pass.stop = entry
        this.interruptMain()
        return
      }
      case "ApprovalAnswered": {
        Pass.deliver(this.pass, entry)
        if (this.live && this.ledger.approvals.get(entry.key)?.decided?.by === entry) {
          this.approvalsClosed.push(entry.key)
          this.disarm(`approval:${entry.key}`)
        }
        return
      }
      default:
        if (this.live || !this.ledger.marks.has(entry.seq)) Pass.deliver(this.pass, entry)
    }
  }

  private forkMain(): void {
    const context = bodyServices(this.host.shared, this, this.scheduler).pipe(
      Context.add(WorkflowInstance, this.instance),
      Context.add(CurrentRun, { run: this, step: undefined })
    )
    const effect = Workflow.intoResult(
      // `intoResult` begins it in the middle of an operation of its own, where it could not give way.
      Effect.onExit(
        Effect.flatMap(
          Effect.andThen(Effect.yieldNow, this.registration.execute(this.payload, this.row.id)),
          (value) => this.handOver(value)
        ),
        (exit) =>
          Effect.suspend(() => {
            if (Exit.isSuccess(exit)) {
              return Effect.void
            }
            // As with Effect's engines: for the finalizers of the run, and not yet for those of its body.
            this.instance.interrupted = this.pass.stop !== undefined
            return this.undoes() ? this.unwind() : Effect.void
          })
      )
    )
    const fiber = Effect.runForkWith(context)(
      effect as Effect.Effect<Workflow.Result<unknown, unknown>, never, WorkflowInstance>
    )
    this.main = fiber
    fiber.addObserver((exit) => {
      if (this.stopped) return
      this.mainExit = exit
      this.wake()
    })
  }

  /** Once: a second interrupt, from within a compensation, would be one more in the recorded cause. */
  private interruptMain(): void {
    if (this.main === undefined || this.interrupted) return
    this.interrupted = true
    this.scheduler.begin()
    this.main.interruptUnsafe()
  }

  /** Makes the result of the code text. One that cannot be stored is its failure, which undoes what there is to undo. */
  private handOver(value: unknown): Effect.Effect<unknown, unknown> {
    const result = this.encoded(Exit.succeed(value))
    if (result._tag === "Failure") return Effect.failCause(ExitJson.causeFromJson(StoredJson.read(result.cause)))
    this.result = result
    return Effect.succeed(value)
  }

  private encoded(exit: Exit.Exit<unknown, unknown>): JournalEntry.ExitJson {
    const by = Handover.giver(this.row)
    return Handover.exitJson("result", this.registration.encodeExit(exit, by), by)
  }

  /** Whether a failure of the code ends the run and there are finalizers, such as compensations. */
  private undoes(): boolean {
    const { scope, workflow } = this.instance
    return scope.state._tag === "Open" &&
      (this.instance.interrupted || !Context.get(workflow.annotations, Workflow.SuspendOnFailure))
  }

  /** An operator's resume: ends a pause, or repeats a run that suspended on its failure. */
  resume(by: string): void {
    if (this.pass.held !== undefined) {
      this.append({ _tag: "RunResumed", by })
      return this.reload()
    }
    if (this.ledger.paused) this.deliver(this.append({ _tag: "RunResumed", by }))
  }

  /** A run that suspended on its failure has no fibers to stop: a new pass is stopped at its end. */
  restartForStop(
    stop: { readonly id: string; readonly kind: "cancel" | "parent"; readonly by: string; readonly reason: string }
  ): void {
    this.pass.stop = this.append({ _tag: "StopRequested", ...stop }) as JournalEntry.EntryOf<"StopRequested">
    this.leaving = true
    this.reload()
  }

  /** Nothing is left to deliver: works out where the run stands, and commits what there is to write. */
  private flush(): void {
    if (this.committing || this.ending || this.releasing) return
    if (this.beginLooks() && this.toStart.length === 0) return
    const { busy, reason, status, waits } = standing(this.pass, this.toStart.length > 0 && !this.paused)
    if (!busy) this.rests(waits)
    const text = status === "suspended" ? StoredJson.textOf(waits) : null
    if (status === "suspended") {
      // A run that came through deaths of its owners in a row and waits again is not what killed them: an entry ends the count.
      const outlived = this.row.takeovers > 1 && !this.hasRested && this.pass.held === undefined
      if (text !== this.suspendedWaits || outlived || this.buffer.some(EntryRole.goesOn)) {
        this.append({ _tag: "RunSuspended", waits })
      }
      this.hasRested = true
      this.suspendedWaits = text!
    } else if (busy && this.suspendedWaits !== undefined) {
      this.suspendedWaits = undefined
      // The body of a step has what it waited for, and goes on.
      if (!this.buffer.some(EntryRole.goesOn)) this.append({ _tag: "RunResumed" })
      this.host.woken(this)
    }
    if (busy) this.atWork()
    else this.limits.atRest()
    const now = projection(status, reason, text)
    const changed = now !== this.projected && (status === "suspended" || busy || this.projected.startsWith("queued "))
    const starting = this.paused ? [] : this.toStart
    if (
      this.buffer.length === 0 && this.consumed.length === 0 && this.outbox.length === 0 && !this.hasAwaits &&
      !changed && starting.length === 0
    ) {
      const together = this.nextTogether()
      if (together !== undefined) return this.runTogether(together)
      this.ownAnswers.expireOverdue()
      if (this.suspendedWaits !== undefined) this.host.parked(this)
      return
    }
    if (changed) this.projected = now
    if (!this.paused) this.toStart = []
    const submittedAt = this.host.hostElapsed()
    const lookAgain = this.looksAfterCommit()
    this.commit(changed ? { status, reason, waits: text } : undefined, undefined, undefined, (ok) => {
      if (!ok || this.ending) return
      lookAgain()
      // The process may have stood still meanwhile, and the run may be another's: only the store knows.
      if (starting.length > 0 && this.host.hostElapsed() - submittedAt > this.host.options.leaseMs / 2) {
        this.toStart.unshift(...starting)
      } else for (const key of starting) this.startBody(key)
      this.pump()
    })
  }

  protected deposed(): void {
    this.host.gone(this, "deposed")
  }

  awaitDigest(answer: Promise<unknown>): void {
    this.digests.await(answer)
  }

  protected get self(): RunPort {
    return this
  }

  private reload(): void {
    this.ending = true
    this.commit({ status: "running", reason: null, waits: null }, undefined, undefined, (ok) => {
      if (!ok) return
      this.drop()
      this.host.gone(this, "reload")
    })
  }

  private finish(exit: Exit.Exit<Workflow.Result<unknown, unknown>>): void {
    if (this.committing) return
    if (Exit.isSuccess(exit) && exit.value._tag === "Suspended") return this.suspendOnFailure(exit.value)
    const ended = Exit.isSuccess(exit) ? (exit.value as Workflow.Complete<unknown, unknown>).exit : exit
    const outcome = Exit.isSuccess(ended) && this.result !== undefined ? this.result : this.encoded(ended)
    for (const row of this.late()) acceptLate(this, row)
    const stop = this.pass.stop
    let status: string
    if (outcome._tag === "Success") {
      status = "completed"
      this.append({ _tag: "RunCompleted", ...(outcome.value === undefined ? {} : { output: outcome.value }) })
    } else if (stop !== undefined && stop.kind !== "limit" && stop.kind !== "foreign") {
      status = "cancelled"
      this.append({ _tag: "RunCancelled", by: stop.by, reason: stop.reason, cause: outcome.cause })
    } else {
      status = "failed"
      const cause = stop === undefined
        ? outcome.cause
        : ExitJson.causeToJson(Cause.die(
          stop.kind === "foreign"
            ? { name: "ForeignWork", message: stop.reason }
            : { name: "LimitExceeded", message: `The run went past a limit: ${stop.reason}` }
        ))
      this.append({ _tag: "RunFailed", cause })
    }
    this.ending = true
    const exitText = StoredJson.compose({ ...outcome })
    this.commit(
      { status, reason: null, waits: null },
      { payload: StoredJson.compose({ exit: exitText }).text },
      undefined,
      (ok, unseen) => {
        if (unseen === true) {
          // Somebody was told that it is recorded: it is taken first, and the end comes behind it.
          this.ending = false
          this.buffer.pop()
          this.length--
          // What was handed over while the end was being written is here, and is not handed over again.
          if (this.ready.length > 0) this.wake()
          return this.host.handOutSoon()
        }
        if (!ok) return
        this.over = true
        this.drop()
        this.host.gone(this, "ended")
      }
    )
  }

  private suspendOnFailure(result: Workflow.Suspended): void {
    const detail = result.cause === undefined
      ? "the workflow asked to be suspended"
      : FailureText.ofCause(ExitJson.causeToJson(result.cause))
    const waits: ReadonlyArray<Wait> = [{ reason: "operator", key: "failure", detail }]
    this.append({ _tag: "RunSuspended", waits })
    this.ending = true
    this.commit(
      { status: "suspended", reason: "operator", waits: StoredJson.textOf(waits) },
      undefined,
      { dueAt: null },
      (ok) => {
        if (!ok) return
        this.drop()
        this.host.gone(this, "released")
      }
    )
  }

  /** Suspends the run as it stands in the store, leaving the journal untouched. */
  private suspendUnrecorded(reason: "diverged" | "recovery", key: string, detail: string): void {
    this.length -= this.buffer.length
    this.buffer = []
    this.ending = true
    const waits: ReadonlyArray<Wait> = [{ reason, key, detail }]
    this.host.commit(this.row, {
      ...this.emptyCommit(),
      status: { status: "suspended", reason, waits: StoredJson.textOf(waits) },
      release: { dueAt: null, quiet: true },
      unrecorded: { at: this.host.now(), waits }
    }, (ok) => {
      this.drop()
      this.host.gone(this, ok ? "released" : "deposed")
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const projection = (status: string, reason: string | null, waits: string | null) => `${status} ${reason} ${waits}`
