/**
 * Keeps one run going: replays its journal into the workflow's fibers, then
 * lives on, one delivery at a time.
 *
 * Order is all that matters here. The workflow's fibers run on the run's own
 * scheduler. A delivery (an outcome, a signal, a timer) is journaled and handed
 * over only when that scheduler is empty; what the workflow asks for in answer
 * is journaled behind it. Replay hands over the same deliveries at the same
 * places, so code after concurrent steps sees the same order every time.
 *
 * Each turn: the scheduler is drained, the next recorded entry or the next
 * happening is taken, and when there is none, the run is written.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { runKey } from "@fermata/core/Suspension"
import { readWaits } from "@fermata/core/Wait"
import * as Option from "effect/Option"
import type { RunRow } from "../../Backend.ts"
import * as EntryKinds from "../EntryKinds.ts"
import type { AnyFiber, Task } from "../RunScheduler.ts"
import { Endings } from "./Endings.ts"
import { Flush, type Turns } from "./Flush.ts"
import { isOrderToStop, type ReadyItem } from "./Happening.ts"
import type { Act } from "./InboxRules.ts"
import * as Pass from "./Pass.ts"
import * as Phase from "./Phase.ts"
import { Purse } from "./Purse.ts"
import type { RunCore } from "./RunCore.ts"
import type { ExecutorHost, HeldRun, Registration } from "./RunHost.ts"
import * as RunParts from "./RunParts.ts"
import { Stops } from "./Stops.ts"

type Entry = JournalEntry.JournalEntry

export class RunLoop implements RunParts.Whole, Turns {
  readonly parts: RunParts.RunParts
  readonly endings: Endings
  readonly flush: Flush
  private readonly stops: Stops
  /** A turn is under way. */
  private turning = false
  /** One is to come in a later turn of the event loop. */
  private scheduled = false
  /** Made inside its commit, and delivered before anything else. */
  private made: Entry | undefined

  constructor(
    host: ExecutorHost,
    registration: Registration,
    row: RunRow,
    payload: object,
    history: ReadonlyArray<Entry>,
    held: HeldRun
  ) {
    this.parts = RunParts.make(host, registration, row, payload, history, this)
    this.endings = new Endings(this.parts, held)
    this.flush = new Flush(this.parts, held, this)
    this.stops = new Stops(this.parts, this.endings)
  }

  /** Whether it has come to rest: no turn is under way or scheduled, and the scheduler is empty. */
  get isIdle(): boolean {
    return !this.turning && !this.scheduled && this.parts.scheduler.idle
  }

  get isTurning(): boolean {
    return this.turning
  }

  wake(): void {
    const { host, phase, row } = this.parts.run
    if (phase === Phase.evicted) host.activeAfterEviction(row.id)
    if (!this.turning && !this.scheduled && !phase.isGone) this.pumpIn(host.schedule)
  }

  /** Goes round until nothing is left to do, now and in later turns of the event loop. */
  pump(): void {
    const { run, scheduler } = this.parts
    if (this.turning || run.phase.isGone || run.phase === Phase.leaving) return
    this.turning = true
    let again: boolean
    try {
      again = this.turn()
    } finally {
      this.turning = false
    }
    if (again && !this.scheduled && !run.phase.isGone) {
      this.pumpIn(scheduler.idle ? run.host.schedule : run.host.turns.wait)
    }
  }

  /** Runs until nothing is left to do; true when the rest must wait for another turn of the event loop. */
  turn(): boolean {
    const { run, scheduler } = this.parts
    if (run.phase === Phase.holding) return false
    scheduler.enter()
    try {
      return this.goOn()
    } finally {
      scheduler.leave()
    }
  }

  deliver(entry: Entry): void {
    const { main, port, questions, run, scheduler, waits } = this.parts
    if (EntryKinds.isCountedFrom(entry)) {
      const { stop } = run.replayer
      run.time = entry.at
      run.purse?.reach(entry)
      scheduler.delivered(stop?.after === entry ? stop.operations : undefined)
    }
    scheduler.begin()
    switch (entry._tag) {
      case "RunStarted":
        return main.begin(port, waits, scheduler)
      case "RunForked":
        run.seed = entry.seed
        return
      case "StopRequested":
        run.pass.stop = entry
        return main.interrupt(scheduler)
      case "ApprovalAnswered":
        Pass.deliver(run.pass, entry)
        return questions.answered(entry)
      case "ApprovalDelegated":
      case "ApprovalEscalated":
      case "ApprovalReminded":
        return questions.routed(entry.key)
      default:
        // What was told to a pass that was given up is told to no other.
        if (run.phase.isLive || !run.ledger.marks.has(entry.seq)) Pass.deliver(run.pass, entry)
    }
  }

  /** An operator's resume: ends a pause, or repeats a run that suspended on its failure. */
  resume(by: string): void {
    const { run } = this.parts
    if (run.pass.held !== undefined) {
      run.append({ _tag: "RunResumed", by })
      return this.endings.reload()
    }
    if (run.ledger.paused) run.tell({ _tag: "RunResumed", by })
  }

  /** A run that suspended on its failure has no fibers to stop: a new pass is stopped at its end. */
  restartForStop(stop: Extract<Act, { readonly _tag: "RestartForStop" }>["stop"]): void {
    const { run, writing } = this.parts
    run.pass.stop = run.append(stop) as JournalEntry.EntryOf<"StopRequested">
    writing.isStopping = true
    this.endings.reload()
  }

  deposed(): void {
    this.endings.leave("deposed")
  }

  outside(fiber: AnyFiber): (task: Task) => void {
    const { digests, run } = this.parts
    if (run.phase.isGone) return () => this.wake()
    const awaited = digests.placeOf(fiber)
    if (awaited !== undefined) return awaited
    return (task) => this.stops.wentOn(fiber, task)
  }

  readonly handOver = (entry: Entry): void => {
    this.made = entry
    this.pump()
  }

  private pumpIn(schedule: (task: Task) => void): void {
    this.scheduled = true
    schedule(() => {
      this.scheduled = false
      this.pump()
    })
  }

  private goOn(): boolean {
    const { digests, limits, main, run, scheduler } = this.parts
    const { replayer } = run
    if (this.made !== undefined) {
      const { made } = this
      this.made = undefined
      this.deliver(made)
    }
    if (!scheduler.idle) this.takeStops()
    while (!run.phase.isGone && run.phase !== Phase.leaving) {
      const isDone = scheduler.drain(!digests.underWay)
      if (replayer.problem !== undefined) {
        this.endings.suspendUnrecorded("diverged", replayer.problem)
        return false
      }
      if (!isDone) {
        if (!scheduler.atStop) {
          if (run.phase.isLive && run.pass.stop === undefined) limits.atWork()
          return true
        }
        while (replayer.problem === undefined && replayer.reached <= replayer.stop!.index) this.advance()
        continue
      }
      if (digests.pending) {
        scheduler.begin()
        if (digests.handOver()) continue
        return false
      }
      if (main.exit !== undefined) {
        replayer.endOfCode()
        if (replayer.problem !== undefined) continue
        this.endings.finish(main.exit, this.flush.suspendedWaits !== undefined)
        return false
      }
      if (!replayer.isOver) {
        this.advance()
        continue
      }
      if (run.phase === Phase.replaying) {
        if (!this.goLive()) return false
        continue
      }
      const item = run.ready.shift()
      if (item !== undefined) this.accept(item)
      else if (!this.endings.offerEnd()) break
    }
    if (!run.phase.isGone) {
      this.flush.flush()
    }
    // A look at events may have come to its end within it.
    return !run.phase.isGone && run.ready.length > 0
  }

  /** At the end of a slice: an order to stop does not wait until the body has nothing left to do. */
  private takeStops(): void {
    const { run } = this.parts
    while (run.phase.isLive && run.phase !== Phase.leaving) {
      const index = run.ready.findIndex(isOrderToStop)
      if (index < 0) return
      this.accept(run.ready.splice(index, 1)[0]!)
    }
  }

  /** Hands over the next recorded entry, or finds that the code has not come to it. */
  private advance(): void {
    const { run } = this.parts
    const entry = run.replayer.next()
    if (entry === undefined) return
    run.purse = Purse.with(run.purse, entry)
    this.deliver(entry)
  }

  private goLive(): boolean {
    const { course, events, limits, main, questions, run, scheduler } = this.parts
    const { host, pass, row } = run
    if (host.replayed !== undefined) {
      host.replayed()
      return false
    }
    run.phase = Phase.live
    run.replayer.end()
    doubt(run)
    if (row.takeovers > host.options.maxRecoveries) {
      const detail = `its process died ${row.takeovers} times in a row without getting further`
      this.endings.suspendUnrecorded("recovery", { key: runKey, detail })
      return false
    }
    if (pass.stop === undefined) limits.armRun(row.createdAt)
    if (pass.held !== undefined) return true
    if (!main.hasBegun) run.tell({ _tag: "RunStarted" })
    if (pass.stop !== undefined && main.exit === undefined) main.interrupt(scheduler)
    course.goLive()
    for (const [timer, { entry, waiter }] of pass.timers) {
      if (waiter !== undefined) run.alarms.arm(`timer:${timer}`, entry.dueAt, { _tag: "Timer", timer })
    }
    events.goLive()
    questions.goLive()
    return true
  }

  /** Takes one live happening, journals it, and delivers it. */
  private accept(item: ReadyItem): void {
    const { course, events, inbox, limits, questions, run } = this.parts
    switch (item._tag) {
      case "Outcome":
      case "Probed":
      case "LetGo":
      case "Late":
      case "Backoff":
        return course.accept(item)
      case "Still":
        run.pass.still = true
        return
      case "Timer":
        if (run.pass.timers.get(item.timer)?.waiter !== undefined) run.tell({ _tag: "TimerFired", timer: item.timer })
        return
      case "Deadline":
        return questions.acceptDeadline(item.key)
      case "Expired":
        return questions.acceptExpired(item)
      case "EditRefused":
        return inbox.acceptEditRefused(item.row)
      case "Inbox":
        return inbox.accept(item.row)
      case "Looked":
        return events.accept(item.look)
      case "Stop":
        return this.stops.accept(item)
      case "ActiveLimit": {
        const stop = limits.reached()
        if (stop !== undefined) this.stops.accept(stop)
        return
      }
      case "GraceOver":
        return this.stops.endGrace()
      case "Foreign":
        return this.stops.acceptForeign()
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The store was put back from a backup since the run was last taken up: that is journaled before anything else. */
const doubt = (run: RunCore): void => {
  const { restored, status, waits } = run.row
  if (restored === undefined || restored.id === run.ledger.restore) return
  const asleep = status === "suspended" && sleepsPast(waits, restored.to)
  run.append({ _tag: "RunRestored", ...restored, ...(asleep ? { asleep } : {}) })
}

/** Whether a run with these waits goes on by time alone, and not before this one (ms since the epoch). */
const sleepsPast = (waits: string | null, time: number): boolean => {
  const read = Option.getOrElse(readWaits(waits), () => [])
  return read.length > 0 && read.every(({ reason, until }) => reason === "timer" && until !== undefined && until > time)
}
