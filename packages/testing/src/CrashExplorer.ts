/**
 * Kills a program's host at every single write, before and after it reaches
 * the store, and checks that the next host brings every run to the same end.
 *
 * What must be the same as in a life without crashes: the status and output of
 * every run, and the outcomes in their journals. What must never happen: the
 * body of a step starts although its outcome is in the store (S1).
 */
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import * as CrashHost from "./CrashHost.ts"

/** A crash after which something was not as it must be. */
export class CrashFound extends Schema.TaggedError<CrashFound>()("CrashFound", {
  write: Schema.Int,
  when: Schema.Literals(["before", "after"]),
  problem: Schema.String
}) {
  override get message(): string {
    return `A crash ${this.when} write ${this.write} went wrong: ${this.problem}`
  }
}

/** What is explored: the workflows, and what happens to them from outside. */
export interface Scenario<E> {
  readonly workflows:
    | Layer.Layer<never, E, CrashHost.Services>
    | ((world: CrashHost.World) => Layer.Layer<never, E, CrashHost.Services>)
  /**
   * Brings the runs to their end on this host: starts them, answers, signals,
   * moves the test clock. It is interrupted by the crash and called again on
   * the next host, so it must be repeatable: give signals ids, and answer only
   * what is open.
   */
  readonly drive: (host: CrashHost.Host, world: CrashHost.World) => Effect.Effect<void, unknown>
  /** A world with an empty store, for each life anew; one in memory by default. */
  readonly world?: Effect.Effect<CrashHost.World, unknown, Scope>
  /** What else must be the same at the end of every life: tables of the user's, or what a service outside has seen. */
  readonly outside?: (world: CrashHost.World) => Effect.Effect<unknown, unknown>
}

/** What an exploration tried. */
export interface Report {
  /** Writes of the life without crashes. */
  readonly writes: number
  /** Crashes that were tried. */
  readonly crashes: number
  /** Bodies of steps that a life without crashes runs. */
  readonly bodies: number
}

interface Life {
  /** Per run: status, output or cause, and the outcome of every step; and what is outside. */
  readonly runs: Readonly<Record<string, unknown>>
  readonly outside: unknown
  readonly writes: number
  readonly bodies: number
  readonly crashed: boolean
}

/**
 * Explores every crash point of a scenario. Fails with the first that breaks a
 * promise. `ignore` names runs' step keys whose outcome may differ after a
 * crash (a body that is run again may answer otherwise).
 */
export const explore = Effect.fnUntraced(function*<E>(
  scenario: Scenario<E>,
  options: { readonly ignore?: ReadonlyArray<string> } = {}
) {
  const ignore = new Set(options.ignore)
  const calm = yield* live(scenario, undefined, ignore)
  const expected = told(calm)
  let crashes = 0
  for (const when of ["before", "after"] as const) {
    for (let write = 1;; write++) {
      const life = yield* live(scenario, { write, when }, ignore)
      if (!life.crashed) break
      crashes++
      const actual = told(life)
      if (actual !== expected) {
        return yield* new CrashFound({ write, when, problem: `expected ${expected}, and found ${actual}` })
      }
    }
  }
  return { writes: calm.writes, crashes, bodies: calm.bodies } satisfies Report
})

const told = ({ outside, runs }: Life): string => JSON.stringify(outside === undefined ? runs : { runs, outside })

const live = <E>(
  scenario: Scenario<E>,
  crash: { readonly write: number; readonly when: "before" | "after" } | undefined,
  ignore: ReadonlySet<string>
) => Effect.scoped(lifeOf(scenario, crash, ignore))

const lifeOf = Effect.fnUntraced(function*<E>(
  scenario: Scenario<E>,
  crash: { readonly write: number; readonly when: "before" | "after" } | undefined,
  ignore: ReadonlySet<string>
) {
  const world = yield* (scenario.world ?? CrashHost.make)
  const workflows = typeof scenario.workflows === "function" ? scenario.workflows(world) : scenario.workflows
  let bodies = 0
  let repeated: string | undefined
  const bodyBegins = (runId: string, key: string) => {
    bodies++
    // The outcome of a body is in the store: nothing may start that body again.
    if (outcomes(Effect.runSync(world.journal(runId))).has(key)) repeated ??= `step "${key}" of run ${runId}`
  }
  let host = yield* world.start(workflows, { bodyBegins })
  const started = host.writes()
  if (crash !== undefined) host.killAt(crash.write, crash.when, "every")
  const killed = Effect.gen(function*() {
    while (!host.killed()) yield* Effect.yieldNow
  })
  yield* Effect.raceFirst(scenario.drive(host, world), killed)
  const crashed = host.killed()
  const writes = host.writes() - started
  if (crashed) {
    host = yield* world.restart(host, workflows, { bodyBegins })
    yield* scenario.drive(host, world)
  }
  yield* host.settled
  const rows = yield* world.backend.runs({ limit: 10_000 })
  const runs: Record<string, unknown> = {}
  for (const row of rows.toSorted((a, b) => a.id < b.id ? -1 : 1)) {
    const entries = yield* world.journal(row.id)
    runs[row.id] = {
      status: row.status,
      reason: row.reason,
      end: endOf(entries.at(-1)),
      outcomes: Array.from(outcomes(entries)).filter(([key]) => !ignore.has(key)).sort(([a], [b]) => a < b ? -1 : 1)
    }
  }
  const outside = scenario.outside === undefined ? undefined : yield* scenario.outside(world)
  yield* host.kill
  if (repeated !== undefined) {
    return yield* new CrashFound({
      write: crash?.write ?? 0,
      when: crash?.when ?? "before",
      problem: `S1: ${repeated} ran again although its outcome was recorded`
    })
  }
  return { runs, outside, writes, bodies, crashed } satisfies Life
})

const endOf = (entry: JournalEntry.JournalEntry | undefined): unknown => {
  switch (entry?._tag) {
    case "RunCompleted":
      return entry.output
    case "RunFailed":
    case "RunCancelled":
      return ExitJson.withoutPlaces(entry.cause)
    default:
      return null
  }
}

const outcomes = (entries: ReadonlyArray<JournalEntry.JournalEntry>): Map<string, unknown> => {
  const found = new Map<string, unknown>()
  for (const entry of entries) {
    if (entry._tag === "StepCompleted") found.set(entry.key, entry.output ?? null)
    else if (entry._tag === "StepFailed" && entry.retryAt === undefined && entry.parked !== true) {
      found.set(entry.key, ExitJson.withoutPlaces(entry.cause))
    }
  }
  return found
}
