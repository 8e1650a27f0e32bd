/**
 * What a workflow asks of its run. Each request is compared with the journal
 * while the run is replayed, and is written to it afterwards.
 */
import * as DurableTime from "@fermata/core/DurableTime"
import * as EntryRole from "@fermata/core/EntryRole"
import * as ExitJson from "@fermata/core/ExitJson"
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as SameJson from "@fermata/core/SameJson"
import * as StoredJson from "@fermata/core/StoredJson"
import { isOfRun } from "@fermata/core/Suspension"
import { readWaits, type Wait } from "@fermata/core/Wait"
import * as WellFormed from "@fermata/core/WellFormed"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { OutboxRow, RunRow } from "../Backend.ts"
import * as ChildRecords from "./ChildRecords.ts"
import * as EntryKinds from "./EntryKinds.ts"
import { sameButForId } from "./ForkedText.ts"
import * as Handover from "./Handover.ts"
import * as Leaving from "./Leaving.ts"
import * as NoteKinds from "./NoteKinds.ts"
import * as Questions from "./Questions.ts"
import type { ApprovalQuestion, ApprovalResult, ChildQuestion, StepDefinition, StepOutcome } from "./run/Ask.ts"
import type { ReadyItem } from "./run/Happening.ts"
import * as Ledger from "./run/Ledger.ts"
import * as Pass from "./run/Pass.ts"
import type { ExecutorHost, Registration } from "./run/RunHost.ts"
import { RunBase } from "./RunBase.ts"
import * as StepKeys from "./StepKeys.ts"

type Entry = JournalEntry.JournalEntry
type Resume<A> = (value: A) => void

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

export abstract class RunRequests extends RunBase {
  protected history: ReadonlyArray<Entry>
  /** Index of the recorded entry that comes next. */
  protected cursor = 0
  /** Index of the last recorded delivery; -1 for none. */
  protected lastDelivery: number
  /** Where the code and the journal part. */
  protected problem: { readonly key: string; readonly detail: string } | undefined
  /** Notes of the code that the journal has and this pass has not made; there once the code has made one. */
  private notes: Array<Entry> | undefined

  constructor(host: ExecutorHost, registration: Registration, row: RunRow, history: ReadonlyArray<Entry>) {
    super(host, registration, row, history)
    this.history = history
    this.lastDelivery = history.findLastIndex((entry) => Ledger.roleOf(this.ledger, entry) === "delivery")
    if (this.ledger.ancestors.size > 0) this.sameText = sameButForId(row.id, this.ledger.ancestors)
    this.pass.held = heldBy(row, this.ledger.parkedFailure)
    if (this.pass.held !== undefined) this.cursor = history.length
  }

  private readonly sameText: SameJson.SameText | undefined

  /** Whether the code asks for what is recorded. Of what a fork shares, its own id stands for that of the run it was. */
  private same(recorded: unknown, asked: unknown, json: unknown = StoredJson.read(asked)): boolean {
    if (
      recorded instanceof StoredJson.StoredJson && asked instanceof StoredJson.StoredJson &&
      recorded.text === asked.text
    ) return true
    return SameJson.same(StoredJson.read(recorded), json, this.sameText)
  }

  /** Nobody waits for the step any more. */
  protected abstract abandon(step: Pass.AskedStep): void
  /** A step is asked for that this pass has abandoned, or that an earlier owner had in flight. */
  protected abstract askAgain(step: Pass.AskedStep): void

  /**
   * Whether the journal is known, before the step is asked for, to hold the
   * request with this input. Then its text is not made again. Where this is
   * false, the input is handed over first, and one that is refused takes no number.
   */
  isRecorded(name: string, key: string | undefined, input: Handover.Input): boolean {
    if (this.live) return false
    const record = StepKeys.foreseen(this.pass, name, key)
    return record !== undefined && !this.pass.steps.has(record.key) &&
      input.find(record, key === undefined ? StepKeys.next(this.pass, name) : 0)
  }

  askStep(definition: StepDefinition): Effect.Effect<StepOutcome> {
    return this.ask((resume, refuse) => {
      const { ledger, pass } = this
      const key = StepKeys.keyOf(pass, definition)
      const record = ledger.steps.get(key)
      let step = pass.steps.get(key)
      let input: StoredJson.StoredJson | null = null
      let same = record !== undefined && definition.input?.recordedBy === record
      if (!same) {
        const handed = definition.input?.handed
        if (handed !== undefined && Result.isFailure(handed)) return refuse(handed.failure)
        const stored = handed?.success.stored
        if (stored !== undefined && stored.text !== "null") input = stored
        same = record !== undefined && this.same(record.input, input, input === null ? null : handed?.success.json)
      }
      if (step !== undefined) {
        if (!same) {
          const conflict = Cause.die(new StepKeyConflict(this.row.id, key))
          return resume({ _tag: "Done", key, exit: { _tag: "Failure", cause: ExitJson.causeToJson(conflict) } })
        }
      } else if (record !== undefined) {
        const recorded = record.entry
        if (recorded.name !== definition.name || !same) {
          return this.diverge(
            key,
            recorded.name !== definition.name
              ? `entry ${recorded.seq} has step "${recorded.name}" under the key "${key}", and the code asks for "${definition.name}"`
              : `entry ${recorded.seq} requested step "${key}" with input ${
                StoredJson.show(record.input)
              }, and the code asks with ${StoredJson.show(input)}`
          )
        }
        step = Pass.addStep(pass, record, definition)
        if (record.outcome !== undefined && this.isPast(record.outcome)) {
          step.phase = "delivered"
          step.delivered = Pass.outcomeOf(record.outcome)
        }
      } else {
        if (ledger.stepCount >= this.registration.limits.maxSteps && !this.stopping) {
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
        this.append({
          _tag: "StepRequested",
          key,
          name: definition.name,
          attempt: 1,
          onCrash: definition.onCrash,
          ...(input === null ? {} : { input }),
          ...(definition.onCrash === "rerun-keyed" ? { idempotencyKey: idempotencyKey(this.row.id, key) } : {}),
          ...(definition.nested ? { nested: true } : {}),
          ...(definition.label === undefined ? {} : { label: definition.label })
        })
        step = Pass.addStep(pass, ledger.steps.get(key)!, definition)
        Pass.setPhase(pass, step, "queued")
        this.toStart.push(key)
      }
      const asked = step
      if (asked.delivered !== undefined) return resume(Pass.copied(asked.delivered))
      asked.waiters = Pass.added(asked.waiters, resume)
      if (asked.phase === "abandoned" || (this.live && asked.phase === "recorded")) this.askAgain(asked)
      return () => {
        asked.waiters = Pass.without(asked.waiters, resume)
        if (asked.waiters.length === 0 && asked.delivered === undefined) this.abandon(asked)
      }
    })
  }

  /** A recorded outcome that the code cannot read any more. Live it is a defect of the code, which this leaves to the asker. */
  unreadable(key: string, problem: string, what = `outcome of step "${key}"`): Effect.Effect<void> {
    return this.ask((resume) => {
      if (this.live) return resume(undefined)
      this.diverge(key, `the recorded ${what} does not fit its schema: ${problem}`)
    })
  }

  /**
   * Whether the run takes the way of a patch: true where it comes for the first
   * time now, or where the journal says that it has; false where it has gone on
   * without.
   */
  askPatch(id: string): Effect.Effect<boolean> {
    return this.ask((resume) => {
      const key = EntryRole.acts.patch(id)
      const recorded = this.ledger.acts.get(key)
      if (recorded !== undefined) return resume(!this.isBehind(recorded.seq))
      if (this.isBehind(Infinity)) return resume(false)
      this.append({ _tag: "PatchTaken", name: id })
      resume(true)
    })
  }

  /** Whether the journal holds, before this entry, what the code has yet to ask for or to be told. */
  private isBehind(seq: number): boolean {
    for (let index = this.cursor; index < this.history.length && this.history[index]!.seq < seq; index++) {
      const entry = this.history[index]!
      const role = Ledger.roleOf(this.ledger, entry)
      if (role === "delivery" || (role === "command" && !Pass.wasAsked(this.pass, entry))) return true
    }
    return false
  }

  /** Whether the code has come past the place of this entry. */
  private isPast(entry: Entry): boolean {
    const next = this.history[this.cursor]
    return next === undefined || entry.seq < next.seq
  }

  /** A sleep of a finite time. */
  askTimer(millis: number): Effect.Effect<void> {
    return this.ask((resume, refuse) => {
      const timer = ++this.pass.timerCount
      let entry = this.ledger.timers.get(timer)
      if (entry === undefined) {
        const dueAt = DurableTime.after(this.from, millis)
        if (DurableTime.isTooLate(dueAt)) return refuse(this.tooLate("A sleep or timeout", millis))
        if (this.mustBeRecorded(`timer ${timer}`, `timer ${timer}`)) return
        entry = this.append({ _tag: "TimerSet", timer, dueAt }) as JournalEntry.EntryOf<"TimerSet">
      }
      const asked: Pass.AskedTimer = { entry, waiter: () => resume(undefined) }
      this.pass.timers.set(timer, asked)
      if (this.live) this.arm(`timer:${timer}`, asked.entry.dueAt, { _tag: "Timer", timer })
      return () => {
        asked.waiter = undefined
        if (this.live) {
          this.pass.timers.delete(timer)
          this.ledger.timers.delete(timer)
        }
        this.disarm(`timer:${timer}`)
      }
    })
  }

  /** A sleep without an end: nothing is recorded, for nothing will come of it. */
  askNever(): Effect.Effect<never> {
    return this.ask(() => {
      this.pass.endless++
      return () => void this.pass.endless--
    })
  }

  /** Nothing goes on by itself. What waits for nothing that the engine knows of counts as never going on a minute later. */
  protected rests(waits: ReadonlyArray<Wait>): void {
    if (waits.length > 0) this.disarm("still")
    else if (!this.armed.has("still")) this.arm("still", this.host.now() + stillMs, { _tag: "Still" })
  }

  private tooLate(what: string, millis: number): Error {
    return new DurableTime.TimeTooLate(`${what} in run ${this.row.id} of workflow "${this.row.workflow}"`, millis)
  }

  askSignal(name: string): Effect.Effect<JournalEntry.EntryOf<"SignalReceived">> {
    return this.ask((resume) => Pass.takeSignal(this.pass, name, resume))
  }

  /** The exit of a deferred: at once when it is there, else, when `park`, once it is delivered. */
  askDeferred(name: string, park: boolean): Effect.Effect<JournalEntry.ExitJson | undefined> {
    return this.ask((resume) => {
      const exit = this.pass.deferreds.get(name)
      if (exit !== undefined) return resume(Handover.copyOf(exit))
      if (park) return Pass.awaitDeferred(this.pass, name, resume)
      // The branches of a race that asked for nothing before it was won need not run again.
      const recorded = isRace(name) ? this.recordedCompletion(name) : undefined
      if (recorded === undefined || this.isBehind(recorded.seq)) return resume(undefined)
      this.completeDeferred(name, recorded.exit)
      resume(Handover.copyOf(recorded.exit))
    })
  }

  private recordedCompletion(name: string): JournalEntry.EntryOf<"DeferredCompleted"> | undefined {
    const entry = this.ledger.acts.get(EntryRole.acts.deferred(name))
    return entry?._tag === "DeferredCompleted" ? entry : undefined
  }

  /** A deferred of the run that a durable timer completes. Answers what is wrong, if something is. */
  startClock(name: string, millis: number): Error | undefined {
    if (this.stopped || this.pass.clocks.has(name)) return undefined
    const dueAt = DurableTime.after(this.from, millis)
    const recorded = this.ledger.timers.get(this.pass.timerCount + 1)
    if (recorded === undefined && DurableTime.isTooLate(dueAt)) return this.tooLate(`The clock "${name}"`, millis)
    this.pass.clocks.add(name)
    if (dueAt === Infinity) {
      this.pass.endlessClocks.add(name)
      return undefined
    }
    const timer = ++this.pass.timerCount
    if (recorded === undefined && this.mustBeRecorded(`timer ${timer} ("${name}")`, name)) return undefined
    const entry = recorded ??
      this.append({ _tag: "TimerSet", timer, dueAt, label: name }) as JournalEntry.EntryOf<"TimerSet">
    const waiter = () => Pass.completeDeferred(this.pass, name, { _tag: "Success" })
    this.pass.timers.set(timer, { entry, waiter })
    if (this.live) this.arm(`timer:${timer}`, entry.dueAt, { _tag: "Timer", timer })
    this.wake()
    return undefined
  }

  /** A wait inside the body of a step: while it lasts, the step does not keep the run awake. */
  inStep<A>(key: string, wait: Wait, effect: Effect.Effect<A>): Effect.Effect<A> {
    const change = (act: (waits: ReadonlyArray<Wait>) => ReadonlyArray<Wait>) =>
      Effect.sync(() => {
        const step = this.pass.steps.get(key)
        if (step === undefined) return
        step.bodyWaits = act(step.bodyWaits)
        this.wake()
      })
    return Effect.acquireUseRelease(
      change((waits) => Pass.added(waits, wait)),
      () => effect,
      (_, exit) =>
        Effect.andThen(
          change((waits) => Pass.without(waits, wait)),
          // Cut off by the body itself, as by a timeout, and not by its end.
          Exit.isFailure(exit) ? Effect.sync(() => this.wake()) : Effect.void
        )
    )
  }

  /**
   * The workflow completes one of its own deferreds. The first completion wins,
   * and it is the recorded one, whatever the code comes to on a replay. The
   * code that ran a race has its outcome in hand, so one that differs is where
   * code and journal part.
   */
  completeDeferred(name: string, exit: JournalEntry.ExitJson): void {
    if (this.stopped || this.pass.deferreds.has(name)) return
    const recorded = this.recordedCompletion(name)
    if (recorded === undefined) {
      if (this.mustBeRecorded(`the completion of "${name}"`, name)) return
      this.append({ _tag: "DeferredCompleted", name, exit, inside: true })
    } else {
      this.pass.acted.add(EntryRole.acts.deferred(name))
      const [was, now] = [Handover.plain(recorded.exit), Handover.plain(exit)]
      if (isRace(name) && !this.same(comparable(was), comparable(now))) {
        this.diverge(
          name,
          `entry ${recorded.seq} recorded ${StoredJson.show(was)} as the outcome of "${name}", and the code comes to ${
            StoredJson.show(now)
          }`
        )
        return
      }
    }
    Pass.completeDeferred(this.pass, name, recorded?.exit ?? exit)
    this.wake()
  }

  askApproval(question: ApprovalQuestion): Effect.Effect<ApprovalResult> {
    return this.ask((resume, refuse) => {
      const key = question.key ?? StepKeys.approvalKeyOf(this.pass, question.name)
      let record = this.ledger.approvals.get(key)
      let asked = this.pass.approvals.get(key)
      if (record === undefined) {
        const deadline = DurableTime.after(this.from, question.deadlineMs ?? Infinity)
        if (DurableTime.isTooLate(deadline)) {
          return refuse(this.tooLate(`The deadline of approval "${key}"`, question.deadlineMs!))
        }
        if (this.mustBeRecorded(`approval "${key}"`, key)) return
        const entry = this.append({
          _tag: "ApprovalRequested",
          key,
          prompt: question.prompt,
          approvers: question.approvers,
          choices: question.choices,
          quorum: question.quorum,
          ...(question.of === undefined ? {} : { of: question.of }),
          editable: question.editable,
          onTimeout: question.onTimeout,
          ...(question.args === undefined ? {} : { args: question.args }),
          hash: question.hash,
          ...(question.preventSelfApproval && this.by !== undefined ? { requester: this.by } : {}),
          ...(question.editable && question.schema !== undefined ? { schema: question.schema() } : {}),
          ...(deadline === Infinity ? {} : { deadline })
        }) as JournalEntry.EntryOf<"ApprovalRequested">
        record = this.ledger.approvals.get(key)!
        this.approvalsOpened.push(Questions.rowOf(this.row, entry))
      } else if (asked?.waiter === undefined && !this.same(record.entry.prompt, question.prompt)) {
        return this.diverge(
          key,
          `entry ${record.entry.seq} asked "${record.entry.prompt}", and the code asks "${question.prompt}"`
        )
      } else if (asked?.waiter === undefined && !this.same(record.entry.args, question.args)) {
        return this.diverge(
          key,
          `entry ${record.entry.seq} asked about ${StoredJson.show(record.entry.args)}, and the code asks about ${
            StoredJson.show(question.args)
          }`
        )
      }
      if (asked === undefined) {
        this.pass.approvals.set(key, asked = { record, waiter: undefined, result: undefined, problemOf: undefined })
      }
      const approval = asked
      approval.problemOf = question.problemOf
      if (approval.result !== undefined) return resume(approval.result)
      approval.waiter = resume
      if (this.live && record.entry.deadline !== undefined) {
        this.arm(`approval:${key}`, record.entry.deadline, { _tag: "Deadline", key })
      }
      return () => {
        approval.waiter = undefined
        this.disarm(`approval:${key}`)
        this.ownAnswers.forget(key)
        if (approval.result === undefined && !this.stopped) this.approvalsClosed.push(key)
      }
    })
  }

  protected acceptDeadline(key: string): void {
    const approval = this.pass.approvals.get(key)
    if (approval?.waiter !== undefined && approval.result === undefined) {
      this.ownAnswers.passed(key, approval.record.entry.deadline!)
    }
  }

  /** The answers of people and that of the deadline have one order, which the store has: what decided comes through the inbox. */
  protected acceptExpired({ key, outcome }: Extract<ReadyItem, { readonly _tag: "Expired" }>): void {
    this.ownAnswers.forget(key)
    const approval = this.pass.approvals.get(key)
    if (approval?.waiter === undefined || approval.result !== undefined) return
    if (outcome._tag === "Unknown") {
      // There is no question in the store that somebody could answer, so nobody has.
      return this.deliver(
        this.append({ _tag: "ApprovalAnswered", id: `deadline:${key}`, key, decision: "timeout", by: "deadline" })
      )
    }
    if (outcome._tag === "Refused" && outcome.reason === "early") {
      return this.arm(`approval:${key}`, approval.record.entry.deadline!, { _tag: "Deadline", key })
    }
    this.host.handOutSoon()
  }

  /** Starts a child, or joins it; with `wait`, answers with its exit. */
  askChild(
    child: ChildQuestion,
    wait: boolean
  ): Effect.Effect<JournalEntry.ExitJson | undefined> {
    return this.ask((resume) => {
      let state = this.pass.children.get(child.id)
      const recorded = this.ledger.children.get(child.id)?.entry
      if (recorded === undefined) {
        if (this.mustBeRecorded(`child run ${child.id} of workflow "${child.workflow}"`, child.id)) return
        const entry = this.append({
          _tag: "ChildStarted",
          child: child.id,
          workflow: child.workflow,
          version: child.version,
          payload: child.payload,
          linked: child.linked
        }) as JournalEntry.EntryOf<"ChildStarted">
        this.pass.children.set(child.id, state = ChildRecords.make(entry))
        this.outbox.push(child.start)
      } else if (state === undefined && !this.same(recorded.payload, child.payload)) {
        return this.diverge(
          child.id,
          `entry ${recorded.seq} started child ${child.id} with ${
            StoredJson.show(recorded.payload)
          }, and the code starts it with ${StoredJson.show(child.payload)}`
        )
      }
      if (state === undefined) this.pass.children.set(child.id, state = ChildRecords.make(recorded!))
      const asked = state
      if (asked.exit === undefined && ChildRecords.askAgain(asked, child.linked)) {
        this.send({ ...child.start, id: Leaving.numbered(child.start.id, asked.times) })
      }
      if (!wait) return resume(undefined)
      if (asked.exit !== undefined) return resume(Handover.copyOf(asked.exit))
      asked.waiters.push(resume)
      return () => Pass.remove(asked.waiters, resume)
    })
  }

  /** The run is told to stop, and no longer waits for this child. It is left to those who still want it. */
  leaveChild(id: string): void {
    const child = this.pass.children.get(id)
    if (child !== undefined && ChildRecords.leave(child)) this.send(Leaving.message(this.leaver, id, child.times))
  }

  /** Records what the workflow did at once: a state change, an emitted event, a note. `isSame` tells whether what is recorded is that. */
  act(
    key: string,
    what: string,
    body: JournalEntry.EntryBody,
    outbox?: OutboxRow,
    isSame?: (recorded: Entry) => boolean
  ): void {
    if (this.stopped) return
    const recorded = this.ledger.acts.get(key)
    if (recorded !== undefined) {
      const before = EntryKinds.bodyJson(recorded)
      const after = Handover.plain(body)
      if (!this.same(before, after) && isSame?.(recorded) !== true) {
        this.diverge(
          key,
          `entry ${recorded.seq} recorded ${StoredJson.show(before)}, and the code does ${StoredJson.show(after)}`
        )
        return
      }
      this.pass.acted.add(key)
      return
    }
    if (this.mustBeRecorded(what, key)) return
    this.append(body)
    if (outbox !== undefined) this.outbox.push(outbox)
    this.wake()
  }

  /**
   * A note of the code, for people. Nothing comes of it. The body makes it again
   * at every replay, where it is passed over if the journal has it, or goes on
   * behind this place without it; a step makes it as often as it is tried.
   */
  note(kind: string, text: string, data: StoredJson.StoredJson | null | undefined, isStep: boolean): void {
    if (this.stopped || (!isStep && !this.live && (this.claimNote(kind, text) || this.isBehind(Infinity)))) {
      return
    }
    this.append({ _tag: "Note", kind, text, ...(data === undefined ? {} : { data }) })
  }

  /** Whether the journal has such a note that this pass has not made. */
  private claimNote(kind: string, text: string): boolean {
    this.notes ??= this.history.filter((entry) => entry._tag === "Note" && !NoteKinds.isOwn(entry.kind))
    const index = this.notes.findIndex((note) => note._tag === "Note" && note.kind === kind && note.text === text)
    if (index >= 0) this.notes.splice(index, 1)
    return index >= 0
  }

  /**
   * The code has failed, and what it did is about to be undone. That is recorded,
   * so that a replay which fails where the run did not undoes nothing.
   */
  unwind(): Effect.Effect<void> {
    return this.ask((resume) => {
      this.act(EntryRole.acts.unwind, "an end by failure", { _tag: "UnwindStarted" })
      if (this.problem === undefined) resume(undefined)
    })
  }

  protected ask<A>(
    register: (resume: Resume<A>, refuse: (defect: Error) => void) => void | (() => void)
  ): Effect.Effect<A> {
    return Effect.callback<A>((resume) => {
      if (this.stopped || this.problem !== undefined) return this.wake()
      let done = false
      const end = (effect: Effect.Effect<A>) => {
        if (done) return
        done = true
        resume(effect)
      }
      const cleanup = register((value) => end(Effect.succeed(value)), (defect) => end(Effect.die(defect)))
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

  protected mustBeRecorded(what: string, key: string): boolean {
    if (this.cursor > this.lastDelivery) return false
    const next = this.history.find((entry, index) => index >= this.cursor && EntryRole.roleOf(entry) === "delivery")
    this.diverge(
      key,
      `the code asks for ${what}, which the journal does not hold, while entry ${next?.seq} (${next?._tag}${
        next !== undefined && "key" in next ? ` "${next.key}"` : ""
      }) has not been reached`
    )
    return true
  }

  protected diverge(key: string, detail: string): undefined {
    this.problem ??= { key, detail }
    this.wake()
    return undefined
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const stillMs = 60_000

/** Of `DurableDeferred.raceAll`, which looks for its outcome before it runs its branches. */
const isRace = (deferred: string) => deferred.startsWith("raceAll/")

/** An exit without what two throws of one error may differ in. */
const comparable = (exit: JournalEntry.ExitJson): unknown =>
  exit._tag === "Success" ?
    exit :
    ExitJson.causeFromJson(exit.cause, true).reasons.map((reason) =>
      reason._tag === "Fail" ? [reason.error] : reason._tag === "Die" ? FailureText.ofCause([reason]) : null
    )

/** A run that suspended on its failure, or because it never got further, only waits for an operator's word. */
const heldBy = (row: RunRow, parkedFailure: boolean): Wait | undefined => {
  if (row.status === "suspended") {
    const held = Option.getOrUndefined(readWaits(row.waits))?.find(isHolding)
    if (held !== undefined && (parkedFailure || held.reason === "recovery")) return held
  }
  return parkedFailure ? { reason: "operator", key: "failure", detail: "suspended on its failure" } : undefined
}

const isHolding = (wait: Wait) => isOfRun(wait) || (wait.reason === "operator" && wait.key === "failure")

/** The key that a step hands to the systems it calls: URL-safe, and made for every body. */
export const idempotencyKey = (runId: string, key: string) => `${urlSafe(runId)}%2F${urlSafe(key)}`

const urlSafe = (text: string) => /^[\w.~-]*$/.test(text) ? text : WellFormed.encodeUri(text)
