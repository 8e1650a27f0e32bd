/**
 * What a run's journal holds and what its workflow has asked for so far: plain
 * bookkeeping that the executor reads and changes, with no effect of its own.
 */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import * as EntryRole from "@fermata/core/EntryRole"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Wait } from "@fermata/core/Wait"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as ChildRecords from "./ChildRecords.ts"
import * as Handover from "./Handover.ts"
import * as NoteKinds from "./NoteKinds.ts"
import type { ApprovalResult, StepDefinition, StepOutcome } from "./run/Ask.ts"
import type { Document } from "./run/RunPort.ts"
import type { Asked } from "./run/Standing.ts"
import type { StepLimit } from "./StepLimit.ts"

type Entry = JournalEntry.JournalEntry
type EntryOf<T extends JournalEntry.Tag> = JournalEntry.EntryOf<T>
type Resume<A> = (value: A) => void

/**
 * `recorded` in the journal only; `queued` until its request is committed;
 * `running`; `done` with an outcome on its way; `backoff` between attempts;
 * `unknown` and `exhausted` wait for an operator; `abandoned` by its askers.
 */
export type StepPhase =
  | "recorded"
  | "queued"
  | "running"
  | "done"
  | "backoff"
  | "unknown"
  | "exhausted"
  | "abandoned"
  | "delivered"

export interface StepState {
  readonly key: string
  readonly firstSeq: number
  /** As text when it was asked for in this pass. */
  readonly input: unknown
  /** The latest request. */
  entry: EntryOf<"StepRequested">
  /** There once the code has asked for it in this pass. */
  definition: StepDefinition | undefined
  phase: StepPhase
  waiters: ReadonlyArray<Resume<StepOutcome>>
  /** Its value or cause may still be text: each asker is given a copy. */
  delivered: StepOutcome | undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  limit: StepLimit | undefined
  /** The body of the latest request did not end at its timeout. */
  letGo: boolean
  retryAt: number | undefined
  /** Why the probe could not tell, when the latest request asked it. */
  probeFailure: unknown
  failures: ReadonlyArray<{ readonly at: number; readonly cause: unknown }>
  /** The body certainly has not started since the latest request. */
  notStarted: boolean
  /** Fibers of the body that wait for something durable. */
  bodyWaits: ReadonlyArray<Wait>
  /** The latest attempt ended on purpose (a failure that parked the run, an orderly shutdown). */
  released: boolean
}

export interface TimerState {
  readonly entry: EntryOf<"TimerSet">
  asked: boolean
  waiter: (() => void) | undefined
}

export interface ApprovalState {
  readonly entry: EntryOf<"ApprovalRequested">
  asked: boolean
  waiter: Resume<ApprovalResult> | undefined
  result: ApprovalResult | undefined
  readonly given: Array<ApprovalRule.Given>
  problemOf: ((edit: unknown) => string | undefined) | undefined
}

interface SignalState {
  readonly buffer: Array<EntryOf<"SignalReceived">>
  readonly waiters: Array<Resume<EntryOf<"SignalReceived">>>
}

export class RunRecords implements Asked<StepState> {
  readonly steps = new Map<string, StepState>()
  /** Steps that are neither delivered nor abandoned: what must be looked at again and again. */
  readonly open = new Set<StepState>()
  readonly timers = new Map<number, TimerState>()
  readonly approvals = new Map<string, ApprovalState>()
  readonly children = new Map<string, ChildRecords.ChildState>()
  /** What the workflow did at once, by its key in `EntryRole`. */
  readonly acts = new Map<string, { readonly entry: Entry; asked: boolean }>()
  readonly deferreds = new Map<string, JournalEntry.ExitJson>()
  readonly deferredWaiters = new Map<string, Array<Resume<JournalEntry.ExitJson>>>()
  readonly signals = new Map<string, SignalState>()
  readonly signalIds = new Set<string>()
  /** Ids of the events that waits of the run have taken. */
  readonly takenEvents = new Set<string>()
  /** What a signal that the run waits for stands for, for people. */
  readonly details = new Map<string, string>()
  /** Deferreds that a timer of the run completes. */
  readonly clocks = new Set<string>()
  /** Those of them that never are. */
  readonly endlessClocks = new Set<string>()
  /** Sleeps without an end. */
  endless = 0
  /** Nothing has moved for a minute, and nothing is waited for that the engine knows of. */
  still = false
  /** The run's named documents. */
  readonly documents = new Map<string, Document>()
  private readonly counters = new Map<string, number>()
  /** Calls of steps whose keys were taken, by `StepKeys`. */
  readonly displaced = new Set<string>()
  /** Whether the name of a step that was asked for may look like the key of another. */
  hasOddNames = false
  /** The counters of requests that step bodies make, by the prefix of their keys. */
  private readonly inner = new Map<string, Map<string, number>>()
  private readonly skipped = new Set<number>()
  /** The last entry that was taken in, and what tells whether the time until the next counts as active. */
  private before: Entry | undefined
  private readonly inFlight = new Set<string>()
  /** Steps in flight when the run suspended: their bodies wait, and may go on by themselves. */
  private readonly resting = new Set<string>()
  /** Failures that suspended the run, until somebody resumes it. */
  private readonly parked: Array<EntryOf<"StepFailed">> = []
  /** A pause is in force where the journal has been taken in up to. */
  private pausedInJournal = false
  /** Number of entries that have been taken in. */
  private loaded = 0
  timerCount = 0
  stepCount = 0
  emitCount = 0
  activeMs = 0
  paused = false
  /** When the run was forked: nothing that it asks for anew began before. */
  forkedAt = -Infinity
  /** The runs whose ids may stand, in what a fork shares with them, where it has its own. */
  readonly ancestors = new Set<string>()
  /** The run suspended on its failure, and somebody has resumed it: what the failed pass withdrew is asked again. */
  revived = false
  /** The run suspended on its failure, and nobody has resumed it. */
  parkedFailure = false
  /** Why no fiber runs, and none may until an operator says so. */
  held: Wait | undefined
  /** Delivered; or, after a suspension on failure, in force from the start of the pass. */
  stop: EntryOf<"StopRequested"> | undefined

  /** The key of the next request of this name: the name itself, then `name~2`, `name~3`. */
  number(counter: string, name: string, prefix = ""): string {
    let counters = prefix === "" ? this.counters : this.inner.get(prefix)
    if (counters === undefined) this.inner.set(prefix, counters = new Map())
    const count = this.count(counter, counters)
    return count === 1 ? prefix + name : `${prefix}${name}~${count}`
  }

  /** The number of the next request under this counter. */
  count(counter: string, counters = this.counters): number {
    const count = (counters.get(counter) ?? 0) + 1
    counters.set(counter, count)
    return count
  }

  /** How often the workflow itself has asked under this counter. */
  counted(counter: string): number {
    return this.counters.get(counter) ?? 0
  }

  /** Forgets what a body has numbered, for it starts again. */
  renumber(prefix: string): void {
    this.inner.delete(prefix)
  }

  addStep(entry: EntryOf<"StepRequested">, definition: StepDefinition | undefined): StepState {
    const step: StepState = {
      key: entry.key,
      firstSeq: entry.seq,
      input: entry.input ?? null,
      entry,
      definition,
      phase: "recorded",
      waiters: none,
      delivered: undefined,
      fiber: undefined,
      limit: undefined,
      letGo: false,
      retryAt: undefined,
      probeFailure: undefined,
      failures: none,
      notStarted: false,
      bodyWaits: none,
      released: false
    }
    this.steps.set(entry.key, step)
    this.open.add(step)
    this.stepCount++
    return step
  }

  setPhase(step: StepState, phase: StepPhase): void {
    step.phase = phase
    if (phase === "delivered" || phase === "abandoned") this.open.delete(step)
    else this.open.add(step)
  }

  addTimer(entry: EntryOf<"TimerSet">): TimerState {
    const timer: TimerState = { entry, asked: true, waiter: undefined }
    this.timers.set(entry.timer, timer)
    return timer
  }

  addApproval(entry: EntryOf<"ApprovalRequested">): ApprovalState {
    const approval: ApprovalState = {
      entry,
      asked: true,
      waiter: undefined,
      result: undefined,
      given: [],
      problemOf: undefined
    }
    this.approvals.set(entry.key, approval)
    return approval
  }

  addChild(entry: EntryOf<"ChildStarted">): ChildRecords.ChildState {
    const child = ChildRecords.make(entry)
    this.children.set(entry.child, child)
    return child
  }

  addAct(key: string, entry: Entry, asked = true): void {
    this.acts.set(key, { entry, asked })
  }

  /** Takes in what an earlier pass did at once. */
  private recordAct(entry: Entry): void {
    const request = EntryRole.requestOf(entry)
    if (request?.kind === "act") this.addAct(request.key, entry, false)
  }

  takeSignal(name: string, resume: Resume<EntryOf<"SignalReceived">>): void | (() => void) {
    const signal = this.signal(name)
    const first = signal.buffer.shift()
    if (first !== undefined) return resume(Handover.plain(first))
    signal.waiters.push(resume)
    return () => remove(signal.waiters, resume)
  }

  awaitDeferred(name: string, resume: Resume<JournalEntry.ExitJson>): () => void {
    const waiters = this.deferredWaiters.get(name) ?? []
    this.deferredWaiters.set(name, waiters)
    waiters.push(resume)
    return () => remove(waiters, resume)
  }

  completeDeferred(name: string, exit: JournalEntry.ExitJson): void {
    if (this.deferreds.has(name)) return
    this.deferreds.set(name, exit)
    const waiters = this.deferredWaiters.get(name)
    this.deferredWaiters.delete(name)
    for (const resume of waiters ?? []) resume(Handover.copyOf(exit))
  }

  /** Notes of the code that the journal has and this pass has not made. */
  readonly notes: Array<JournalEntry.EntryOf<"Note">> = []

  /** Whether the journal has such a note that this pass has not made. */
  claimNote(kind: string, text: string): boolean {
    const index = this.notes.findIndex((note) => note.kind === kind && note.text === text)
    if (index >= 0) this.notes.splice(index, 1)
    return index >= 0
  }

  // --------------------------------------------------------------------------
  // replay
  // --------------------------------------------------------------------------

  /** The role of an entry in this journal: one of a pass that was given up is a mark, and so is a request that repeats one. */
  roleOf(entry: Entry): EntryRole.Role {
    if (this.skipped.has(entry.seq)) return "mark"
    const role = EntryRole.roleOf(entry)
    return role === "command" && entry._tag === "StepRequested" && this.steps.get(entry.key)?.firstSeq !== entry.seq
      ? "mark"
      : role
  }

  /** Whether the code has asked, in this pass, for what this entry records. */
  wasAsked(entry: Entry): boolean {
    const request = EntryRole.requestOf(entry)
    switch (request?.kind) {
      case undefined:
        return true
      case "step":
        return this.steps.get(request.key)?.definition !== undefined
      case "timer":
        return this.timers.get(request.key)?.asked === true
      case "approval":
        return this.approvals.get(request.key)?.asked === true
      case "child":
        return this.children.get(request.key)?.asked === true
      case "act":
        return this.acts.get(request.key)?.asked === true
    }
  }

  /** Whether the code is where this outcome can reach it. */
  canDeliver(entry: Entry): boolean {
    const request = EntryRole.requestOf(entry)
    switch (request?.kind) {
      case "step": {
        const step = this.steps.get(request.key)
        return step !== undefined && (step.entry.nested === true || step.waiters.length > 0)
      }
      case "timer":
        return this.timers.get(request.key)?.waiter !== undefined
      default:
        return this.wasAsked(entry)
    }
  }

  /** Delivers an entry to those who wait for it, or keeps it for those who will. */
  deliver(entry: Entry): void {
    if (this.skipped.has(entry.seq)) return
    switch (entry._tag) {
      case "StepCompleted":
        return this.finishStep(entry.key, {
          _tag: "Done",
          key: entry.key,
          exit: entry.output === undefined ? { _tag: "Success" } : { _tag: "Success", value: entry.output }
        })
      case "StepFailed": {
        const step = this.steps.get(entry.key)
        if (entry.retryAt !== undefined) {
          if (step !== undefined && entry.seq >= this.loaded) {
            step.failures = added(step.failures, { at: entry.at, cause: entry.cause })
          }
          return
        }
        return this.finishStep(
          entry.key,
          entry.parked === true
            ? { _tag: "Parked", key: entry.key, cause: entry.cause }
            : { _tag: "Done", key: entry.key, exit: { _tag: "Failure", cause: entry.cause } }
        )
      }
      case "TimerFired": {
        const timer = this.timers.get(entry.timer)
        this.timers.delete(entry.timer)
        timer?.waiter?.()
        return
      }
      case "SignalReceived": {
        this.signalIds.add(entry.id)
        const signal = this.signal(entry.name)
        const waiter = signal.waiters.shift()
        if (waiter === undefined) signal.buffer.push(entry)
        else waiter(Handover.plain(entry))
        return
      }
      case "DeferredCompleted": {
        if (!entry.inside) this.completeDeferred(entry.name, entry.exit)
        return
      }
      case "ChildFinished": {
        const child = this.children.get(entry.child)
        if (child === undefined || child.exit !== undefined) return
        child.exit = entry.exit
        for (const resume of child.waiters.splice(0)) resume(Handover.copyOf(entry.exit))
        return
      }
      case "PauseRequested":
        this.paused = true
        return
      case "RunResumed":
        if (entry.by !== undefined) this.paused = false
        return
    }
  }

  /** Counts an answer; true when it decides the question. */
  answer(
    { _tag, blobs: _blobs, epoch: _epoch, key, open: _open, seq: _seq, ...given }: EntryOf<"ApprovalAnswered">
  ): boolean {
    const approval = this.approvals.get(key)
    if (approval === undefined || approval.result !== undefined) return false
    approval.given.push(given)
    const { by, decision, status } = ApprovalRule.standing(approval.entry, approval.given)
    if (status === "open") return false
    approval.result = status === "granted"
      ? { _tag: "Approved", by, choice: decision?.choice, edit: decision?.edit, note: decision?.note }
      : status === "denied"
      ? { _tag: "Denied", by: given.by, note: given.note, timedOut: given.decision === "timeout" }
      : { _tag: "TimedOut" }
    approval.waiter?.(approval.result)
    return true
  }

  /** Forgets every waiter, so that dropped fibers are held by nothing. */
  letGo(): void {
    this.steps.clear()
    this.open.clear()
    this.timers.clear()
    this.approvals.clear()
    this.children.clear()
    this.signals.clear()
    this.deferredWaiters.clear()
  }

  private signal(name: string): SignalState {
    let signal = this.signals.get(name)
    if (signal === undefined) this.signals.set(name, signal = { buffer: [], waiters: [] })
    return signal
  }

  private finishStep(key: string, outcome: StepOutcome): void {
    const step = this.steps.get(key)
    if (step === undefined) return
    this.setPhase(step, "delivered")
    step.delivered = outcome
    const { waiters } = step
    step.waiters = none
    // A numbered key is asked for once, so its outcome need not be kept.
    const once = step.definition !== undefined && step.definition.key === undefined && !step.definition.nested
    if (once) this.steps.delete(key)
    for (const resume of waiters) resume(once ? outcome : copied(outcome))
  }

  /** The bodies that waited are at work again, all of them for all that is known: a death of their process is theirs. */
  private wentOn(): void {
    for (const key of this.resting) {
      this.inFlight.add(key)
      const step = this.steps.get(key)
      if (step !== undefined) step.released = false
    }
    this.resting.clear()
  }

  /** Steps that another run had in flight begin here as if nobody had; the time and pauses of that run do not count. */
  private forked({ at, from, seed }: EntryOf<"RunForked">): void {
    this.forkedAt = at
    this.ancestors.add(from).add(seed)
    this.activeMs = 0
    this.parkedFailure = false
    for (const state of this.open) {
      state.released = true
      state.notStarted = false
    }
  }

  /** Takes in a journal: what it holds, without delivering any of it. */
  static load(history: ReadonlyArray<Entry>): RunRecords {
    const records = new RunRecords()
    for (const entry of history) records.take(entry)
    return records
  }

  /** Takes in the next entry of a journal, without delivering it. */
  take(entry: Entry): void {
    this.loaded++
    // Time counts as active while a step of the same owner was in flight.
    if (this.before?.epoch !== entry.epoch) this.resting.clear()
    else if (this.inFlight.size > 0) this.activeMs += Math.max(0, entry.at - this.before.at)
    this.before = entry
    if (entry._tag === "StepRequested") this.inFlight.add(entry.key)
    else if (entry._tag === "StepCompleted" || entry._tag === "StepFailed") {
      this.inFlight.delete(entry.key)
      this.resting.delete(entry.key)
    } else if (entry._tag === "RunSuspended") {
      for (const key of this.inFlight) this.resting.add(key)
      this.inFlight.clear()
      this.parkedFailure = entry.waits.some((wait) => wait.key === "failure" && wait.reason === "operator")
      for (const state of this.open) {
        const exhausted = entry.waits.some((wait) => wait.reason === "recovery" && wait.key === state.key)
        if (!exhausted && state.entry.onCrash !== "ask") state.released = true
      }
    }
    const step = "key" in entry ? this.steps.get(entry.key) : undefined
    switch (entry._tag) {
      case "StepRequested": {
        const state = step ?? this.addStep(entry, undefined)
        state.entry = entry
        state.retryAt = undefined
        state.probeFailure = undefined
        state.released = false
        state.letGo = false
        state.notStarted = this.pausedInJournal
        if (entry.event !== undefined) this.takenEvents.add(entry.event.id)
        break
      }
      case "StepCompleted": {
        if (step !== undefined) this.open.delete(step)
        break
      }
      case "StepFailed": {
        if (step === undefined) break
        if (entry.retryAt !== undefined) {
          step.retryAt = entry.retryAt
          step.failures = added(step.failures, { at: entry.at, cause: entry.cause })
          break
        }
        if (entry.parked === true) this.parked.push(entry)
        this.open.delete(step)
        break
      }
      case "ProbeFailed":
        if (step !== undefined) step.probeFailure = entry.cause
        break
      case "BodyLetGo":
        if (step !== undefined) step.letGo = true
        break
      case "StepReleased":
        if (step !== undefined) step.released = true
        break
      case "Note":
        if (!NoteKinds.isOwn(entry.kind)) this.notes.push(entry)
        break
      case "PauseRequested":
        this.pausedInJournal = true
        break
      case "RunRequested":
        if (entry.seed !== undefined) this.ancestors.add(entry.seed)
        break
      case "RunForked":
        this.forked(entry)
        this.inFlight.clear()
        this.resting.clear()
        this.pausedInJournal = false
        break
      case "RunResumed":
      case "StopRequested": {
        if (entry._tag === "RunResumed" && entry.by === undefined) {
          this.wentOn()
          break
        }
        if (this.parkedFailure && entry._tag === "StopRequested") {
          this.stop = entry
          this.skipped.add(entry.seq)
        }
        this.revived ||= this.parkedFailure
        this.parkedFailure = false
        for (const failure of this.parked.splice(0)) {
          this.skipped.add(failure.seq)
          const reopened = this.steps.get(failure.key)
          if (reopened === undefined) continue
          reopened.released = true
          this.open.add(reopened)
        }
        this.pausedInJournal = false
        if (entry._tag === "RunResumed") { for (const state of this.steps.values()) state.notStarted = false }
        break
      }
      case "TimerSet":
        this.addTimer(entry).asked = false
        break
      case "ApprovalRequested":
        this.addApproval(entry).asked = false
        break
      case "ChildStarted":
        this.addChild(entry).asked = false
        break
      case "SignalReceived":
        this.signalIds.add(entry.id)
        break
      default:
        this.recordAct(entry)
    }
  }
}

/** An outcome for one of several who ask for it. */
export const copied = (outcome: StepOutcome): StepOutcome =>
  outcome._tag === "Parked"
    ? { ...outcome, cause: StoredJson.copy(outcome.cause) }
    : { ...outcome, exit: Handover.copyOf(outcome.exit) }

/** The policy of a step as it stands after its recorded failures. */
export const policyOf = (
  step: StepState
): Effect.Effect<(now: number, cause: unknown) => Effect.Effect<number | undefined>> =>
  Effect.suspend(() => {
    const next = step.definition!.retry!()
    return Effect.as(
      Effect.forEach(step.failures, (failure) => next(failure.at, StoredJson.copy(failure.cause)), { discard: true }),
      next
    )
  })

/** What most steps have of most things. A long run has thousands of steps at once, so they share it. */
const none: ReadonlyArray<never> = []

/** The list with the item behind it. */
export const added = <A>(list: ReadonlyArray<A>, item: A): ReadonlyArray<A> =>
  list.length === 0 ? [item] : [...list, item]

/** The list without the item. */
export const without = <A>(list: ReadonlyArray<A>, item: A): ReadonlyArray<A> => {
  const index = list.indexOf(item)
  return index < 0 ? list : list.length === 1 ? none : list.toSpliced(index, 1)
}

export const remove = <A>(list: Array<A>, item: A): void => {
  const index = list.indexOf(item)
  if (index >= 0) list.splice(index, 1)
}
