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
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { reasonOf, type Wait } from "@fermata/core/RunStatus"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Workflow from "effect/workflow/Workflow"
import { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { ApprovalRow, InboxRow, OutboxRow, RunRow } from "../Backend.ts"
import { bodyServices, type BodyWorld, worldServices } from "./BodyServices.ts"
import {
  type ApprovalQuestion,
  CurrentRun,
  type ExecutorHost,
  type ReadyItem,
  type Registration,
  type StepDefinition,
  type StepOutcome
} from "./ExecutorTypes.ts"
import { acceptInbox } from "./InboxRules.ts"
import * as RunRecords from "./RunRecords.ts"
import { RunScheduler } from "./RunScheduler.ts"

type Entry = JournalEntry.JournalEntry
type Resume<A> = (value: A) => void

const drainLimit = 2_000
const deliveriesPerTurn = 500
const foreignTurns = 200
const foreignSleepMs = 20

export class RunExecutor {
  readonly row: RunRow
  readonly registration: Registration
  readonly host: ExecutorHost
  readonly records: RunRecords.RunRecords
  readonly instance: WorkflowInstance["Service"]

  private readonly scheduler: RunScheduler
  private history: ReadonlyArray<Entry>
  private lastDelivery: number
  private cursor = 0
  private time: number
  private length: number

  private main: Fiber.Fiber<Workflow.Result<unknown, unknown>> | undefined
  private mainExit: Exit.Exit<Workflow.Result<unknown, unknown>> | undefined
  private readonly payload: object

  private buffer: Array<Entry> = []
  private consumed: Array<string> = []
  private outbox: Array<OutboxRow> = []
  private approvalsOpened: Array<ApprovalRow> = []
  private approvalsClosed: Array<string> = []
  private readonly seenInbox = new Set<string>()

  private ready: Array<ReadyItem> = []
  private toStart: Array<string> = []
  private readonly sleepers = new Map<string, { readonly due: number; readonly fiber: Fiber.Fiber<unknown, unknown> }>()

  private pumping = false
  private scheduled = false
  private committing = false
  private foreignWaits = 0
  private problem: { readonly key: string; readonly detail: string } | undefined
  private projected: string
  private suspendedWaits: string | undefined
  private activeMs = 0
  private activeSince: number | undefined
  /** Until when, and why, nothing new may start: an operator's pause, or the grace of a cancel. */
  private pendingStop: Extract<ReadyItem, { readonly _tag: "Stop" }> | undefined

  live = false
  stopped = false
  ending = false
  releasing = false
  parkedSince = 0

  constructor(
    host: ExecutorHost,
    registration: Registration,
    row: RunRow,
    payload: object,
    history: ReadonlyArray<Entry>
  ) {
    this.host = host
    this.registration = registration
    this.row = row
    this.payload = payload
    this.history = history
    this.length = history.length
    this.records = RunRecords.RunRecords.load(history)
    this.lastDelivery = this.records.lastDelivery
    this.time = history[0]!.at
    this.projected = projection(row.status, row.reason, row.waits)
    this.suspendedWaits = row.status === "suspended" ? row.waits ?? undefined : undefined
    this.activeMs = this.records.activeMs
    this.scheduler = new RunScheduler(() => this.wake())
    this.instance = WorkflowInstance.initial(registration.workflow, row.id)
  }

  // --------------------------------------------------------------------------
  // what the engine calls
  // --------------------------------------------------------------------------

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

  push(item: ReadyItem): void {
    if (this.stopped) return
    this.ready.push(item)
    this.wake()
  }

  /** Gives the run up when every branch waits: the store knows when it is due, and the fibers are dropped. */
  release(): void {
    if (this.stopped || this.releasing || !this.quiet() || this.suspendedWaits === undefined) return
    this.releasing = true
    const dueAt = this.nextDue()
    this.host.commit(this, { ...this.emptyCommit(), release: { dueAt } }, (ok) => {
      this.drop()
      this.host.gone(this, ok ? "released" : "deposed")
    })
  }

  /** Whether nothing is in flight, waiting to be delivered, or waiting to be written. */
  quiet(): boolean {
    return !this.committing && !this.pumping && !this.scheduled && this.scheduler.idle && this.live &&
      this.ready.length === 0 && this.buffer.length === 0 && this.consumed.length === 0 && this.outbox.length === 0 &&
      (this.toStart.length === 0 || this.records.paused) &&
      this.records.inFlight() === 0 && this.mainExit === undefined && this.pendingStop === undefined
  }

  /** Lets go of everything. Workflow fibers are left to the garbage collector; step bodies are interrupted. */
  drop(): void {
    if (this.stopped) return
    this.stopped = true
    for (const sleeper of this.sleepers.values()) sleeper.fiber.interruptUnsafe()
    this.sleepers.clear()
    for (const step of this.records.steps.values()) {
      const fiber = step.fiber
      step.fiber = undefined
      if (!RunRecords.isIdle(step)) fiber?.interruptUnsafe()
      step.waiters.length = 0
    }
    this.records.letGo()
    this.ready = []
    this.toStart = []
  }

  /** Whether nothing happens by itself until a delivery, time or a step body: for tests that wait for that. */
  get resting(): boolean {
    return !this.committing && !this.pumping && !this.scheduled && this.scheduler.idle && this.ready.length === 0 &&
      this.buffer.length === 0 && !this.releasing && !this.ending
  }

  /**
   * An orderly end of this process for the run: bodies of `ask` steps may
   * finish within the grace, others are interrupted and recorded as such, and
   * the run is given up.
   */
  shutdown(grace: Effect.Effect<void>): Effect.Effect<void> {
    const finished = Effect.suspend(() => {
      const fibers = Array.from(this.records.openSteps())
        .filter((step) => step.phase === "running" && step.definition?.onCrash === "ask" && step.fiber !== undefined)
        .map((step) => Fiber.await(step.fiber!))
      return fibers.length === 0 ? Effect.void : Effect.raceFirst(Effect.all(fibers, { concurrency: "unbounded", discard: true }), grace)
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
          for (const step of this.records.openSteps()) {
            if (step.phase === "running") this.append({ _tag: "Note", kind: "step-released", text: step.key })
          }
          this.commit(undefined, undefined, { dueAt: this.suspendedWaits === undefined ? 0 : this.nextDue() }, () => {
            this.drop()
            this.host.gone(this, "released")
            resume(Effect.void)
          })
        }
        leave()
      })
    )
  }

  /** Steps whose bodies run now. */
  running(): ReadonlyArray<{ readonly key: string; readonly onCrash: string }> {
    return Array.from(this.records.openSteps())
      .filter((step) => step.phase === "running")
      .map((step) => ({ key: step.key, onCrash: step.definition!.onCrash }))
  }

  // --------------------------------------------------------------------------
  // what the workflow asks for
  // --------------------------------------------------------------------------

  askStep(definition: StepDefinition): Effect.Effect<StepOutcome> {
    return this.ask((resume) => {
      const records = this.records
      const key = definition.key ?? records.number(`step:${definition.name}`, definition.name)
      let step = records.steps.get(key)
      const input = definition.input ?? null
      if (step !== undefined && step.definition !== undefined) {
        if (!RunRecords.sameJson(step.input, input)) {
          return this.die(new StepKeyConflict(this.row.id, key))
        }
      } else if (step !== undefined) {
        const recorded = step.entry
        if (recorded.name !== definition.name || !RunRecords.sameJson(step.input, input)) {
          return this.diverge(
            key,
            recorded.name !== definition.name
              ? `entry ${recorded.seq} has step "${recorded.name}" under the key "${key}", and the code asks for "${definition.name}"`
              : `entry ${recorded.seq} requested step "${key}" with input ${brief(step.input)}, and the code asks with ${brief(input)}`
          )
        }
        step.definition = definition
      } else {
        if (records.stepCount >= this.registration.limits.maxSteps && !this.instance.interrupted) {
          this.push({
            _tag: "Stop",
            id: "limit:maxSteps",
            kind: "limit",
            by: "engine",
            reason: `more than ${this.registration.limits.maxSteps} steps (maxSteps)`
          })
          return
        }
        if (!definition.nested && this.mustBeRecorded(`step "${key}"`, key)) return
        const entry = this.append({
          _tag: "StepRequested",
          key,
          name: definition.name,
          attempt: 1,
          onCrash: definition.onCrash,
          ...(input === null ? {} : { input }),
          ...(definition.onCrash === "rerun-keyed" ? { idempotencyKey: idempotencyKey(this.row.id, key) } : {}),
          ...(definition.nested ? { nested: true } : {}),
          ...(definition.label === undefined ? {} : { label: definition.label })
        }) as JournalEntry.EntryOf<"StepRequested">
        step = records.addStep(entry, definition)
        records.setPhase(step, "queued")
        this.toStart.push(key)
      }
      const asked = step
      if (asked.delivered !== undefined) return resume(asked.delivered)
      asked.waiters.push(resume)
      return () => {
        RunRecords.remove(asked.waiters, resume)
        if (asked.waiters.length === 0 && asked.delivered === undefined) this.abandon(asked)
      }
    })
  }

  askTimer(millis: number): Effect.Effect<void> {
    return this.ask((resume) => {
      const timer = ++this.records.timerCount
      let state = this.records.timers.get(timer)
      if (state === undefined) {
        if (this.mustBeRecorded(`timer ${timer}`, `timer ${timer}`)) return
        const entry = this.append({ _tag: "TimerSet", timer, dueAt: this.time + millis }) as JournalEntry.EntryOf<"TimerSet">
        state = this.records.addTimer(entry)
      }
      const asked = state
      asked.asked = true
      asked.waiter = () => resume(undefined)
      if (this.live) this.arm(`timer:${timer}`, asked.entry.dueAt, { _tag: "Timer", timer })
      return () => {
        asked.waiter = undefined
        if (this.live) this.records.timers.delete(timer)
        this.disarm(`timer:${timer}`)
      }
    })
  }

  askSignal(name: string): Effect.Effect<JournalEntry.EntryOf<"SignalReceived">> {
    return this.ask((resume) => this.records.takeSignal(name, resume))
  }

  /** The exit of a deferred: at once when it is there, else, when `park`, once it is delivered. */
  askDeferred(name: string, park: boolean): Effect.Effect<JournalEntry.ExitJson | undefined> {
    return this.ask((resume) => {
      const exit = this.records.deferreds.get(name)
      if (exit !== undefined || !park) return resume(exit)
      return this.records.awaitDeferred(name, resume)
    })
  }

  /** A deferred of the run that a durable timer completes. */
  startClock(name: string, millis: number): void {
    if (this.stopped || this.records.clocks.has(name)) return
    this.records.clocks.add(name)
    const timer = ++this.records.timerCount
    let state = this.records.timers.get(timer)
    if (state === undefined) {
      if (this.mustBeRecorded(`timer ${timer} ("${name}")`, name)) return
      state = this.records.addTimer(
        this.append({ _tag: "TimerSet", timer, dueAt: this.time + millis, label: name }) as JournalEntry.EntryOf<"TimerSet">
      )
    }
    state.asked = true
    state.waiter = () => this.records.completeDeferred(name, { _tag: "Success" })
    if (this.live) this.arm(`timer:${timer}`, state.entry.dueAt, { _tag: "Timer", timer })
    this.wake()
  }

  /** A wait inside the body of a step: while it lasts, the step does not keep the run awake. */
  inStep<A>(key: string, wait: Effect.Effect<A>): Effect.Effect<A> {
    const count = (by: number) =>
      Effect.sync(() => {
        const step = this.records.steps.get(key)
        if (step === undefined) return
        step.bodyWaits += by
        this.wake()
      })
    return Effect.acquireUseRelease(count(1), () => wait, () => count(-1))
  }

  /** The workflow completes one of its own deferreds. The first completion wins. */
  completeDeferred(name: string, exit: JournalEntry.ExitJson): void {
    if (this.stopped || this.records.deferreds.has(name)) return
    const recorded = this.records.commands.get(`deferred:${name}`)
    if (recorded === undefined) {
      if (this.mustBeRecorded(`the completion of "${name}"`, name)) return
      this.append({ _tag: "DeferredCompleted", name, exit, inside: true })
    } else {
      recorded.asked = true
    }
    this.records.completeDeferred(name, exit)
    this.wake()
  }

  askApproval(question: ApprovalQuestion): Effect.Effect<RunRecords.ApprovalResult> {
    return this.ask((resume) => {
      const key = question.key ?? this.records.number(`approval:${question.name}`, question.name)
      let state = this.records.approvals.get(key)
      if (state === undefined) {
        if (this.mustBeRecorded(`approval "${key}"`, key)) return
        const entry = this.append({
          _tag: "ApprovalRequested",
          key,
          prompt: question.prompt,
          approvers: question.approvers,
          choices: question.choices,
          quorum: question.quorum,
          editable: question.editable,
          onTimeout: question.onTimeout,
          ...(question.args === undefined ? {} : { args: question.args }),
          ...(question.deadlineMs === undefined ? {} : { deadline: this.time + question.deadlineMs })
        }) as JournalEntry.EntryOf<"ApprovalRequested">
        state = this.records.addApproval(entry)
        this.approvalsOpened.push(approvalRow(this.row, entry))
      } else if (state.waiter === undefined && state.entry.prompt !== question.prompt) {
        return this.diverge(
          key,
          `entry ${state.entry.seq} asked "${state.entry.prompt}", and the code asks "${question.prompt}"`
        )
      }
      const asked = state
      asked.asked = true
      if (asked.result !== undefined) return resume(asked.result)
      asked.waiter = resume
      if (this.live && asked.entry.deadline !== undefined) {
        this.arm(`approval:${key}`, asked.entry.deadline, { _tag: "Deadline", key })
      }
      return () => {
        asked.waiter = undefined
        this.disarm(`approval:${key}`)
        if (asked.result === undefined && !this.stopped) this.approvalsClosed.push(key)
      }
    })
  }

  /** Starts a child, or joins it; with `wait`, answers with its exit. */
  askChild(
    child: { readonly id: string; readonly start: OutboxRow; readonly workflow: string; readonly version: string; readonly payload: unknown; readonly linked: boolean },
    wait: boolean
  ): Effect.Effect<JournalEntry.ExitJson | undefined> {
    return this.ask((resume) => {
      let state = this.records.children.get(child.id)
      if (state === undefined) {
        if (this.mustBeRecorded(`child run ${child.id} of workflow "${child.workflow}"`, child.id)) return
        const entry = this.append({
          _tag: "ChildStarted",
          child: child.id,
          workflow: child.workflow,
          version: child.version,
          payload: child.payload,
          linked: child.linked
        }) as JournalEntry.EntryOf<"ChildStarted">
        state = this.records.addChild(entry)
        this.outbox.push(child.start)
      } else if (!state.asked && !RunRecords.sameJson(state.entry.payload, child.payload)) {
        return this.diverge(
          child.id,
          `entry ${state.entry.seq} started child ${child.id} with ${brief(state.entry.payload)}, and the code starts it with ${brief(child.payload)}`
        )
      }
      const asked = state
      asked.asked = true
      if (!wait) return resume(undefined)
      if (asked.exit !== undefined) return resume(asked.exit)
      asked.waiters.push(resume)
      return () => RunRecords.remove(asked.waiters, resume)
    })
  }

  /** Records what the workflow did at once: a state change, an emitted event, a note. */
  command(key: string, what: string, body: JournalEntry.EntryBody, outbox?: OutboxRow): void {
    if (this.stopped) return
    const recorded = this.records.commands.get(key)
    if (recorded !== undefined) {
      const before = RunRecords.bodyJson(recorded.entry)
      if (!RunRecords.sameJson(before, JSON.parse(JSON.stringify(body)))) {
        this.diverge(key, `entry ${recorded.entry.seq} recorded ${brief(before)}, and the code does ${brief(body)}`)
        return
      }
      recorded.asked = true
      return
    }
    if (this.mustBeRecorded(what, key)) return
    this.records.addCommand(key, this.append(body))
    if (outbox !== undefined) this.outbox.push(outbox)
    this.wake()
  }

  /** Sends a row to another run's inbox with the next commit. Repeated on replay, so its id must be the same then. */
  send(row: OutboxRow): void {
    if (this.stopped || !this.live) return
    this.outbox.push(row)
    this.wake()
  }

  get replaying(): boolean {
    return !this.live
  }

  /** ms since the epoch, of the last delivered entry. */
  get now(): number {
    return this.time
  }

  private ask<A>(register: (resume: Resume<A>) => void | (() => void)): Effect.Effect<A> {
    return Effect.callback<A>((resume) => {
      if (this.stopped || this.problem !== undefined) return
      let done = false
      const cleanup = register((value) => {
        if (done) return
        done = true
        resume(Effect.succeed(value))
      })
      this.wake()
      if (cleanup === undefined) return
      return Effect.sync(() => {
        if (done || this.stopped) return
        done = true
        cleanup()
        this.wake()
      })
    })
  }

  private die(defect: unknown): void {
    this.mainExit = Exit.die(defect)
    this.wake()
  }

  private mustBeRecorded(what: string, key: string): boolean {
    if (this.cursor > this.lastDelivery) return false
    const next = this.history.find((entry, index) => index >= this.cursor && RunRecords.isDelivery(entry))
    this.diverge(
      key,
      `the code asks for ${what}, which the journal does not hold, while entry ${next?.seq} (${next?._tag}${
        next !== undefined && "key" in next ? ` "${next.key}"` : ""
      }) has not been reached`
    )
    return true
  }

  private diverge(key: string, detail: string): undefined {
    this.problem ??= { key, detail }
    this.wake()
    return undefined
  }

  // --------------------------------------------------------------------------
  // the loop
  // --------------------------------------------------------------------------

  private wake(): void {
    if (this.pumping || this.scheduled || this.stopped) return
    this.scheduled = true
    this.host.schedule(() => {
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
    if (again) this.wake()
  }

  /** Runs until nothing is left to do; true when the rest must wait for another turn of the event loop. */
  private turn(): boolean {
    for (let count = 0; !this.stopped; count++) {
      this.scheduler.drain(drainLimit)
      if (!this.scheduler.idle || count >= deliveriesPerTurn) return true
      if (this.problem !== undefined) {
        this.giveUp("diverged", this.problem.key, this.problem.detail)
        return false
      }
      if (this.mainExit !== undefined) {
        if (this.cursor <= this.lastDelivery) {
          const next = this.history[this.cursor]!
          this.problem = { key: next._tag, detail: `the code has ended, and the journal goes on with entry ${next.seq} (${next._tag})` }
          continue
        }
        this.finish(this.mainExit)
        return false
      }
      if (this.cursor < this.history.length) {
        if (!this.advance()) return false
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
    if (!this.stopped) this.settle()
    return false
  }

  /** Takes the next recorded entry; false while the code has yet to ask for it. */
  private advance(): boolean {
    const entry = this.history[this.cursor]!
    switch (this.records.kindOf(entry)) {
      case "command": {
        if (!this.records.wasAsked(entry)) {
          return this.awaitForeign(entry, `entry ${entry.seq} (${RunRecords.describe(entry)}) is in the journal, and the code did not ask for it`)
        }
        break
      }
      case "delivery": {
        if (!this.records.canDeliver(entry)) {
          return this.awaitForeign(entry, `entry ${entry.seq} (${RunRecords.describe(entry)}) is an outcome that the code did not ask for`)
        }
        break
      }
    }
    this.cursor++
    this.foreignWaits = 0
    this.deliver(entry)
    return true
  }

  /**
   * A body may do asynchronous work of its own (a digest, a promise), so a
   * request that the journal holds is given time to come before it is missed.
   */
  private awaitForeign(entry: Entry, detail: string): false {
    this.foreignWaits++
    if (this.foreignWaits <= foreignTurns) {
      this.wakeLater()
    } else if ((this.foreignWaits - foreignTurns) * foreignSleepMs <= this.host.options.divergenceGraceMs) {
      this.arm("foreign", undefined, undefined)
    } else {
      this.problem = { key: "key" in entry ? entry.key : entry._tag, detail }
      this.wakeLater()
    }
    return false
  }

  private wakeLater(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.host.schedule(() => {
      this.scheduled = false
      this.pump()
    })
  }

  private goLive(): boolean {
    this.live = true
    this.history = []
    this.cursor = 0
    this.lastDelivery = -1
    if (this.row.takeovers > this.host.options.maxRecoveries) {
      this.giveUp("recovery", "run", `its process died ${this.row.takeovers} times in a row without getting further`)
      return false
    }
    this.activeSince = this.host.now()
    this.armRunLimits()
    if (this.records.parkedFailure) return true
    if (this.main === undefined) {
      const entry = this.append({ _tag: "RunStarted" })
      this.deliver(entry)
    }
    for (const step of Array.from(this.records.openSteps())) this.recover(step)
    for (const [timer, state] of this.records.timers) {
      if (state.waiter !== undefined) this.arm(`timer:${timer}`, state.entry.dueAt, { _tag: "Timer", timer })
    }
    for (const [key, state] of this.records.approvals) {
      if (state.waiter !== undefined && state.entry.deadline !== undefined) {
        this.arm(`approval:${key}`, state.entry.deadline, { _tag: "Deadline", key })
      }
    }
    return true
  }

  /** Decides about a step that was requested before this pass and has no outcome. */
  private recover(step: RunRecords.StepState): void {
    if (step.delivered !== undefined || step.definition === undefined || step.phase !== "recorded") return
    if (step.waiters.length === 0) return
    if (step.notStarted) {
      this.records.setPhase(step, "queued")
      this.toStart.push(step.key)
      return
    }
    if (step.retryAt !== undefined) {
      this.records.setPhase(step, "backoff")
      this.arm(`backoff:${step.key}`, step.retryAt, { _tag: "Backoff", key: step.key })
      return
    }
    if (step.definition.onCrash === "ask" && !step.released) {
      this.records.setPhase(step, "unknown")
      return
    }
    const recovery = step.released ? step.entry.recovery ?? 0 : (step.entry.recovery ?? 0) + 1
    if (recovery > this.host.options.maxRecoveries) {
      this.records.setPhase(step, "exhausted")
      return
    }
    this.request(step, step.entry.attempt, recovery)
  }

  private request(step: RunRecords.StepState, attempt: number, recovery: number): void {
    const { recovery: _, seq: _seq, at: _at, epoch: _epoch, blobs: _blobs, ...rest } = step.entry
    step.entry = this.append({ ...rest, attempt, ...(recovery > 0 ? { recovery } : {}) }) as JournalEntry.EntryOf<"StepRequested">
    step.retryAt = undefined
    step.released = false
    this.records.setPhase(step, "queued")
    this.toStart.push(step.key)
  }

  /** Takes one live happening, journals it, and delivers it. */
  private accept(item: ReadyItem): void {
    switch (item._tag) {
      case "Outcome":
        return this.acceptOutcome(item)
      case "Timer": {
        const timer = this.records.timers.get(item.timer)
        if (timer?.waiter === undefined) return
        return this.deliver(this.append({ _tag: "TimerFired", timer: item.timer }))
      }
      case "Backoff": {
        const step = this.records.steps.get(item.key)
        if (step?.phase !== "backoff") return
        return this.request(step, step.entry.attempt + 1, 0)
      }
      case "Deadline": {
        const approval = this.records.approvals.get(item.key)
        if (approval?.waiter === undefined || approval.result !== undefined) return
        return this.deliver(
          this.append({ _tag: "ApprovalAnswered", id: `deadline:${item.key}`, key: item.key, decision: "timeout", by: "deadline" })
        )
      }
      case "Inbox":
        return acceptInbox(this, item.row)
      case "Stop": {
        if (this.records.stop !== undefined || this.pendingStop !== undefined) return
        const asking = this.running().filter((step) => step.onCrash === "ask")
        if (asking.length === 0 || item.kind === "limit") return this.stopNow(item)
        this.pendingStop = item
        this.arm("grace", this.host.now() + this.host.options.cancelGraceMs, { _tag: "GraceOver" })
        return
      }
      case "GraceOver": {
        if (this.pendingStop !== undefined) this.stopNow(this.pendingStop)
      }
    }
  }

  private stopNow(stop: Extract<ReadyItem, { readonly _tag: "Stop" }>): void {
    this.pendingStop = undefined
    this.disarm("grace")
    this.deliver(this.append({ _tag: "StopRequested", id: stop.id, kind: stop.kind, by: stop.by, reason: stop.reason }))
  }

  private acceptOutcome(item: Extract<ReadyItem, { readonly _tag: "Outcome" }>): void {
    const step = this.records.steps.get(item.key)
    if (step === undefined || step.phase !== "done") return
    if (step.waiters.length === 0) return this.records.setPhase(step, "abandoned")
    const attempt = step.entry.attempt
    if (item.exit._tag === "Success") {
      this.deliver(this.append({
        _tag: "StepCompleted",
        key: item.key,
        attempt,
        ...(item.exit.value === undefined ? {} : { output: item.exit.value })
      }))
    } else if (item.delay !== undefined) {
      const retryAt = this.host.now() + item.delay
      const entry = this.append({ _tag: "StepFailed", key: item.key, attempt, cause: item.exit.cause, retryAt })
      this.deliver(entry)
      step.retryAt = retryAt
      this.records.setPhase(step, "backoff")
      this.arm(`backoff:${item.key}`, retryAt, { _tag: "Backoff", key: item.key })
    } else {
      const parked = step.definition!.parkOnFailure
      this.deliver(this.append({
        _tag: "StepFailed",
        key: item.key,
        attempt,
        cause: item.exit.cause,
        ...(parked ? { parked } : {})
      }))
    }
    if (this.pendingStop !== undefined && this.running().every((other) => other.onCrash !== "ask")) {
      this.stopNow(this.pendingStop)
    }
  }

  /** Hands an entry over: to the fibers that wait for it, or into what later asks will find. */
  deliver(entry: Entry): void {
    if (RunRecords.isDelivery(entry)) this.time = entry.at
    switch (entry._tag) {
      case "RunStarted": {
        this.time = entry.at
        this.forkMain()
        return
      }
      case "StopRequested": {
        this.records.stop = entry
        this.instance.interrupted = true
        this.main?.interruptUnsafe()
        return
      }
      case "ApprovalAnswered": {
        if (this.records.answer(entry) && this.live) {
          this.approvalsClosed.push(entry.key)
          this.disarm(`approval:${entry.key}`)
        }
        return
      }
      default:
        this.records.deliver(entry)
    }
  }

  private forkMain(): void {
    const world: BodyWorld = {
      runId: this.row.id,
      now: () => this.time,
      replaying: () => !this.live,
      sleep: (millis) => this.askTimer(millis)
    }
    const context = bodyServices(world, this.scheduler, this.host.ambient).pipe(
      Context.merge(this.host.bodyContext),
      Context.add(WorkflowInstance, this.instance),
      Context.add(CurrentRun, { executor: this, step: undefined })
    )
    const effect = Workflow.intoResult(this.registration.execute(this.payload, this.row.id))
    const fiber = Effect.runForkWith(context)(effect as Effect.Effect<Workflow.Result<unknown, unknown>, never, WorkflowInstance>)
    this.main = fiber
    fiber.addObserver((exit) => {
      if (this.stopped) return
      this.mainExit = exit
      this.wake()
    })
  }

  // --------------------------------------------------------------------------
  // step bodies
  // --------------------------------------------------------------------------

  private startBody(key: string): void {
    const step = this.records.steps.get(key)
    if (step?.phase !== "queued") return
    if (step.waiters.length === 0) return this.records.setPhase(step, "abandoned")
    this.records.setPhase(step, "running")
    const attempt = {
      key,
      attempt: step.entry.attempt,
      idempotencyKey: step.entry.idempotencyKey ?? idempotencyKey(this.row.id, key)
    }
    const context = worldServices(this.host.ambient).pipe(
      Context.merge(this.host.bodyContext),
      Context.add(CurrentRun, { executor: this, step: key })
    )
    const fiber = Effect.runForkWith(context)(step.definition!.body(attempt))
    step.fiber = fiber
    fiber.addObserver((exit) => {
      if (this.stopped || step.fiber !== fiber) return
      step.fiber = undefined
      if (step.phase === "abandoned") return
      this.records.setPhase(step, "done")
      const json = ExitJson.toJson(exit)
      if (json._tag === "Success" || step.definition!.retry === undefined || this.records.stop !== undefined) {
        this.push({ _tag: "Outcome", key, exit: json, delay: undefined })
        return
      }
      this.host.fork(Effect.flatMap(RunRecords.policyOf(step), (next) => next(this.host.now(), json.cause))).addObserver((delay) =>
        this.push({ _tag: "Outcome", key, exit: json, delay: Exit.isSuccess(delay) ? delay.value : undefined })
      )
    })
  }

  /** Nobody waits for the step any more: a lost race, a timeout or a cancel. */
  private abandon(step: RunRecords.StepState): void {
    this.disarm(`backoff:${step.key}`)
    if (step.phase === "recorded") return
    this.records.setPhase(step, "abandoned")
    step.fiber?.interruptUnsafe()
  }

  // --------------------------------------------------------------------------
  // timers
  // --------------------------------------------------------------------------

  private arm(name: string, due: number | undefined, item: ReadyItem | undefined): void {
    this.disarm(name)
    const sleep = due === undefined
      ? this.host.hostSleep(foreignSleepMs)
      : Effect.sleep(Math.max(0, due - this.host.now()))
    const fiber = this.host.fork(sleep)
    this.sleepers.set(name, { due: due ?? Infinity, fiber })
    fiber.addObserver((exit) => {
      if (this.sleepers.get(name)?.fiber !== fiber) return
      this.sleepers.delete(name)
      if (this.stopped || Exit.isFailure(exit)) return
      if (item === undefined) this.wake()
      else this.push(item)
    })
  }

  private disarm(name: string): void {
    const sleeper = this.sleepers.get(name)
    if (sleeper === undefined) return
    this.sleepers.delete(name)
    sleeper.fiber.interruptUnsafe()
  }

  private armRunLimits(): void {
    const { maxRunMs } = this.registration.limits
    if (!Number.isFinite(maxRunMs) || this.records.stop !== undefined) return
    this.arm("maxRunMs", this.row.createdAt + maxRunMs, {
      _tag: "Stop",
      id: "limit:maxRunMs",
      kind: "limit",
      by: "engine",
      reason: `longer than ${maxRunMs} ms (maxRunMs)`
    })
  }

  private nextDue(): number | null {
    let due = Infinity
    for (const sleeper of this.sleepers.values()) due = Math.min(due, sleeper.due)
    return Number.isFinite(due) ? due : null
  }

  // --------------------------------------------------------------------------
  // the journal
  // --------------------------------------------------------------------------

  append(body: JournalEntry.EntryBody): Entry {
    const entry = { seq: this.length++, at: this.host.now(), epoch: this.row.epoch, ...body } as Entry
    this.buffer.push(entry)
    return entry
  }

  /** Marks a row of the inbox as taken with the next commit. */
  consume(row: InboxRow): void {
    this.consumed.push(row.id)
  }

  /** Notes for people what the engine did about something odd. */
  remark(kind: string, text: string): void {
    this.append({ _tag: "Note", kind, text })
  }

  /** An operator's resume: ends a pause, or repeats a run that suspended on its failure. */
  resume(by: string): void {
    if (this.records.parkedFailure) {
      this.append({ _tag: "RunResumed", by })
      return this.reload()
    }
    if (this.records.paused) this.deliver(this.append({ _tag: "RunResumed", by }))
  }

  /** A run that suspended on its failure has no fibers to stop: a new pass is stopped at its end. */
  restartForStop(stop: { readonly id: string; readonly kind: "cancel" | "parent"; readonly by: string; readonly reason: string }): void {
    this.append({ _tag: "StopRequested", ...stop })
    this.reload()
  }

  /** Settles a step whose outcome is unknown, or that recovery gave up. */
  settleStep(key: string, by: string, action: { readonly _tag: "retry" } | { readonly _tag: "complete"; readonly output: unknown } | { readonly _tag: "fail"; readonly cause: unknown }): boolean {
    const step = this.records.steps.get(key)
    if (step === undefined || (step.phase !== "unknown" && step.phase !== "exhausted")) return false
    const attempt = step.entry.attempt
    if (action._tag === "retry") this.request(step, attempt + 1, 0)
    else if (action._tag === "complete") {
      this.deliver(this.append({ _tag: "StepCompleted", key, attempt, output: action.output, settledBy: by }))
    } else {
      this.deliver(this.append({ _tag: "StepFailed", key, attempt, cause: action.cause, settledBy: by }))
    }
    return true
  }

  get paused(): boolean {
    return this.records.paused || this.pendingStop !== undefined
  }

  private emptyCommit() {
    return {
      entries: [] as ReadonlyArray<Entry>,
      expected: this.length - this.buffer.length,
      status: undefined,
      consumed: [],
      outbox: [],
      approvalsOpened: [],
      approvalsClosed: [],
      ended: undefined,
      release: undefined
    } as const
  }

  /** Nothing is left to deliver: says where the run stands, and writes what there is to write. */
  private settle(): void {
    if (this.committing || this.ending || this.releasing) return
    const busy = this.records.inFlight() > 0 || (this.toStart.length > 0 && !this.paused)
    let status = "running"
    let waits: ReadonlyArray<Wait> = []
    if (!busy) {
      waits = this.records.waits()
      if (waits.length > 0) status = "suspended"
    }
    const text = status === "suspended" ? JSON.stringify(waits) : null
    if (status === "suspended") {
      if (text !== this.suspendedWaits) this.append({ _tag: "RunSuspended", waits })
      this.suspendedWaits = text!
      this.countActive()
    } else if (busy && this.suspendedWaits !== undefined) {
      this.suspendedWaits = undefined
      this.activeSince = this.host.now()
      this.host.woken(this)
    }
    if (busy) this.armActiveLimit()
    const reason = status === "suspended" ? reasonOf(waits) ?? null : null
    const now = projection(status, reason, text)
    const changed = now !== this.projected && (status === "suspended" || busy)
    const starting = this.paused ? [] : this.toStart
    if (this.buffer.length === 0 && this.consumed.length === 0 && this.outbox.length === 0 && !changed && starting.length === 0) {
      if (this.suspendedWaits !== undefined) this.host.parked(this)
      return
    }
    if (changed) this.projected = now
    if (!this.paused) this.toStart = []
    this.commit(changed ? { status, reason, waits: text } : undefined, undefined, undefined, (ok) => {
      if (!ok) return
      for (const key of starting) this.startBody(key)
      this.pump()
    })
  }

  private commit(
    status: { status: string; reason: string | null; waits: string | null } | undefined,
    ended: { readonly payload: string } | undefined,
    release: { readonly dueAt: number | null } | undefined,
    done: (ok: boolean) => void
  ): void {
    const pending = {
      entries: this.buffer,
      expected: this.length - this.buffer.length,
      status,
      consumed: this.consumed,
      outbox: this.outbox,
      approvalsOpened: this.approvalsOpened,
      approvalsClosed: this.approvalsClosed,
      ended,
      release
    }
    this.buffer = []
    this.consumed = []
    this.outbox = []
    this.approvalsOpened = []
    this.approvalsClosed = []
    this.committing = true
    this.host.commit(this, pending, (ok) => {
      this.committing = false
      if (this.stopped) return
      if (!ok) {
        this.drop()
        this.host.gone(this, "deposed")
      }
      done(ok)
    })
  }

  private countActive(): void {
    if (this.activeSince === undefined) return
    this.activeMs += this.host.now() - this.activeSince
    this.activeSince = undefined
    this.disarm("maxActiveMs")
  }

  private armActiveLimit(): void {
    const { maxActiveMs } = this.registration.limits
    if (!Number.isFinite(maxActiveMs) || this.sleepers.has("maxActiveMs") || this.records.stop !== undefined) return
    const since = this.activeSince ?? this.host.now()
    this.arm("maxActiveMs", since + Math.max(0, maxActiveMs - this.activeMs), {
      _tag: "Stop",
      id: "limit:maxActiveMs",
      kind: "limit",
      by: "engine",
      reason: `ran for more than ${maxActiveMs} ms (maxActiveMs)`
    })
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
    const outcome = Exit.isSuccess(exit)
      ? this.registration.encodeExit((exit.value as Workflow.Complete<unknown, unknown>).exit)
      : this.registration.encodeExit(exit)
    const stop = this.records.stop
    let status: string
    if (outcome._tag === "Success") {
      status = "completed"
      this.append({ _tag: "RunCompleted", output: outcome.value ?? null })
    } else if (stop !== undefined && stop.kind !== "limit") {
      status = "cancelled"
      this.append({ _tag: "RunCancelled", by: stop.by, reason: stop.reason, cause: outcome.cause })
    } else {
      status = "failed"
      const cause = stop === undefined
        ? outcome.cause
        : ExitJson.causeToJson(Cause.die({ name: "LimitExceeded", message: `The run went past a limit: ${stop.reason}` }))
      this.append({ _tag: "RunFailed", cause })
    }
    this.ending = true
    const told = status === "cancelled" || status === "completed" ? outcome : ExitJson.toJson(ExitJson.fromJson(outcome))
    this.commit({ status, reason: null, waits: null }, { payload: JSON.stringify({ exit: told }) }, undefined, (ok) => {
      if (!ok) return
      this.drop()
      this.host.gone(this, "ended")
    })
  }

  private suspendOnFailure(result: Workflow.Suspended): void {
    const detail = result.cause === undefined
      ? "the workflow asked to be suspended"
      : ExitJson.causeMessage(ExitJson.causeToJson(result.cause))
    const waits: ReadonlyArray<Wait> = [{ reason: "operator", key: "failure", detail }]
    this.append({ _tag: "RunSuspended", waits })
    this.ending = true
    this.commit(
      { status: "suspended", reason: "operator", waits: JSON.stringify(waits) },
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
  private giveUp(reason: "diverged" | "recovery", key: string, detail: string): void {
    this.length -= this.buffer.length
    this.buffer = []
    this.ending = true
    const waits = JSON.stringify([{ reason, key, detail }] satisfies ReadonlyArray<Wait>)
    this.host.commit(this, { ...this.emptyCommit(), status: { status: "suspended", reason, waits }, release: { dueAt: null } }, (ok) => {
      this.drop()
      this.host.gone(this, ok ? "released" : "deposed")
    })
  }
}

/** A step key that stands for two different inputs in one run. */
export class StepKeyConflict extends Error {
  override readonly name = "StepKeyConflict"
  readonly runId: string
  readonly key: string
  constructor(runId: string, key: string) {
    super(`Step key "${key}" of run ${runId} was asked for again with another input; give each input its own key`)
    this.runId = runId
    this.key = key
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const idempotencyKey = (runId: string, key: string) => encodeURIComponent(`${runId}/${key}`)

const projection = (status: string, reason: string | null, waits: string | null) => `${status} ${reason} ${waits}`

const brief = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing"
  return text.length > 120 ? `${text.slice(0, 117)}…` : text
}

const approvalRow = (run: RunRow, entry: JournalEntry.EntryOf<"ApprovalRequested">): ApprovalRow => ({
  run: run.id,
  key: entry.key,
  workflow: run.workflow,
  prompt: entry.prompt,
  approvers: JSON.stringify(entry.approvers),
  question: JSON.stringify({
    choices: entry.choices,
    quorum: entry.quorum,
    editable: entry.editable,
    onTimeout: entry.onTimeout,
    ...(entry.args === undefined ? {} : { args: entry.args })
  }),
  requestedAt: entry.at,
  deadline: entry.deadline ?? null
})
