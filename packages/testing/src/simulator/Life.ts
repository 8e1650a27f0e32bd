/**
 * One simulated life of a program: its processes, the people outside, and what
 * goes wrong, until nothing is left to do. A life is a function of its
 * subject and its choices.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Choices } from "./Choices.ts"
import * as Examination from "./Examination.ts"
import { Outsiders } from "./Outsiders.ts"
import { Processes } from "./Processes.ts"
import type { Subject } from "./Subject.ts"
import type { Violation } from "./Violation.ts"
import { beginning, leaseMs, type LifeOptions, pollMs, World } from "./World.ts"

export interface LifeReport {
  readonly violations: ReadonlyArray<Violation>
  /** Per run: its status and end, and the outcomes of its steps. */
  readonly ends: Examination.Ends
  /** Writes at which something could have gone wrong. */
  readonly writes: number
  /** ms of the program's time. */
  readonly simulatedMs: number
  /** Runs, children included. */
  readonly runs: number
  /** What happened, line by line. */
  readonly history: ReadonlyArray<string>
  /** What the runs have in their journals at the end. */
  readonly journals: string
}

/** Just before `maxRunMs` ends the runs. */
const horizon = beginning + 364 * 86_400_000

export const live = (subject: Subject, choices: Choices, options: LifeOptions): Effect.Effect<LifeReport> =>
  Effect.suspend(() => new Life(subject, choices, options).live())

class Life {
  private readonly world: World
  private readonly processes: Processes
  private readonly outsiders: Outsiders
  private starting: Fiber.Fiber<unknown, unknown> | undefined
  private started = false
  private hardshipsLeft: number

  constructor(subject: Subject, choices: Choices, options: LifeOptions) {
    this.world = new World(subject, choices, options, (definition) => this.processes.describe(definition))
    this.processes = new Processes(this.world, () => this.asked())
    this.outsiders = new Outsiders(this.world, this.processes)
    this.hardshipsLeft = options.wild ? options.faults : 0
    subject.outside?.begins()
  }

  readonly live = Effect.fnUntraced(function*(this: Life) {
    let ticked = 0
    let before = ""
    let turns = 0
    // A write that failed is tried again, although the store has nothing new.
    const so = () => `${this.world.disk.store.transactions} ${this.world.witness.hardships}`
    for (; turns < this.world.options.turns && this.world.witness.violations.length === 0; turns++) {
      const early = this.world.options.wild && this.world.choices.choose("early", [85, 15]) === 1
      yield* this.world.work(
        early ? 1 + this.world.choices.choose("tasks", [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) : Infinity
      )
      if (early) yield* this.outsiders.interject()
      if ((yield* this.suffer()) || early) {
        ticked = 0
        continue
      }
      yield* this.processes.collect()
      yield* this.outsiders.surprise()
      if (this.processes.arise() || this.begin()) {
        ticked = 0
        continue
      }
      // Everybody looks at what the others have written, and failed stores are tried again.
      if (ticked < 2) {
        if (ticked === 0) before = so()
        yield* this.world.passHost(ticked === 0 ? pollMs : 1_000)
        ticked++
        continue
      }
      if (before !== so()) {
        ticked = 0
        continue
      }
      if ((yield* this.outsiders.relieve()) || (yield* this.inherit()) || this.processes.thaw() || this.sleep()) {
        ticked = 0
        continue
      }
      break
    }
    if (this.world.witness.violations.length === 0) yield* this.judge(turns === this.world.options.turns)
    this.processes.end()
    return {
      violations: this.world.witness.violations,
      ends: Examination.ends(this.world.disk.store),
      writes: this.world.disk.writes,
      simulatedMs: this.world.lanes.now - beginning,
      runs: this.world.disk.store.runs.size,
      history: this.world.history,
      journals: Examination.journals(this.world.disk.store)
    } satisfies LifeReport
  })

  /** Perhaps something bad happens; true when it did. */
  private readonly suffer = Effect.fnUntraced(function*(this: Life) {
    if (this.hardshipsLeft <= 0) return false
    const kind = this.world.choices.choose("hardship", [
      86,
      3,
      2,
      3,
      1,
      4,
      this.world.subject.durability === "normal" ? 2 : 0
    ])
    if (kind === 0) return false
    const { living } = this.processes
    const victim = living[living.length < 2 ? 0 : this.world.choices.choose("victim", living.map(() => 1))]
    if (victim === undefined) return false
    this.hardshipsLeft--
    switch (kind) {
      case 1:
        this.processes.kill(victim)
        break
      case 2:
        this.processes.pause(victim)
        break
      case 3:
        this.world.say(`${victim.name} lets its parked runs go`)
        if (victim.ready) victim.evict()
        break
      case 4:
        if (!victim.ready || this.processes.isClosing) return false
        this.world.say(`${victim.name} is told to stop`)
        this.world.witness.hardships++
        this.processes.close(victim)
        break
      case 5:
        if (living.length > 2) return false
        this.processes.spawn()
        break
      case 6: {
        for (const process of living) this.processes.kill(process)
        this.world.disk.losePower(this.world.choices.choose("lost", [1, 1, 1, 1, 1, 1, 1, 1]))
        this.started = false
        this.starting = undefined
        this.outsiders.repeat()
        break
      }
    }
    return true
  })

  /** Starts the run, again and again until that is acknowledged. */
  private begin(): boolean {
    if (this.started) return false
    const exit = this.starting?.pollUnsafe()
    if (exit !== undefined && Exit.isSuccess(exit)) {
      this.started = true
      this.starting = undefined
      return false
    }
    const process = this.processes.ready
    if (process === undefined) return false
    this.world.say(`the run is started at ${process.name}`)
    this.starting = process.fork(this.world.subject.start)
    return true
  }

  /** Time passes until the runs of dead processes are free; true when there were any. */
  private readonly inherit = Effect.fnUntraced(function*(this: Life) {
    if (!this.isOrphaned() || this.inherited === this.world.history.length) return false
    // A process that could not write gives all others the time of one more lease, each time.
    for (let leases = 0; leases < 3 + this.world.options.faults && this.isOrphaned(); leases++) {
      yield* this.world.passHost(leaseMs + leaseMs / 4)
    }
    this.inherited = this.world.history.length
    return true
  })

  /** Whether a run belongs to a process that is dead or stands still. */
  private isOrphaned(): boolean {
    const names = this.processes.moving
    return this.world.open.some(({ owner }) => owner !== null && !names.has(owner))
  }
  private inherited = -1

  /** The program's time moves to what comes next. */
  private sleep(): boolean {
    if (this.world.open.length === 0 && this.world.disk.store.outbox.size === 0) return false
    const next = this.world.lanes.nextWake
    // A run whose next time is its longest one has nobody who ends it.
    if (next === undefined || next > horizon) return false
    this.world.say(`it is ${next - beginning} ms later`)
    this.world.lanes.advance(next)
    return true
  }

  /** A process has asked for runs that are due: before it asks when the next one will be, that time may come. */
  private asked(): void {
    const { open } = this.world
    // Where code is at work or people are asked, their time would run out as well.
    if (open.some(({ owner, reason }) => owner !== null || (reason !== "timer" && reason !== "child"))) return
    const due = Math.min(...open.map(({ dueAt }) => dueAt ?? Infinity))
    if (due <= this.world.lanes.now || due > horizon || this.world.choices.choose("meanwhile", [80, 20]) === 0) return
    this.world.say(`meanwhile it is ${due - beginning} ms later`)
    this.world.lanes.advance(due)
  }

  private judge(endless: boolean) {
    return Effect.sync(() => {
      if (endless) {
        this.world.witness.find("S4", `the life does not come to its end in ${this.world.options.turns} turns`)
      }
      Examination.examine(this.world.disk.store, this.world.witness, {
        now: this.world.lanes.now,
        secrets: this.world.options.secrets,
        patient: (wait) =>
          wait.until === undefined ? this.world.subject.answer(wait, 0) === undefined : wait.until > horizon
      })
      const problems = this.world.subject.outside?.problems(Examination.lived(this.world.disk.store)) ?? []
      for (const { problem, promise } of problems) this.world.witness.find(promise, problem)
    })
  }
}
