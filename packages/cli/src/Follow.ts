/**
 * Follows a run until it is over, or until only a person, a signal or an
 * operator makes it go on, and works on it here when nobody else does.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type * as RunView from "@fermata/core/RunView"
import type { RunSummary } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import type { Host } from "./Host.ts"
import { err, note, noteNow, plain } from "./Output.ts"
import { isGone, ownerName } from "./Owners.ts"
import { Outcomes, type Steps } from "./Outcomes.ts"
import { Watch } from "./Watch.ts"
import * as Words from "./Words.ts"

export interface Options {
  /** Entries of the journal that were there before the command acted. */
  readonly from: number
  /** Whether this process works on the run at once, or only when nobody else does. */
  readonly work: "here" | "if-nobody-does"
}

/** Where the run stands at the end, and what this process had to do with it. */
export interface Followed {
  readonly view: RunView.RunView
  readonly steps: Steps
}

/** Follows the run and shows it on stderr. */
export const follow = (host: Host, runId: string, options: Options): Effect.Effect<Followed, CommandFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const own = new Set<number>()
    yield* host.engine.committed.pipe(
      Stream.runForEach(({ entries, run }) =>
        Effect.sync(() => {
          if (run.id === runId) for (const { epoch } of entries) own.add(epoch)
        })
      ),
      Effect.forkScoped
    )
    // The listener must be there before the first commit.
    yield* Effect.yieldNow
    const run = yield* host.refine(host.runs.find(runId))
    const works = yield* Effect.forkScoped(takeUp(host, run, options.work === "here"))
    const watch = new Watch(options.from)
    const outcomes = new Outcomes()
    const follows = host.refine(host.runs.follow(runId, { untilSuspended: true }).pipe(
      Stream.runForEach(({ entries, view }) =>
        Effect.sync(() => {
          last = { view, at: host.now() }
          outcomes.take(entries)
          watch.take(entries, view, host.now())
        })
      )
    ))
    let last: { view: RunView.RunView; at: number } | undefined
    yield* Effect.forkScoped(Effect.forever(
      Effect.andThen(
        host.sleep(signOfLifeMs),
        Effect.sync(() => {
          if (last !== undefined) stillThere(last.view, host.now() - last.at, host.now())
        })
      )
    ))
    // What goes wrong while this process tries to take it up ends the command.
    yield* Effect.raceFirst(follows, Effect.andThen(Fiber.join(works), Effect.never))
    if (last === undefined) return yield* failed("RunGone", `Run ${runId} is not in the database any more`)
    return { view: last.view, steps: outcomes.steps(own, options.from) }
  }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const signOfLifeMs = 15_000
const lookMs = 200
/** A due run that nobody takes up for this long is not served by the workers that live. */
const patienceMs = 2_000

/** Says on stderr what takes long. */
const stillThere = (view: RunView.RunView, sinceMs: number, now: number): void => {
  if (sinceMs < signOfLifeMs) return
  const running = view.steps.filter(({ status }) => status === "running").slice(0, 3)
  if (view.status === "running" && running.length > 0) {
    noteNow(err.dim(`  … still at ${running.map((step) => `${plain(step.key)} (${Words.duration(now - step.requestedAt)})`).join(", ")}`))
  }
  const timer = view.waits.find(({ until }) => until !== undefined)
  if (view.status === "suspended" && timer?.until !== undefined) noteNow(err.dim(`  … still waiting, ${Words.fromNow(timer.until, now)}`))
}

/**
 * Takes the run up in this process when nobody else does: at once, or when no
 * live worker has it. Ends when this process has it; says what it waits for.
 */
const takeUp = (host: Host, run: RunSummary, atOnce: boolean): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    const adopt = Effect.andThen(host.serve, host.engine.adopt(run.root))
    if (atOnce) yield* adopt
    let adopted = atOnce
    let dueSince: number | undefined
    let told: string | undefined
    while (true) {
      const now = host.now()
      const { dueAt, owner } = yield* host.refine(host.runs.find(run.id))
      const owners = (yield* host.refine(host.runs.owners)).filter(({ id }) => id !== host.engine.ownerId)
      const holder = owners.find(({ id }) => id === owner)
      if (owner === host.engine.ownerId) return
      if (holder !== undefined) {
        if (isGone(holder) && holder.id !== told) {
          told = holder.id
          yield* note(`  its owner, ${ownerName(holder)}, is gone; the run is free when that lease ends, ${Words.fromNow(holder.expiresAt, now)}`)
        }
        if (now > holder.expiresAt) yield* host.reap
      } else if (!adopted) {
        dueSince = dueAt !== undefined && dueAt <= now ? dueSince ?? now : undefined
        const isLeft = dueSince !== undefined && now - dueSince >= patienceMs
        if (isLeft || !owners.some(({ alive, worker }) => alive && worker)) {
          if (isLeft) yield* note(`  no worker took it up in ${Words.duration(patienceMs)}, so it goes on here`)
          yield* adopt
          adopted = true
        }
      }
      yield* host.sleep(lookMs)
    }
  })
