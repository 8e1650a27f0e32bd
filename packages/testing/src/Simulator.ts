/**
 * Lives through a program again and again, in a world of its own in which
 * everything goes wrong that may go wrong, and checks each life against the
 * promises of the engine.
 *
 * A world has one virtual clock, a store, processes that die, stand still, stop
 * and come back, and people who give the runs what they wait for. What happens
 * next is chosen: the next task, the fate of each write, the end of a process.
 * All choices of a life follow from a seed, so the same seed lives the same
 * life, and one that breaks a promise is shortened to the few choices that
 * matter.
 *
 * - `enumerate` goes through the fates of every write, one at a time: the
 *   process dies before and after it, it fails before and after, the process
 *   stands still around it for longer than its lease. For small programs also
 *   every pair of crashes.
 * - `random` draws whole lives: tasks in any order, several processes at once,
 *   kills in the middle of things, pauses, orderly stops, evictions, stale
 *   reads, signals before their time, twice, and as the end of a run is written, and, with `durability: "normal"`, losses of power.
 *
 * Steps must not leave the process: give them layers that answer by
 * themselves. Time is simulated: `Effect.sleep("14 days")` costs nothing.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { Simulator } from "@fermata/testing"
 * import { Effect } from "effect"
 *
 * it.live("an order survives everything", () =>
 *   Simulator.explore(PlaceOrder, { payload: order, layer: PlaceOrderLayer }))
 * ```
 */
import { budgetSignal } from "@fermata/core/RunSpending"
import type { Wait } from "@fermata/core/Wait"
import * as WellFormed from "@fermata/core/WellFormed"
import type { Backend } from "@fermata/engine/Backend"
import type { EngineOptions } from "@fermata/engine/EngineOptions"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import type * as CrashHost from "./CrashHost.ts"
import * as Choices from "./simulator/Choices.ts"
import { type Fault, faults } from "./simulator/Disk.ts"
import type { Ends } from "./simulator/Examination.ts"
import { type LifeReport, live } from "./simulator/Life.ts"
import type { Outside, Person, Subject, Word } from "./simulator/Subject.ts"
import { fromTape, shrink, toTape } from "./simulator/Tape.ts"
import type { Violation } from "./simulator/Violation.ts"

export type { Draw, Lived, Outside, Person, Word } from "./simulator/Subject.ts"
export type { Violation } from "./simulator/Violation.ts"

/** A life in which a promise was broken. */
export class SimulationFailed extends Schema.TaggedError<SimulationFailed>()("SimulationFailed", {
  /** `S1` to `S16`. */
  promise: Schema.String,
  problem: Schema.String,
  seed: Schema.Int,
  /** What was done to the life: `random life 12`, `crash-after at write 3`. */
  life: Schema.String,
  /** Its choices, shortened. Give it to `explore` as `tape` to live that life alone. */
  tape: Schema.String,
  /** What happened in it, line by line. */
  history: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const lines = this.history.filter((line) => !humdrum.test(line))
    return [
      `${this.promise} is broken: ${this.problem}`,
      `(seed ${this.seed}, ${this.life}; to live it again: tape: "${this.tape}")`,
      ...lines.slice(-mostLines).map((line) =>
        `  ${line.length > longestLine ? `${line.slice(0, longestLine)}…` : line}`
      )
    ].join("\n")
  }
}

/** Signs of life, and claims of nothing. */
const humdrum = /"op":"(heartbeat|define)"|"answers":\[\{"runs":\[\]\}\]/
const mostLines = 80
const longestLine = 240

/** What is lived through, and how. Times in ms. */
export interface Options {
  /** What every process of the world serves. */
  readonly layer: Layer.Layer<never, unknown, CrashHost.Services>
  /** The payloads of the signals that runs wait for, by name: given whenever a run waits; in random lives now and then before it does, twice, and as its end is written. A signal that is not named never comes. */
  readonly signals?: Readonly<Record<string, unknown>>
  /**
   * What people outside say to a wait; `turn` grows with the journal. Undefined leaves it to the defaults: the first
   * approver approves, an operator resumes, raises budgets that are waited for without an end and has steps of unknown outcome retried, and signals come as `signals` says.
   */
  readonly answer?: (wait: Wait, turn: number) => Word | undefined
  /**
   * What the people who are asked say to a question, instead of what `answer`
   * says: more than one at once, as its deadline passes, and beside a cancel.
   * How such a life ends is open, so it goes with `ends: "any"`.
   */
  readonly person?: Person
  /** What the steps touch outside, which is held against the journals at the end of each life. */
  readonly outside?: Outside
  readonly mode?: "enumerate" | "random" | "both"
  /** Number of random lives. Default 200. */
  readonly lives?: number
  /** The seed of the random lives. Default 4314. */
  readonly seed?: number
  /** `one`, the default: every life must end as the undisturbed one does. `any`: the program may end otherwise, as one with a race may. */
  readonly ends?: "one" | "any"
  /** `normal`: the store may lose its last writes when power is lost. Default `full`: it never does. */
  readonly durability?: "full" | "normal"
  /** Number of turns, in each of which at most one person says something, after which a life counts as endless (S4). Default 5,000. */
  readonly turns?: number
  /** Texts that must turn up in no journal, message or log (S15). */
  readonly secrets?: ReadonlyArray<string>
  /** How the engines are set up. */
  readonly engine?: Partial<EngineOptions>
  /** Lives this one life, of the tape of a `SimulationFailed`, and no other. */
  readonly tape?: string
  /** Whether the undisturbed life is lived first, with which the others are compared. Default true; with `ends: "any"` it may be left out. */
  readonly undisturbed?: boolean
  /** Whether a life that fails is shortened to what matters in it, which may take some hundred lives. Default true. */
  readonly shorten?: boolean
  /** Stands between the engines and the store: to show that the simulator finds a store that is faulty. */
  readonly double?: (backend: Backend) => Backend
  /** Changes each engine once it is built: to show that the simulator finds an engine that is faulty. */
  readonly tamper?: (services: Context.Context<CrashHost.Services>) => void
}

/** What the lives of a program came to. */
export interface Report {
  readonly seed: number
  /** Lives that were lived. */
  readonly lives: number
  /** Workflow runs in all of them, children included. */
  readonly runs: number
  /** Writes that were made to go wrong one by one. */
  readonly crashPoints: number
  /** ms of simulated time. */
  readonly simulatedMs: number
  /** SHA-256 in hex over everything that happened: the same for the same seed. */
  readonly history: string
  /** SHA-256 in hex over what all runs of all lives have in their journals at the end, without the places in errors: it stays when files are moved. */
  readonly journals: string
}

interface Program {
  readonly execute: (
    payload: never,
    options: { readonly discard: true }
  ) => Effect.Effect<string, unknown, WorkflowEngine>
}

type PayloadOf<P extends Program> = Parameters<P["execute"]>[0]

/**
 * Explores the lives of a run of this workflow with this payload. Fails with
 * the first life that breaks a promise, shortened to what matters in it.
 */
export const explore = <P extends Program>(
  workflow: P,
  options: Options & { readonly payload: PayloadOf<P> }
): Effect.Effect<Report, SimulationFailed> =>
  exploreFrom(Effect.suspend(() => workflow.execute(options.payload as never, { discard: true })), options)

/**
 * As `explore`, for what `start` starts: any effect that uses what the layer
 * and the host give. It is asked for again when its process dies, so it must
 * join what it has started.
 */
export const exploreFrom = (
  start: Effect.Effect<unknown, unknown, unknown>,
  options: Options
): Effect.Effect<Report, SimulationFailed> =>
  Effect.suspend(() => {
    const search = new Search(start, options)
    return search.all
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Pairs of crashes are tried where the undisturbed life has at most this many writes. */
const pairsUpTo = 14
const shrinkBudget = 400
const mishaps: ReadonlyArray<Fault> = [
  "crash-before",
  "crash-after",
  "fail-before",
  "fail-after",
  "pause-before",
  "pause-after"
]
const crashes: ReadonlyArray<Fault> = ["crash-before", "crash-after"]

const at = (count: number, fault: Fault): Choices.Decision => ({ what: "write", count, choice: faults.indexOf(fault) })

class Search {
  private readonly subject: Subject
  private readonly options: Options
  private readonly seed: number
  private base: Ends | undefined
  private lives = 0
  private runs = 0
  private crashPoints = 0
  private simulatedMs = 0
  private digest = ""
  private journals = ""

  constructor(start: Effect.Effect<unknown, unknown, unknown>, options: Options) {
    this.options = options
    this.seed = options.seed ?? 4314
    this.subject = {
      workflows: options.layer,
      start,
      answer: (wait, turn) => (options.answer?.(wait, turn)) ?? usual(wait, options.signals ?? {}),
      signals: options.signals ?? {},
      person: options.person,
      outside: options.outside,
      durability: options.durability ?? "full",
      engine: options.engine ?? {},
      double: options.double,
      tamper: options.tamper
    }
  }

  readonly all = Effect.gen({ self: this as Search }, function*() {
    const { lives = 200, mode = "both", tape } = this.options
    const calm = Choices.planned([])
    if (this.options.undisturbed !== false || mode !== "random") {
      const undisturbed = yield* this.live(calm, "undisturbed", false)
      this.base = undisturbed.ends
    }
    if (tape !== undefined) {
      const decisions = fromTape(tape)
      if (decisions === undefined) {
        return yield* Effect.die(new Error(`"${tape}" is no tape: it must be like write:3:1,task:12:2`))
      }
      yield* this.live(Choices.planned(decisions), "a tape", true)
    } else {
      if (mode !== "random") yield* this.enumerate(calm.count("write"))
      if (mode !== "enumerate") {
        for (let life = 1; life <= lives; life++) {
          yield* this.live(Choices.seeded(`${this.seed}/${life}`), `random life ${life}`, true)
        }
      }
    }
    return {
      seed: this.seed,
      lives: this.lives,
      runs: this.runs,
      crashPoints: this.crashPoints,
      simulatedMs: this.simulatedMs,
      history: this.digest,
      journals: this.journals
    } satisfies Report
  })

  private readonly enumerate = Effect.fnUntraced(function*(this: Search, writes: number) {
    for (const fault of mishaps) {
      for (let write = 1; write <= writes; write++) {
        const choices = Choices.planned([at(write, fault)])
        yield* this.live(choices, `${fault} at write ${write}`, false)
        this.crashPoints++
        if (writes > pairsUpTo || !crashes.includes(fault)) continue
        const more = choices.count("write")
        for (const other of crashes) {
          for (let next = write + 1; next <= more; next++) {
            const choices = Choices.planned([at(write, fault), at(next, other)])
            yield* this.live(choices, `${fault} at write ${write} and ${other} at write ${next}`, false)
            this.crashPoints++
          }
        }
      }
    }
  })

  private readonly live = Effect.fnUntraced(
    function*(this: Search, choices: Choices.Choices, name: string, wild: boolean) {
      const life = yield* this.lived(choices, wild)
      this.lives++
      this.runs += life.runs
      this.simulatedMs += life.simulatedMs
      this.digest = yield* sha256Hex(`${this.digest}\n${life.history.join("\n")}`)
      this.journals = yield* sha256Hex(`${this.journals}\n${life.journals}`)
      const violation = this.judge(life)
      if (violation === undefined) return life
      const same = (decisions: ReadonlyArray<Choices.Decision>) =>
        Effect.map(
          this.lived(Choices.planned(decisions), wild),
          (life) => this.judge(life)?.promise === violation.promise
        )
      const tape = this.options.shorten === false
        ? choices.decisions
        : yield* shrink(choices.decisions, same, shrinkBudget)
      const shortest = yield* this.lived(Choices.planned(tape), wild)
      return yield* new SimulationFailed({
        ...(this.judge(shortest) ?? violation),
        seed: this.seed,
        life: name,
        tape: toTape(tape),
        history: shortest.history
      })
    }
  )

  private lived(choices: Choices.Choices, wild: boolean): Effect.Effect<LifeReport> {
    return live(this.subject, choices, {
      wild,
      faults: wild ? 6 : 2,
      secrets: this.options.secrets ?? [],
      turns: this.options.turns ?? 5_000
    })
  }

  private judge(life: LifeReport): Violation | undefined {
    const [first] = life.violations
    if (first !== undefined || this.base === undefined || this.options.ends === "any") return first
    for (const [id, expected] of Object.entries(this.base)) {
      const found = life.ends[id]
      if (found === undefined) return { promise: "S4", problem: `run ${id} is missing, which the undisturbed life has` }
      for (const part of ["status", "reason", "end", "outcomes", "undone"] as const) {
        const [was, is] = [JSON.stringify(expected[part]), JSON.stringify(found[part])]
        if (was !== is) {
          return {
            promise: part === "undone" ? "S8" : "S4",
            problem: `the ${part} of run ${id} is ${is}, and ${was} when nothing goes wrong`
          }
        }
      }
    }
    const more = Object.keys(life.ends).find((id) => !(id in this.base!))
    return more === undefined
      ? undefined
      : { promise: "S3", problem: `there is a run ${more}, which the undisturbed life has not` }
  }
}

const encoder = new TextEncoder()

const sha256Hex = (text: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => globalThis.crypto.subtle.digest("SHA-256", encoder.encode(WellFormed.encode(text)))),
    (digest) => Hex.encode(new Uint8Array(digest))
  )

/** What people outside say when a program says nothing else. */
/** By how much an operator raises a budget. */
const enough = { micros: 1_000_000_000, tokens: 1_000_000_000 }

const usual = (wait: Wait, signals: Readonly<Record<string, unknown>>): Word | undefined => {
  switch (wait.reason) {
    case "approval":
      return { kind: "answer", message: { key: wait.key, decision: "approve", by: wait.who?.[0] ?? "somebody" } }
    case "outcome-unknown":
      return { kind: "settle", message: { key: wait.key, by: "operator", action: { _tag: "retry" } } }
    case "budget":
      // One that waits for a time goes on by itself.
      return wait.until !== undefined
        ? undefined
        : { kind: "signal", message: { name: budgetSignal, payload: enough, by: "operator" } }
    case "operator":
      return { kind: "resume", message: { by: "operator" } }
    case "signal":
      return Object.hasOwn(signals, wait.key)
        ? { kind: "signal", message: { name: wait.key, payload: signals[wait.key] } }
        : undefined
    default:
      return undefined
  }
}
