/**
 * A worker: takes up whatever is due, tells what becomes of it, and knows when
 * there is nothing left to do. What `fermata worker` does.
 */
import type { Owner } from "@fermata/core/Owner"
import type { RunRow } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type CommandFailed, exitCodes } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { fileLabel } from "./ContractFile.ts"
import * as DispatchLock from "./DispatchLock.ts"
import type { Globals } from "./Globals.ts"
import * as Host from "./Host.ts"
import type { MetricsPlace } from "./MetricsPlace.ts"
import { err, exitWith, item, line, note } from "./Output.ts"
import { isGone, ownerName } from "./Owners.ts"
import { Teller, type Told } from "./Teller.ts"
import * as Words from "./Words.ts"

/** How long a worker works, and where it tells its metrics, if anywhere. */
export interface Options {
  /** Until there is nothing left to do; otherwise until it is interrupted. */
  readonly untilIdle: boolean
  /** One round of work, that no other process may do at the same time. */
  readonly isAlone?: boolean
  readonly metrics: MetricsPlace | undefined
}

/** Works, and tells of it. */
export const work = (
  globals: Globals,
  { isAlone = false, metrics, untilIdle }: Options
): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const config = yield* Config.loadOrRecall(globals, [process.cwd()])
    // Runs before the engine closes: a worker that is stopped in order has done what it should.
    const host = yield* Host.open(globals, {
      command: isAlone ? "run-once" : untilIdle ? "worker --until-idle" : "worker",
      worker: true,
      config
    })
    yield* Effect.addFinalizer((exit) =>
      exit._tag === "Success" ? Effect.void : Effect.gen(function*() {
        if (process.exitCode === undefined) yield* exitWith(exitCodes.completed)
        const runs = yield* host.engine.awake
        yield* note(`stopping: ${runs === 0 ? "no run is under way" : `${Words.count(runs, "run")} let go`}`)
      })
    )
    if (isAlone) yield* DispatchLock.hold(host)
    const teller = new Teller(host.now)
    yield* host.engine.committed.pipe(
      Stream.runForEach((committed) => Effect.forEach(teller.take(committed), tell(globals, host), { discard: true })),
      Effect.forkScoped({ startImmediately: true })
    )
    // Before it takes up anything, so that what it does is counted from the first step.
    if (metrics !== undefined) {
      const { serve } = yield* Effect.promise(() => import("./MetricsPort.ts"))
      yield* serve(host, globals, metrics)
    }
    // Schedules come first, so that what they ask for is done in the same round.
    if (isAlone) {
      const { firings } = yield* host.refine(host.schedules.tick)
      yield* note(`${Words.count(firings.length, "slot")} of schedules fired`)
    }
    yield* host.serve()
    const serves = [...host.served(), "contracts"]
    yield* note(
      `worker ${process.pid} on ${globals.db} serves ${Words.list(serves)} (${
        config.file === undefined ? "no fermata.config.ts" : fileLabel(config.file)
      })`
    )
    for (const { agent } of config.config.agents ?? []) {
      const lack = host.lack(agent.name)
      if (lack !== undefined) yield* note(`${err.yellow("warning:")} runs of ${agent.name} are left alone: ${lack}`)
    }
    const told = new Set<string>()
    const tellUnserved = Effect.gen(function*() {
      for (const { hash, id, lacks, version } of yield* host.refine(host.contracts.unserved)) {
        if (told.has(hash)) continue
        told.add(hash)
        yield* note(
          `${err.yellow("warning:")} runs of contract ${id}@${version} are left alone: here is ${Words.list(lacks)}`
        )
      }
    })
    yield* tellUnserved
    if (!untilIdle) return yield* Effect.forever(Effect.andThen(host.sleep(tellMs), tellUnserved))
    yield* idle(host)
    yield* tellLeft(host)
    yield* Effect.yieldNow
    yield* note("idle")
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const lookMs = 100
/** How often (ms) a worker looks for contracts that were added and that it leaves alone. */
const tellMs = 5_000
const mostDue = 1_000
/** A run that goes on by itself this soon (ms) is waited for. */
const momentMs = 10_000

/** Ends when there is nothing to do here, twice in a row, so that what others have just written is seen. */
const idle = (host: Host.Host): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    let told = ""
    for (let quiet = 0; quiet < 2;) {
      yield* host.engine.settled
      yield* host.engine.evict
      yield* host.engine.settled
      const reason = yield* busyWith(host)
      quiet = reason === undefined ? quiet + 1 : 0
      if (reason?.text !== undefined && reason.key !== told) {
        told = reason.key
        yield* note(err.dim(`… ${reason.text}`))
      }
      yield* host.sleep(lookMs + 50)
    }
  })

interface Busy {
  readonly key: string
  /** What is said about it; nothing for what goes on here. */
  readonly text?: string
}

/** Writes what there is to tell of a run as one line. */
const tell = ({ json }: Globals, { now }: Host.Host) => ({ mark, more, run, text, what }: Told): Effect.Effect<void> =>
  json
    ? item({ what, runId: run.id, workflow: run.workflow, version: run.version, at: now(), ...more })
    : line(`${mark} ${run.id}  ${Words.definition(run)}  ${text}`)

/** What keeps the worker from being idle. */
const busyWith = (host: Host.Host): Effect.Effect<Busy | undefined, CommandFailed> =>
  Effect.gen(function*() {
    const { backend } = host.store
    if ((yield* host.engine.awake) > 0) return { key: "awake" }
    const tasks = yield* host.refine(host.tasks.list({ status: "running", limit: 500 }))
    if (tasks.some(({ owner, run }) => owner === host.engine.ownerId && run === undefined)) return { key: "tasks" }
    const { outbox, owned } = yield* host.refine(host.runs.census)
    if (outbox > 0) return { key: "outbox" }
    const now = host.now()
    if (owned > 0) {
      const others = (yield* host.refine(host.runs.owners)).filter(({ id }) => id !== host.engine.ownerId)
      const held = yield* heldBy(host, others)
      if (held !== undefined) return held
    }
    const serves = yield* servedHere(host)
    const next = (yield* host.refine(backend.due(now, now + momentMs, mostDue))).find(serves)
    if (next?.dueAt != null) {
      return { key: `due ${next.dueAt}`, text: `the next run is due ${Words.fromNow(next.dueAt, now)}` }
    }
    return undefined
  })

/** Whether this process takes up a run. */
const servedHere = (host: Host.Host): Effect.Effect<(run: RunRow) => boolean, CommandFailed> =>
  Effect.map(host.refine(host.contracts.unserved), (unserved) => {
    const programs = new Set(host.served())
    const left = new Set(unserved.map(({ hash }) => hash))
    return (run) => run.kind === "program" ? programs.has(Words.definition(run)) : !left.has(run.definition ?? "")
  })

/** Names the due runs that are left to others, and why. */
const tellLeft = (host: Host.Host): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    const serves = yield* servedHere(host)
    const due = yield* host.refine(host.store.backend.due(-1, host.now(), mostDue))
    const unserved = yield* host.refine(host.contracts.unserved)
    for (const [definition, runs] of Map.groupBy(due.filter((run) => !serves(run)), Words.definition)) {
      const lacks = unserved.find(({ hash }) => hash === runs[0]!.definition)?.lacks ?? ["no such workflow"]
      yield* note(
        `${err.yellow("left alone:")} ${Words.count(runs.length, "run")} of ${definition}: here is ${Words.list(lacks)}`
      )
    }
  })

/** A run that a process holds which works on it, or which is dead and whose lease must end first. */
const heldBy = (host: Host.Host, owners: ReadonlyArray<Owner>): Effect.Effect<Busy | undefined, CommandFailed> =>
  Effect.gen(function*() {
    const now = host.now()
    const runs = yield* host.refine(host.runs.list({ status: ["queued", "running", "suspended"], limit: 10_000 }))
    for (const run of runs) {
      if (run.owner === undefined || run.owner === host.engine.ownerId) continue
      const owner = owners.find(({ id }) => id === run.owner)
      if (owner === undefined || now > owner.expiresAt || isGone(owner)) {
        yield* host.reap
        yield* host.engine.adopt(run.root)
        const { owner: holder } = yield* host.refine(host.runs.find(run.id))
        if (owner === undefined || holder !== owner.id) return { key: `freed ${run.id}` }
        return {
          key: `gone ${owner.id}`,
          text: `${ownerName(owner)} ${
            isGone(owner) ? "is gone" : "gives no sign of life"
          }; its runs are free when its lease ends, ${Words.fromNow(owner.expiresAt, now)}`
        }
      }
      if (run.status !== "suspended") {
        return { key: `held ${run.id}`, text: `run ${run.id} is worked on by ${ownerName(owner)}` }
      }
    }
    return undefined
  })
