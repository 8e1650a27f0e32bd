/**
 * What the code of a run waits for, other than steps: timers, signals,
 * deferreds, clocks.
 */
import * as DurableTime from "@fermata/core/DurableTime"
import * as EntryRole from "@fermata/core/EntryRole"
import * as ExitJson from "@fermata/core/ExitJson"
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type * as Spent from "@fermata/core/Spent"
import * as StoredJson from "@fermata/core/StoredJson"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { BodyWorld } from "../BodyServices.ts"
import * as Handover from "../Handover.ts"
import type { Signal } from "../SignalDeclaration.ts"
import * as Answer from "./Answer.ts"
import * as Pass from "./Pass.ts"
import * as Phase from "./Phase.ts"
import type { RunCore } from "./RunCore.ts"
import type { ShortBudget, WaitPort } from "./RunPort.ts"

export class Waits implements WaitPort, BodyWorld {
  private readonly run: RunCore

  constructor(run: RunCore) {
    this.run = run
  }

  get id(): string {
    return this.run.row.id
  }

  get sampled(): boolean {
    return this.run.traced.sampled
  }

  get replaying(): boolean {
    return this.run.phase === Phase.replaying
  }

  get seed(): string {
    return this.run.seed
  }

  get now(): number {
    return this.run.time
  }

  /** A sleep of a finite time. */
  askTimer(millis: number): Effect.Effect<void> {
    return this.run.ask((resume, refuse) => {
      const { alarms, ledger, pass, phase } = this.run
      const timer = ++pass.timerCount
      let entry = ledger.timers.get(timer)
      if (entry === undefined) {
        const dueAt = DurableTime.after(this.run.from, millis)
        if (DurableTime.isTooLate(dueAt)) return refuse(tooLate(this.run, "A sleep or timeout", millis))
        const verdict = Answer.unrecorded(this.run.replayer, `timer ${timer}`, `timer ${timer}`)
        if (verdict !== "new") return this.run.diverge(verdict)
        entry = this.run.append({ _tag: "TimerSet", timer, dueAt }) as JournalEntry.EntryOf<"TimerSet">
      }
      const asked: Pass.AskedTimer = { entry, waiter: () => resume(undefined) }
      pass.timers.set(timer, asked)
      if (phase.isLive) alarms.arm(`timer:${timer}`, entry.dueAt, { _tag: "Timer", timer })
      return () => {
        asked.waiter = undefined
        if (this.run.phase.isLive) {
          pass.timers.delete(timer)
          ledger.timers.delete(timer)
        }
        alarms.disarm(`timer:${timer}`)
      }
    })
  }

  /** A sleep without an end: nothing is recorded, for nothing will come of it. */
  askNever(): Effect.Effect<never> {
    return this.run.ask(() => {
      this.run.pass.endless++
      return () => void this.run.pass.endless--
    })
  }

  signal(name: string): Effect.Effect<JournalEntry.EntryOf<"SignalReceived">> {
    return this.run.ask((resume) => Pass.takeSignal(this.run.pass, name, resume))
  }

  poll(name: string): Effect.Effect<JournalEntry.EntryOf<"SignalReceived"> | undefined> {
    return this.run.ask((resume) => resume(Pass.pollSignal(this.run.pass, name)))
  }

  budget(limit: Spent.Amount, { day, detail, until }: ShortBudget): Effect.Effect<void> {
    return this.run.ask((resume) => {
      const { budgets } = this.run.pass
      const key = limit.micros === undefined && limit.tokens !== undefined ? "tokens" : "money"
      const asked = { key, detail, until, day, resume: () => resume(undefined) }
      budgets.push(asked)
      return () => Pass.remove(budgets, asked)
    })
  }

  nextOrEnd(name: string): Effect.Effect<JournalEntry.EntryOf<"SignalReceived"> | undefined> {
    return this.run.ask((resume) => Pass.signalOrEnd(this.run.pass, name, resume))
  }

  declare(signal: Signal<Schema.Top>): void {
    this.run.registration.declare(signal)
  }

  deferred(name: string, park: boolean): Effect.Effect<JournalEntry.ExitJson | undefined> {
    return this.run.ask((resume) => {
      const { ledger, pass, replayer } = this.run
      const exit = pass.deferreds.get(name)
      if (exit !== undefined) return resume(Handover.copyOf(exit))
      if (park) return Pass.awaitDeferred(pass, name, resume)
      // The branches of a race that asked for nothing before it was won need not run again.
      const recorded = isRace(name) ? Answer.completion(ledger, name) : undefined
      if (recorded === undefined || replayer.isBehind(recorded.seq)) return resume(undefined)
      this.complete(name, recorded.exit)
      resume(Handover.copyOf(recorded.exit))
    })
  }

  /**
   * The first completion wins, and it is the recorded one, whatever the code
   * comes to on a replay. The code that ran a race has its outcome in hand, so
   * one that differs is where code and journal part.
   */
  complete(name: string, exit: JournalEntry.ExitJson): void {
    const { ledger, loop, pass, phase, replayer } = this.run
    if (phase.isGone || pass.deferreds.has(name)) return
    const recorded = Answer.completion(ledger, name)
    if (recorded === undefined) {
      const verdict = Answer.unrecorded(replayer, name, `the completion of "${name}"`)
      if (verdict !== "new") return this.run.diverge(verdict)
      this.run.append({ _tag: "DeferredCompleted", name, exit, inside: true })
    } else {
      pass.acted.add(EntryRole.acts.deferred(name))
      const [was, now] = [Handover.plain(recorded.exit), Handover.plain(exit)]
      if (isRace(name) && !replayer.same(comparable(was), comparable(now))) {
        const detail = `entry ${recorded.seq} recorded ${
          StoredJson.show(was)
        } as the outcome of "${name}", and the code comes to ${StoredJson.show(now)}`
        return this.run.diverge({ key: name, detail })
      }
    }
    Pass.completeDeferred(pass, name, recorded?.exit ?? exit)
    loop.wake()
  }

  startClock(name: string, millis: number): Error | undefined {
    const { alarms, ledger, loop, pass, phase, replayer } = this.run
    if (phase.isGone || pass.clocks.has(name)) return undefined
    const dueAt = DurableTime.after(this.run.from, millis)
    const recorded = ledger.timers.get(pass.timerCount + 1)
    if (recorded === undefined && DurableTime.isTooLate(dueAt)) return tooLate(this.run, `The clock "${name}"`, millis)
    pass.clocks.add(name)
    if (dueAt === Infinity) {
      pass.endlessClocks.add(name)
      return undefined
    }
    const timer = ++pass.timerCount
    if (recorded === undefined) {
      const verdict = Answer.unrecorded(replayer, name, `timer ${timer} ("${name}")`)
      if (verdict !== "new") return void this.run.diverge(verdict)
    }
    const entry = recorded ??
      this.run.append({ _tag: "TimerSet", timer, dueAt, label: name }) as JournalEntry.EntryOf<"TimerSet">
    pass.timers.set(timer, { entry, waiter: () => Pass.completeDeferred(pass, name, { _tag: "Success" }) })
    if (phase.isLive) alarms.arm(`timer:${timer}`, entry.dueAt, { _tag: "Timer", timer })
    loop.wake()
    return undefined
  }
}

/** A time that a run cannot wait for. */
export const tooLate = ({ row }: Pick<RunCore, "row">, what: string, millis: number): Error =>
  new DurableTime.TimeTooLate(`${what} in run ${row.id} of workflow "${row.workflow}"`, millis)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Of `DurableDeferred.raceAll`, which looks for its outcome before it runs its branches. */
const isRace = (deferred: string) => deferred.startsWith("raceAll/")

/** An exit without what two throws of one error may differ in. */
const comparable = (exit: JournalEntry.ExitJson): unknown =>
  exit._tag === "Success" ?
    exit :
    ExitJson.causeFromJson(exit.cause, true).reasons.map((reason) =>
      reason._tag === "Fail" ? [reason.error] : reason._tag === "Die" ? FailureText.ofCause([reason]) : null
    )
