/**
 * The world of one simulated life: its tasks, its clocks, its disk, and who
 * watches. Everything that happens in it is a decision or follows from one.
 */
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import type { DefinitionRow, Op, RunRow } from "@fermata/engine/Backend"
import type { Description } from "@fermata/engine/Extension"
import { HostClock } from "@fermata/engine/HostClock"
import { byChoice } from "@fermata/engine/Pace"
import * as Effect from "effect/Effect"
import type { Choices } from "./Choices.ts"
import { Disk } from "./Disk.ts"
import { Lanes } from "./Lanes.ts"
import type { Setting } from "./Process.ts"
import type { Subject } from "./Subject.ts"
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

/** The lease of each process, and how often it polls (ms, host time). */
export const leaseMs = 10_000
export const pollMs = 100
/** When a life begins: 2026-01-01T00:00:00Z. */
export const beginning = 1_767_225_600_000
/** Tasks until all is at rest: more than any life needs. */
const mostTasks = 200_000
const someTasks = 1_000
/** After how many operations of a turn a body gives way: as a rule not at all. */
const slices = [Infinity, 1, 2, 3, 7, 20, 60]
const sliceWeights = [82, 3, 3, 3, 3, 3, 3]

export class World {
  readonly subject: Subject
  readonly choices: Choices
  readonly options: LifeOptions
  /** What happened, line by line. */
  readonly history: Array<string> = []
  readonly witness: Witness
  readonly lanes: Lanes
  readonly disk: Disk
  readonly setting: Setting
  private readonly hostClock = HostClock.makeManual(beginning)

  /** `describe`: what a process of the world knows of a document. */
  constructor(
    subject: Subject,
    choices: Choices,
    options: LifeOptions,
    describe: (definition: Pick<DefinitionRow, "document" | "kind">) => Description | undefined
  ) {
    this.subject = subject
    this.choices = choices
    this.options = options
    this.witness = new Witness(describe)
    this.lanes = new Lanes(choices, beginning)
    this.disk = new Disk(choices, this.witness, this.say, {
      faults: options.faults,
      double: subject.double,
      lastWord: (run) => {
        const names = Object.keys(subject.signals)
        if (!options.wild || names.length === 0 || choices.choose("last word", [80, 20]) === 0) return undefined
        return this.surprise(run, names[names.length < 2 ? 0 : choices.choose("signal", names.map(() => 1))]!)
      }
    })
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
      spends: (runId, key, amount) => this.witness.money.spends(runId, key, amount),
      begins: (runId, key, attempt) => {
        this.say(`body ${runId} ${key} ${attempt}`)
        this.witness.begins(runId, key, attempt)
      }
    }
  }

  readonly say = (line: string): void => void this.history.push(line)

  /** A signal that nobody waits for. One for each run and name, however often it is sent: a program that waits for several could end otherwise with more of them. */
  surprise(run: string, name: string): Extract<Op, { readonly op: "inbox" }> {
    const payload = JSON.stringify({ name, payload: this.subject.signals[name] })
    return { op: "inbox", row: { run, id: `surprise:${name}`, kind: "signal", payload, at: this.lanes.now } }
  }

  /** The runs that have not ended. */
  get open(): ReadonlyArray<RunRow> {
    return Array.from(this.disk.store.runs.values(), ({ row }) => row).filter(({ status }) =>
      !isFinal(status as RunStatus)
    )
  }

  /** Runs tasks, and what promises that have been kept lead to. */
  readonly work = Effect.fnUntraced(function*(this: World, limit: number) {
    if (Number.isFinite(limit)) return void this.lanes.run(limit)
    for (let quiet = 0, done = 0; quiet < 2 && this.witness.violations.length === 0;) {
      quiet = this.lanes.idle ? quiet + 1 : 0
      done += this.lanes.run(someTasks)
      if (done > mostTasks) this.witness.find("S4", "the processes do not come to rest")
      if (this.lanes.idle) yield* Effect.yieldNow
    }
  })

  /** Moves the hosts' own clock, in steps that let the living say so. */
  readonly passHost = Effect.fnUntraced(function*(this: World, millis: number) {
    for (let left = millis; left > 0; left -= leaseMs / 4) {
      yield* this.hostClock.advance(Math.min(left, leaseMs / 4))
      yield* this.work(Infinity)
    }
  })
}
