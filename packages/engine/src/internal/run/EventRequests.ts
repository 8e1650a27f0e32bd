/**
 * A run's waits for events.
 *
 * ```
 * asked ──▶ looks ──(fits)──▶ taken: request and outcome of the step, in one commit
 *             │  ▲
 *  (none fits)│  │(committed, or woken by an event)
 *             ▼  │
 *           waits: its row says up to where it has looked
 * ```
 *
 * What is behind a wait's position is read and judged live, beside the run's own
 * order; what fits is journaled with its place in that order. So a replay reads
 * and judges nothing. A wait looks again behind the commit that made its row, or
 * that took the message by which it was woken: whatever was committed before is
 * seen by that look, and whatever comes later finds the row and wakes the run.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { InboxRow } from "../../Backend.ts"
import type { Awaited, EventRow, EventWait } from "../../EventLog.ts"
import { SparseMap } from "../Sparse.ts"
import type { EventAnswer, EventQuestion, StepDefinition } from "./Ask.ts"
import type { Look, Waiting } from "./Happening.ts"
import * as Pass from "./Pass.ts"
import { remark, type RunCore } from "./RunCore.ts"
import type { EventPort } from "./RunPort.ts"

/** The name under which earlier builds sent events to runs, and under which people see the wait. */
export const eventSignal = (event: string): string => `event:${event}`

/** So many events are read at first, and so many at most at a time: the first of them may be the one. */
const pageSize = { first: 4, most: 256 }

const retryMs = 1_000

export class EventRequests implements EventPort {
  private readonly run: RunCore
  private readonly waiting = new SparseMap<string, Waiting>()
  /** Messages by which the run was woken, by the name of the event, until its waits have looked. */
  private readonly wakes = new SparseMap<string, InboxRow>()
  /** By what is asked for: all that fits up to here has been taken. */
  private readonly taken = new SparseMap<string, string>()

  constructor(run: RunCore) {
    this.run = run
  }

  /** Waits for an event that fits and that no wait of this run has taken, the first in the order of their commits. */
  ask(question: EventQuestion): Effect.Effect<EventAnswer> {
    return this.run.ask((resume) => {
      const { detail, event, equality, step: name } = question
      // The key is the step's once it has an outcome: one whose time is up is recorded by the code, under the same key.
      const count = Pass.countOf(this.run.pass, `step:${name}`)
      const key = count === 0 ? name : `${name}~${count + 1}`
      const recorded = this.run.ledger.steps.get(key)
      if (recorded?.entry.event !== undefined) {
        Pass.number(this.run.pass, `step:${name}`, name)
        const step = Pass.addStep(this.run.pass, recorded, definitionOf(name))
        const waiter = this.giving(resume)
        step.waiters = Pass.added(step.waiters, waiter)
        return () => void (step.waiters = Pass.without(step.waiters, waiter))
      }
      const signal = eventSignal(event)
      const wait: Waiting = {
        question,
        row: {
          run: this.run.row.id,
          key,
          event: Tenant.qualify(Tenant.of(this.run.row.id), event),
          equality
        },
        resume: (answer) => {
          forget?.()
          resume(answer)
        },
        seen: undefined,
        hasRow: !this.run.phase.isLive,
        moved: false,
        passed: !this.run.phase.isLive,
        looking: false,
        wanted: this.run.phase.isLive ? "now" : "no",
        told: false
      }
      this.waiting.set(key, wait)
      const forget: void | (() => void) = Pass.takeSignal(this.run.pass, signal, ({ payload }) => {
        this.withdraw(wait)
        resume({ _tag: "Signal", payload })
      })
      if (forget === undefined) return
      this.run.pass.details.set(signal, detail)
      return () => {
        forget()
        this.withdraw(wait)
      }
    })
  }

  /** An event has come that a wait of the run may want. */
  came(event: string, row: InboxRow): void {
    const waits = this.waitsFor(event)
    if (waits.length === 0) return this.run.batch.consume(row)
    this.wakes.set(event, row)
    for (const wait of waits) wait.wanted = "now"
  }

  /** Nobody of this process has looked since the run came into memory. */
  goLive(): void {
    for (const wait of this.waiting.values()) wait.wanted = "now"
  }

  get isLooking(): boolean {
    for (const wait of this.waiting.values()) if (wait.looking || wait.wanted !== "no") return true
    return false
  }

  /** Answers whether a wait looks for the first time: whether the run is suspended will be known then. */
  beginLooks(): boolean {
    let isFirst = false
    for (const wait of this.waiting.values()) {
      if (!wait.looking && wait.wanted === "now") {
        wait.looking = true
        wait.wanted = "no"
        this.run.host.fork(this.look(wait)).addObserver((exit) => {
          if (exit._tag === "Success" && exit.value !== undefined) this.run.push({ _tag: "Looked", look: exit.value })
        })
      }
      isFirst ||= wait.looking && wait.seen === undefined
    }
    return isFirst
  }

  /** The waits that look again when what is written now is in the store. */
  looksAfterCommit(): () => void {
    const waits = Array.from(this.waiting.values()).filter(({ wanted }) => wanted === "after commit")
    return () => {
      for (const wait of waits) if (wait.wanted === "after commit") wait.wanted = "now"
    }
  }

  accept({ found, isKnown, missed, moved, passed, upTo, wait }: Look): void {
    const { event, key } = wait.row
    const { event: name } = wait.question
    if (this.waiting.get(key) !== wait) return
    wait.looking = false
    wait.passed ||= passed
    wait.moved ||= moved
    wait.hasRow &&= wait.seen !== undefined || isKnown
    if (missed && !wait.told) {
      wait.told = true
      remark(
        this.run,
        "events-gone",
        `events "${name}" that step "${wait.question.step}" might have taken were kept for as long as events are kept, and are gone`
      )
    }
    if (found !== undefined && !this.run.ledger.takenEvents.has(found.id)) return this.take(wait, found)
    wait.seen = upTo
    if (found !== undefined) wait.wanted = "now"
    if (wait.wanted === "now") return
    if (!wait.hasRow) {
      // A run that waited under an earlier build has a row of this name.
      this.run.batch.closeWait(eventSignal(name), false)
      this.stand(wait)
    }
    this.answerWake(event)
  }

  /** The outcome of the step is this event, and so it is journaled. */
  private take(wait: Waiting, { id, payload, position }: EventRow): void {
    const { passed, question: { step: name }, row } = wait
    if (!passed) this.taken.set(subjectOf(row), position)
    this.withdraw(wait)
    const key = Pass.number(this.run.pass, `step:${name}`, name)
    this.run.append({
      _tag: "StepRequested",
      key,
      name,
      attempt: 1,
      onCrash: "rerun",
      label: "wait",
      event: { id, position }
    })
    const step = Pass.addStep(this.run.pass, this.run.ledger.steps.get(key)!, definitionOf(name))
    step.waiters = [this.giving(wait.resume)]
    this.run.tell({ _tag: "StepCompleted", key, attempt: 1, output: new StoredJson.StoredJson(payload) })
  }

  private readonly giving = (resume: (answer: EventAnswer) => void): Pass.AskedStep["waiters"][number] => (outcome) =>
    resume({
      _tag: "Taken",
      payload: outcome._tag === "Done" && outcome.exit._tag === "Success"
        ? StoredJson.read(outcome.exit.value) ?? null
        : null
    })

  /** Writes where the wait stands; it looks again once that is in the store. */
  private stand(wait: Waiting): void {
    const { row: { equality, event, key }, seen } = wait
    if (seen === undefined) return
    wait.wanted = "after commit"
    if (wait.hasRow && !wait.moved) return
    wait.hasRow = true
    wait.moved = false
    this.run.batch.openWait({ key, event, equality, position: seen })
  }

  /** All that came before the message has been looked at; what came since shows behind the commit that takes it. */
  private answerWake(event: string): void {
    const row = this.wakes.get(event)
    if (row === undefined) return
    this.wakes.delete(event)
    this.run.batch.consume(row)
    for (const wait of this.waitsFor(event)) this.stand(wait)
  }

  private withdraw(wait: Waiting): void {
    const { event, key } = wait.row
    if (this.waiting.get(key) !== wait) return
    this.waiting.delete(key)
    if (this.run.phase.isGone || !this.run.phase.isLive) return
    if (wait.hasRow) this.run.batch.closeWait(key, true)
    this.answerWake(event)
  }

  private waitsFor(event: string): ReadonlyArray<Waiting> {
    return Array.from(this.waiting.values()).filter(({ row }) => row.event === event)
  }

  private look(wait: Waiting): Effect.Effect<Look | undefined> {
    const { question: { asker, wants }, row } = wait
    const read = (after: string | null, size: number): Effect.Effect<Awaited> =>
      Effect.catch(
        this.run.host.awaited(row, after, size),
        () =>
          this.run.phase.isGone
            ? Effect.never
            : Effect.andThen(this.run.host.hostSleep(retryMs), Effect.suspend(() => read(after, size)))
      )
    const fits = (event: EventRow): Effect.Effect<boolean> =>
      Effect.catchCause(
        Effect.suspend(() => wants(JSON.parse(event.payload))),
        (cause) =>
          Effect.as(
            Effect.logWarning(`event "${event.name}" (${event.id}) cannot be judged and is passed over`, cause),
            false
          )
      )
    const judge = Effect.gen({ self: this as EventRequests }, function*() {
      let after = wait.seen ?? (wait.hasRow ? null : this.taken.get(subjectOf(row)) ?? null)
      let size = pageSize.first
      let passed = false
      let moved = false
      let missed = false
      while (!this.run.phase.isGone && this.waiting.get(row.key) === wait) {
        const page = yield* read(after, size)
        missed ||= page.missed
        moved ||= page.events.length > 0
        for (const event of page.events) {
          if (this.run.phase.isGone) return undefined
          if (this.run.ledger.takenEvents.has(event.id) || this.run.ledger.signalIds.has(eventSignal(event.id))) {
            continue
          }
          if (yield* fits(event)) {
            return { wait, found: event, upTo: event.position, passed, moved, isKnown: page.isKnown, missed }
          }
          passed = true
        }
        after = page.upTo
        if (page.events.length < size) {
          return { wait, found: undefined, upTo: after, passed, moved, isKnown: page.isKnown, missed }
        }
        size = Math.min(size * 4, pageSize.most)
      }
      return undefined
    })
    return Effect.provideContext(judge, this.run.host.stepContext(asker))
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const subjectOf = ({ equality, event }: EventWait): string =>
  `${event}\u0000${equality?.path ?? ""}\u0000${equality?.value ?? ""}`

/** A step without a body: its outcome is recorded with its request. */
const definitionOf = (name: string): StepDefinition => ({
  name,
  key: undefined,
  onCrash: "rerun",
  input: undefined,
  label: "wait",
  nested: false,
  inside: undefined,
  parkOnFailure: false,
  asker: Context.empty(),
  body: () => Effect.never,
  retry: undefined,
  problemOf: () => undefined,
  sample: () => undefined
})
