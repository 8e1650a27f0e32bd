/**
 * One simulated life of a program: its processes, the people outside, and what
 * goes wrong, until nothing is left to do. A life is a function of its
 * subject and its choices.
 */
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import { Wait } from "@fermata/core/Wait"
import type { RunRow } from "@fermata/engine/Backend"
import { HostClock } from "@fermata/engine/HostClock"
import { byChoice } from "@fermata/engine/Pace"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type { Choices } from "./Choices.ts"
import { Disk } from "./Disk.ts"
import * as Examination from "./Examination.ts"
import { Lanes } from "./Lanes.ts"
import { People } from "./People.ts"
import { Process, type Setting } from "./Process.ts"
import type { Person, Subject } from "./Subject.ts"
import type { Violation } from "./Violation.ts"
import { Witness } from "./Witness.ts"

export interface LifeOptions {
  /** Things other than failing writes may go wrong too: kills in the middle, pauses, evictions, stops, a second process, loss of power. */
  readonly wild: boolean
  /** How many things may go wrong at writes, and how many elsewhere. */
  readonly faults: number
  readonly secrets: ReadonlyArray<string>
  /** Number of turns after which a life counts as endless. */
  readonly turns: number
}

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

const leaseMs = 10_000
const pollMs = 100
/** 2026-01-01T00:00:00Z. */
const beginning = 1_767_225_600_000
/** Just before `maxRunMs` ends the runs. */
const horizon = beginning + 364 * 86_400_000
/** Tasks until all is at rest: more than any life needs. */
const mostTasks = 200_000
const someTasks = 1_000
/** After how many operations of a turn a body gives way: as a rule not at all. */
const slices = [Infinity, 1, 2, 3, 7, 20, 60]
const sliceWeights = [82, 3, 3, 3, 3, 3, 3]

export const live = (subject: Subject, choices: Choices, options: LifeOptions): Effect.Effect<LifeReport> =>
  Effect.suspend(() => new Life(subject, choices, options).live())

const decodeWaits = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Array(Wait)))

class Life {
  private readonly history: Array<string> = []
  private readonly witness = new Witness((definition) => {
    for (const process of this.processes) {
      const description = process.describe(definition)
      if (description !== undefined) return description
    }
    return undefined
  })
  private readonly lanes: Lanes
  private readonly disk: Disk
  private readonly desk: People
  private readonly hostClock = HostClock.makeManual(beginning)
  private readonly setting: Setting
  private processes: Array<Process> = []
  private born = 0
  private starting: Fiber.Fiber<unknown, unknown> | undefined
  private started = false
  private closing: { readonly process: Process; readonly fiber: Fiber.Fiber<void> } | undefined
  /** What people outside have said, so that nobody says it twice for nothing. */
  private readonly said = new Set<string>()
  private hardshipsLeft: number
  private readonly subject: Subject
  private readonly choices: Choices
  private readonly options: LifeOptions

  constructor(subject: Subject, choices: Choices, options: LifeOptions) {
    this.subject = subject
    this.choices = choices
    this.options = options
    this.hardshipsLeft = options.wild ? options.faults : 0
    this.lanes = new Lanes(choices, beginning)
    const say = (line: string) => void this.history.push(line)
    this.disk = new Disk(choices, this.witness, say, { faults: options.faults, double: subject.double })
    this.desk = new People(this.disk, this.lanes, choices, say)
    this.setting = {
      lanes: this.lanes,
      hostClock: this.hostClock,
      workflows: subject.workflows,
      tamper: subject.tamper,
      pace: byChoice(() => slices[options.wild ? choices.choose("slice", sliceWeights) : 0]!),
      engine: { leaseMs, pollMs, maxRecoveries: 1_000, ...subject.engine },
      logged: (line) => {
        if (options.secrets.some((secret) => line.includes(secret))) {
          this.witness.find("S15", `a secret was logged: ${line}`)
        }
      },
      serves: (program, limits) => void this.witness.limits.set(program, { ...limits, handsOver: false }),
      begins: (runId, key, attempt) => {
        say(`body ${runId} ${key} ${attempt}`)
        this.witness.begins(runId, key, attempt)
      }
    }
  }

  readonly live = Effect.fnUntraced(function*(this: Life) {
    let ticked = 0
    let before = ""
    let turns = 0
    // A write that failed is tried again, although the store has nothing new.
    const so = () => `${this.disk.store.transactions} ${this.witness.hardships}`
    for (; turns < this.options.turns && this.witness.violations.length === 0; turns++) {
      const early = this.options.wild && this.choices.choose("early", [85, 15]) === 1
      yield* this.work(early ? 1 + this.choices.choose("tasks", [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) : Infinity)
      if (early) yield* this.interject()
      if ((yield* this.suffer()) || early) {
        ticked = 0
        continue
      }
      yield* this.collect()
      yield* this.surprise()
      if (this.arise() || this.begin()) {
        ticked = 0
        continue
      }
      // Everybody looks at what the others have written, and failed stores are tried again.
      if (ticked < 2) {
        if (ticked === 0) before = so()
        yield* this.passHost(ticked === 0 ? pollMs : 1_000)
        ticked++
        continue
      }
      if (before !== so()) {
        ticked = 0
        continue
      }
      if ((yield* this.relieve()) || (yield* this.inherit()) || this.thaw() || this.sleep()) {
        ticked = 0
        continue
      }
      break
    }
    if (this.witness.violations.length === 0) yield* this.judge(turns === this.options.turns)
    for (const process of this.processes) process.kill()
    return {
      violations: this.witness.violations,
      ends: Examination.ends(this.disk.store),
      writes: this.disk.writes,
      simulatedMs: this.lanes.now - beginning,
      runs: this.disk.store.runs.size,
      history: this.history,
      journals: Examination.journals(this.disk.store)
    } satisfies LifeReport
  })

  /** Runs tasks, and what promises that have been kept lead to. */
  private readonly work = Effect.fnUntraced(function*(this: Life, limit: number) {
    if (Number.isFinite(limit)) return void this.lanes.run(limit)
    for (let quiet = 0, done = 0; quiet < 2 && this.witness.violations.length === 0;) {
      quiet = this.lanes.idle ? quiet + 1 : 0
      done += this.lanes.run(someTasks)
      if (done > mostTasks) this.witness.find("S4", "the processes do not come to rest")
      if (this.lanes.idle) yield* Effect.yieldNow
    }
  })

  /** Moves the hosts' own clock, in steps that let the living say so. */
  private readonly passHost = Effect.fnUntraced(function*(this: Life, millis: number) {
    for (let left = millis; left > 0; left -= leaseMs / 4) {
      yield* this.hostClock.advance(Math.min(left, leaseMs / 4))
      yield* this.work(Infinity)
    }
  })

  // --------------------------------------------------------------------------
  // what goes wrong
  // --------------------------------------------------------------------------

  /** Perhaps something bad happens; true when it did. */
  private readonly suffer = Effect.fnUntraced(function*(this: Life) {
    if (this.hardshipsLeft <= 0) return false
    const kind = this.choices.choose("hardship", [86, 3, 2, 3, 1, 4, this.subject.durability === "normal" ? 2 : 0])
    if (kind === 0) return false
    const living = this.processes.filter((process) => process.alive)
    const victim = living[living.length < 2 ? 0 : this.choices.choose("victim", living.map(() => 1))]
    if (victim === undefined) return false
    this.hardshipsLeft--
    switch (kind) {
      case 1:
        this.kill(victim)
        break
      case 2:
        this.pause(victim)
        break
      case 3:
        this.say(`${victim.name} lets its parked runs go`)
        if (victim.ready) victim.evict()
        break
      case 4:
        if (!victim.ready || this.closing !== undefined) return false
        this.say(`${victim.name} is told to stop`)
        this.witness.hardships++
        this.closing = { process: victim, fiber: victim.close() }
        break
      case 5:
        if (living.length > 2) return false
        this.spawn()
        break
      case 6: {
        for (const process of living) this.kill(process)
        this.disk.losePower(this.choices.choose("lost", [1, 1, 1, 1, 1, 1, 1, 1]))
        // People repeat what they said: the answer that they had may be lost with the power.
        this.started = false
        this.starting = undefined
        this.said.clear()
        break
      }
    }
    return true
  })

  private kill(process: Process): void {
    if (!process.alive) return
    this.say(`${process.name} is killed`)
    this.witness.hardships++
    process.kill()
    if (this.closing?.process === process) this.closing = undefined
  }

  private pause(process: Process): void {
    if (!process.alive || process.paused) return
    this.say(`${process.name} stands still`)
    this.witness.hardships++
    this.lanes.pause(process.lane)
  }

  private thaw(): boolean {
    const paused = this.processes.filter((process) => process.paused)
    if (paused.length === 0) return false
    const process = paused[0]!
    this.say(`${process.name} goes on`)
    this.lanes.resume(process.lane)
    return true
  }

  // --------------------------------------------------------------------------
  // processes
  // --------------------------------------------------------------------------

  private spawn(): void {
    const process = new Process(this.setting, `host-${++this.born}`)
    this.say(`${process.name} starts`)
    this.processes.push(process)
    const connection = this.disk.connect({
      name: process.name,
      dead: () => !process.alive,
      kill: () => this.kill(process),
      asked: () => this.asked(),
      pause: () => {
        this.pause(process)
        connection.standStill()
      }
    })
    process.start(connection)
  }

  /** Sees to it that a process is there that may do something. */
  private arise(): boolean {
    if (this.processes.some((process) => process.alive && !process.paused && process.failure === undefined)) {
      return false
    }
    for (const process of this.processes) if (process.failure !== undefined) this.kill(process)
    this.spawn()
    return true
  }

  /** A process that was told to stop has ended in an orderly way. */
  private readonly collect = Effect.fnUntraced(function*(this: Life) {
    if (this.closing === undefined) return
    const { fiber, process } = this.closing
    // Bodies of `ask` steps get their grace.
    for (let waited = 0; waited < 40 && fiber.pollUnsafe() === undefined && process.alive; waited++) {
      yield* this.passHost(1_000)
    }
    if (process.alive) process.kill()
    this.closing = undefined
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
    const process = this.processes.find((process) => process.ready)
    if (process === undefined) return false
    this.say(`the run is started at ${process.name}`)
    this.starting = process.fork(this.subject.start)
    return true
  }

  // --------------------------------------------------------------------------
  // what goes on
  // --------------------------------------------------------------------------

  private get open(): ReadonlyArray<RunRow> {
    return Array.from(this.disk.store.runs.values(), ({ row }) => row).filter(({ status }) =>
      !isFinal(status as RunStatus)
    )
  }

  /** People outside give the runs what they wait for; true when somebody did. */
  private readonly relieve = Effect.fnUntraced(function*(this: Life) {
    for (const row of this.open) {
      if (row.waits === null) continue
      const waits = decodeWaits(row.waits)
      if (Exit.isFailure(waits)) continue
      for (const wait of waits.value) {
        if (wait.reason === "approval" && this.subject.person !== undefined) {
          if (yield* this.confer(row.id, wait.key, this.subject.person)) return true
          continue
        }
        const word = this.subject.answer(wait, this.disk.store.runs.get(row.id)!.entries.length)
        if (word === undefined) continue
        const id = `${word.kind}:${wait.key}:${row.length}`
        if (this.said.has(`${row.id} ${id}`)) continue
        const again = this.options.wild && this.choices.choose("twice", [90, 10]) === 1
        for (let time = 0; time < (again ? 2 : 1); time++) {
          if (word.kind === "answer" && word.message.decision !== "timeout") {
            const { by, choice, decision, edit, hash, key, note } = word.message
            yield* this.desk.say(row.id, key, {
              id,
              decision,
              by,
              identity: [by, ...(wait.who ?? [])],
              ...(choice === undefined ? {} : { choice }),
              ...(edit === undefined ? {} : { edit: { value: edit } }),
              ...(hash === undefined ? {} : { seen: hash }),
              ...(note === undefined ? {} : { note })
            })
            continue
          }
          yield* Effect.ignore(this.disk.write({
            op: "inbox",
            row: { run: row.id, id, kind: word.kind, payload: JSON.stringify(word.message), at: this.lanes.now }
          }))
        }
        this.said.add(`${row.id} ${id}`)
        for (const process of this.processes) if (process.ready) process.look()
        return true
      }
    }
    return false
  })

  /** One of the people who are asked says something, perhaps beside something else; false when they have said enough. */
  private readonly confer = Effect.fnUntraced(function*(this: Life, run: string, key: string, person: Person) {
    const spoke = yield* this.desk.confer(run, key, person)
    if (spoke) { for (const process of this.processes) if (process.ready) process.look() }
    return spoke
  })

  /** In the middle of everything, the people who are asked speak, or somebody has had enough. */
  private readonly interject = Effect.fnUntraced(function*(this: Life) {
    const { person } = this.subject
    if (person === undefined || this.choices.choose("interject", [60, 40]) === 0) return
    const [row] = this.open
    if (row === undefined) return
    const questions = Array.from(this.disk.store.approvals.values(), (stored) => stored.row).filter(({ run }) =>
      run === row.id
    )
    const asked = questions[questions.length < 2 ? 0 : this.choices.choose("asked", questions.map(() => 1))]
    if (asked !== undefined) yield* this.confer(row.id, asked.key, person)
    else yield* this.surprise()
  })

  /** Somebody sends a run a signal that it need not wait for yet, or has got already. */
  private readonly surprise = Effect.fnUntraced(function*(this: Life) {
    const names = Object.keys(this.subject.signals)
    if (!this.options.wild || names.length === 0 || this.choices.choose("surprise", [94, 6]) === 0) return
    const { open } = this
    const row = open[open.length < 2 ? 0 : this.choices.choose("surprised", open.map(() => 1))]
    if (row === undefined) return
    const name = names[names.length < 2 ? 0 : this.choices.choose("signal", names.map(() => 1))]!
    // One signal for each run and name, however often it is sent: a program that waits for several could end otherwise with more of them.
    const message = JSON.stringify({ name, payload: this.subject.signals[name] })
    yield* Effect.ignore(
      this.disk.write({
        op: "inbox",
        row: { run: row.id, id: `surprise:${name}`, kind: "signal", payload: message, at: this.lanes.now }
      })
    )
    for (const process of this.processes) if (process.ready) process.look()
  })

  /** Time passes until the runs of dead processes are free; true when there were any. */
  private readonly inherit = Effect.fnUntraced(function*(this: Life) {
    if (!this.isOrphaned() || this.inherited === this.history.length) return false
    // A process that could not write gives all others the time of one more lease, each time.
    for (let leases = 0; leases < 3 + this.options.faults && this.isOrphaned(); leases++) {
      yield* this.passHost(leaseMs + leaseMs / 4)
    }
    this.inherited = this.history.length
    return true
  })

  /** Whether a run belongs to a process that is dead or stands still. */
  private isOrphaned(): boolean {
    const names = new Set(this.processes.filter((process) => process.alive && !process.paused).map(({ name }) => name))
    return this.open.some(({ owner }) => owner !== null && !names.has(owner))
  }
  private inherited = -1

  /** The program's time moves to what comes next. */
  private sleep(): boolean {
    if (this.open.length === 0 && this.disk.store.outbox.size === 0) return false
    const next = this.lanes.nextWake
    // A run whose next time is its longest one has nobody who ends it.
    if (next === undefined || next > horizon) return false
    this.say(`it is ${next - beginning} ms later`)
    this.lanes.advance(next)
    return true
  }

  /** A process has asked for runs that are due: before it asks when the next one will be, that time may come. */
  private asked(): void {
    const { open } = this
    // Where code is at work or people are asked, their time would run out as well.
    if (open.some(({ owner, reason }) => owner !== null || (reason !== "timer" && reason !== "child"))) return
    const due = Math.min(...open.map(({ dueAt }) => dueAt ?? Infinity))
    if (due <= this.lanes.now || due > horizon || this.choices.choose("meanwhile", [80, 20]) === 0) return
    this.say(`meanwhile it is ${due - beginning} ms later`)
    this.lanes.advance(due)
  }

  private judge(endless: boolean) {
    return Effect.sync(() => {
      if (endless) this.witness.find("S4", `the life does not come to its end in ${this.options.turns} turns`)
      Examination.examine(this.disk.store, this.witness, {
        now: this.lanes.now,
        secrets: this.options.secrets,
        patient: (wait) => wait.until === undefined ? this.subject.answer(wait, 0) === undefined : wait.until > horizon
      })
    })
  }

  private say(line: string): void {
    this.history.push(line)
  }
}
