/**
 * Follows a run until it is over, or until only a person, a signal or an
 * operator makes it go on, and works on it here when nobody else does.
 */
import type { Owner } from "@fermata/core/Owner"
import type { RunSummary } from "@fermata/core/RunSummary"
import type * as RunView from "@fermata/core/RunView"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Below from "./Below.ts"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import { fileLabel } from "./ContractFile.ts"
import { isServedBy, isWorking, missingIn } from "./ContractNeeds.ts"
import type { Samples as NextSamples } from "./NextCommands.ts"
import type { Here, Operator } from "./Operator.ts"
import { Outcomes, type Steps, type Usage } from "./Outcomes.ts"
import { err, note, noteNow } from "./Output.ts"
import { isGone, ownerName } from "./Owners.ts"
import * as Samples from "./Samples.ts"
import { Watch } from "./Watch.ts"
import * as Words from "./Words.ts"

/** How a run is followed. */
export interface Options {
  /** Entries of the journal that were there before the command acted. */
  readonly from: number
  /** Whether this process works on the run at once, or only when nobody else does. */
  readonly work: "here" | "if-nobody-does"
  /** Go on here even without the tasks and the model that its contract needs, as when it is to stop. */
  readonly evenIfUnserved?: boolean
  /** Entries that have been shown already, when those are more. */
  readonly told?: number
  /** Stands before each line, when several runs are followed at once. */
  readonly prefix?: string
}

/** Where the run stands at the end, and what this process had to do with it. */
export interface Followed {
  readonly view: RunView.RunView
  readonly steps: Steps
  readonly usage: Usage
  /** When it was left, ms since the epoch. */
  readonly now: number
  /** What would end its waits. */
  readonly samples: NextSamples
  /** What the runs below it wait for. */
  readonly below: Below.Below
  /** Why nobody goes on with it, when that is so. */
  readonly unserved?: string
}

/** Follows the run and shows it on stderr. */
export const follow = (operator: Operator, runId: string, options: Options): Effect.Effect<Followed, CommandFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const run = yield* operator.look(operator.runs.find(runId))
    const watch = new Watch(
      options.told ?? options.from,
      (text) => noteNow(options.prefix === undefined ? text : `${options.prefix} ${text}`)
    )
    const outcomes = new Outcomes()
    let last: { readonly view: RunView.RunView; readonly at: number } | undefined
    const follows = operator.refine(
      operator.runs.follow(runId, { untilSuspended: true, farMs }).pipe(
        Stream.runForEach(({ entries, view }) =>
          Effect.sync(() => {
            last = { view, at: operator.now() }
            outcomes.take(entries)
            watch.take(entries, view, operator.now())
          })
        )
      )
    )
    const wayOut = Effect.gen(function*() {
      while (last?.view.status !== "suspended" || operator.now() - last.at < shortWaitMs) {
        yield* operator.sleep(shortWaitMs)
      }
      if (options.prefix === undefined) {
        noteNow(err.dim(`  Ctrl-C is safe: ${
          operator.there === undefined
            ? `the run stays as it is, and goes on with ${Commands.workInstead()}`
            : `the run stays where it is, at ${operator.there.url}`
        }`))
      }
      return yield* Effect.never
    })
    const signsOfLife = Effect.forever(Effect.andThen(
      operator.sleep(signOfLifeMs),
      Effect.sync(() => {
        if (last !== undefined) stillThere(last.view, operator.now() - last.at, operator.now())
      })
    ))
    const unserved = yield* Effect.raceAllFirst([
      Effect.as(follows, undefined),
      Effect.flatMap(
        operator.here === undefined ? watchOver(operator, run) : takeUp(operator, operator.here, run, options),
        (problem) => problem === undefined ? Effect.never : Effect.succeed(problem)
      ),
      signsOfLife,
      wayOut
    ])
    if (last === undefined) return yield* failed("RunGone", `Run ${runId} is not in the database any more`)
    if (unserved === undefined) watch.tellWaits(last.view, operator.now())
    // What this process committed last is told to its listeners in the next turns.
    yield* Effect.yieldNow
    yield* Effect.yieldNow
    return {
      view: last.view,
      steps: outcomes.steps(operator.here?.epochsOf(runId) ?? new Set(), options.from),
      usage: outcomes.usage,
      now: operator.now(),
      samples: yield* operator.look(Samples.of(operator, last.view)),
      below: yield* operator.look(Below.of(operator, last.view)),
      ...(unserved === undefined ? {} : { unserved })
    }
  })).pipe(
    Effect.onInterrupt(() =>
      operator.there === undefined
        ? note(`  run ${runId} is let go; it goes on when a worker takes it up: ${Commands.workAfterwards()}`)
        : Effect.forEach(
          [
            `  run ${runId} is left to ${operator.there.url}`,
            `    to follow it again: ${Commands.followRecorded(runId)}`,
            `    to stop it: ${Commands.cancelThere(runId)}`
          ],
          note,
          { discard: true }
        )
    )
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The command does not wait for a run that needs a person and goes on without one only after this long (ms). */
export const farMs = 60_000
const signOfLifeMs = 15_000
/** After this long (ms) in one wait it is said how to leave it. */
const shortWaitMs = 1_000
const lookMs = 200
/** A due run that nobody takes up for this long is not served by the workers that live. */
const patienceMs = 2_000
/** How often (ms) a run is looked at that is at a server, beside its stream. */
const farLookMs = 1_000
/** A due run that no worker of a server takes up for this long (ms) is served by none. */
const farPatienceMs = 10_000

/** Says on stderr what takes long. */
const stillThere = (view: RunView.RunView, sinceMs: number, now: number): void => {
  if (sinceMs < signOfLifeMs) return
  const running = view.steps.filter(({ status }) => status === "running").slice(0, 3)
  if (view.status === "running" && running.length > 0) {
    noteNow(
      err.dim(
        `  … still at ${
          running.map((step) => `${step.title ?? step.key} (${Words.duration(now - step.requestedAt)})`).join(", ")
        }`
      )
    )
  }
  const timer = view.waits.find(({ until }) => until !== undefined)
  if (view.status === "suspended" && timer?.until !== undefined) {
    noteNow(err.dim(`  … still waiting, ${Words.fromNow(timer.until, now)}`))
  }
}

/**
 * Takes the run up in this process when nobody else does: at once, or when no
 * live worker has it. Says what it waits for. Ends with nothing when this
 * process has it, or with the reason why nobody goes on with it.
 */
const takeUp = (
  operator: Operator,
  here: Here,
  run: RunSummary,
  { evenIfUnserved = false, work }: Options
): Effect.Effect<string | undefined, CommandFailed> =>
  Effect.gen(function*() {
    const adopt = Effect.andThen(here.serve(run.workflow), here.engine.adopt(run.root, { evenIfUnserved }))
    let adopted = work === "here"
    if (adopted) yield* adopt
    let idleSince: number | undefined
    let missing: string | undefined
    let told: string | undefined
    while (true) {
      const now = operator.now()
      const { dueAt, owner } = yield* operator.refine(operator.runs.find(run.id))
      if (owner === here.engine.ownerId) return undefined
      const owners = (yield* operator.refine(operator.runs.owners)).filter(({ id }) => id !== here.engine.ownerId)
      const holder = owners.find(({ id }) => id === owner)
      const isDue = owner === undefined && dueAt !== undefined && dueAt <= now
      idleSince = isDue ? idleSince ?? now : undefined
      const isLeft = idleSince !== undefined && now - idleSince >= patienceMs
      if (holder !== undefined) {
        const isMissing = isGone(holder)
        if (isMissing && holder.id === missing && holder.id !== told) {
          told = holder.id
          yield* note(
            `  its owner, ${ownerName(holder)}, is gone; the run is free when that lease ends, ${
              Words.fromNow(holder.expiresAt, now)
            }`
          )
        }
        if (isMissing || now > holder.expiresAt) yield* here.reap
        if (isMissing) missing = holder.id
      } else if (adopted && isDue) {
        // The engine does not notice by itself what this process has freed.
        yield* here.engine.adopt(run.root)
        if (isLeft) {
          return `it is recorded, and nobody serves ${
            Words.definition(run)
          }: start a worker with the configuration that has it`
        }
      } else if (!adopted && (isLeft || !owners.some(({ alive, worker }) => alive && worker))) {
        const lacked = evenIfUnserved ? undefined : yield* lacks(operator, here, run)
        if (lacked === undefined) {
          if (isLeft) yield* note(`  no worker took it up in ${Words.duration(patienceMs)}, so it goes on here`)
          yield* adopt
          adopted = true
          idleSince = undefined
        } else if (!owners.some(lacked.isServedBy)) {
          return lacked.text
        }
      }
      yield* operator.sleep(lookMs)
    }
  })

/**
 * Looks at a run that others work on, at a server. Ends with the reason why
 * nobody goes on with it, when it is due and nobody takes it up.
 */
const watchOver = (operator: Operator, run: RunSummary): Effect.Effect<string, CommandFailed> =>
  Effect.gen(function*() {
    let idleSince: number | undefined
    while (true) {
      yield* operator.sleep(farLookMs)
      // The stream tells how long it waits for a server that is away.
      const found = yield* Effect.orElseSucceed(operator.refine(operator.runs.find(run.id)), () => undefined)
      const now = operator.now()
      const isDue = found !== undefined && found.owner === undefined && found.dueAt !== undefined && found.dueAt <= now
      idleSince = isDue ? idleSince ?? now : undefined
      if (idleSince === undefined || now - idleSince < patienceMs) continue
      const owners = yield* Effect.orElseSucceed(operator.refine(operator.runs.owners), () => undefined)
      const isWorked = owners === undefined || owners.some(({ alive, worker }) => alive && worker)
      if (!isWorked) {
        return "it is recorded, and nobody works on runs there: start a worker on the machine of the server"
      }
      if (now - idleSince >= farPatienceMs) {
        return `it is recorded, and nobody serves ${
          Words.definition(run)
        } there: start a worker with the configuration that has it, on the machine of the server`
      }
    }
  })

/** What this process would need to go on with the run and has not, and who has it; a step that lacks its task or its model would fail for good. */
const lacks = (
  operator: Operator,
  here: Here,
  run: RunSummary
): Effect.Effect<
  { readonly text: string; readonly isServedBy: (owner: Owner) => boolean } | undefined,
  CommandFailed
> =>
  Effect.gen(function*() {
    const { config, file } = yield* here.serve(run.workflow)
    const lack = here.lack(run.workflow)
    if (lack !== undefined) {
      const definition = Words.definition(run)
      return {
        text: `it is recorded, and goes on elsewhere: ${lack}`,
        isServedBy: (owner) => isWorking(owner) && owner.serves.programs.includes(definition)
      }
    }
    if (run.kind !== "contract") return undefined
    const known = yield* operator.contractOf(run.workflow, run.version)
    if (known === undefined) return undefined
    const { contract, kinds } = known
    const needs = missingIn(contract, config)
    if (needs.length === 0) return undefined
    const place = file === undefined ? "no fermata.config.ts above this folder" : fileLabel(file)
    return {
      isServedBy: (owner) => isServedBy(contract, owner, kinds),
      text: `it is recorded, and goes on elsewhere: here is ${
        Words.list(needs)
      } (${place}); start a worker with the configuration that has it, or name that with --config FILE`
    }
  })
