/**
 * Follows a run until it is over, or until only a person, a signal or an
 * operator makes it go on, and works on it here when nobody else does.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type * as RunView from "@fermata/core/RunView"
import type { Owner, RunSummary } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { CommandFailed } from "./CommandFailed.ts"
import type { Host } from "./Host.ts"
import { err, note, noteNow, plain } from "./Output.ts"
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

/** Steps by where their outcomes come from. */
export interface Steps {
  /** Run to their outcome by this process. */
  readonly executed: number
  /** In the journal before this process began. */
  readonly replayed: number
  /** Recorded more than once, which must never be. */
  readonly repeated: number
  /** Begun again after a crash, as their rule for crashes says. */
  readonly recovered: number
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
    if (options.work === "here") yield* host.engine.adopt(run.root)
    else yield* Effect.forkScoped(workIfNobodyDoes(host, run))
    const watch = new Watch(options.from)
    const outcomes = new Outcomes()
    let last: { view: RunView.RunView; at: number } | undefined
    const alive = yield* Effect.forkScoped(Effect.forever(
      Effect.andThen(
        host.sleep(signOfLifeMs),
        Effect.sync(() => {
          if (last !== undefined) stillThere(last.view, host.now() - last.at, host.now())
        })
      )
    ))
    yield* host.refine(host.runs.follow(runId, { untilSuspended: true }).pipe(
      Stream.runForEach(({ entries, view }) =>
        Effect.sync(() => {
          last = { view, at: host.now() }
          outcomes.take(entries)
          watch.take(entries, view, host.now())
        })
      )
    ))
    yield* Fiber.interrupt(alive)
    const { view } = last!
    return { view, steps: outcomes.steps(own, options.from) }
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

/** Takes the run up in this process unless a live worker does, says why it waits for others, and goes on looking until then. */
const workIfNobodyDoes = (host: Host, run: RunSummary): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    let dueSince: number | undefined
    let told: string | undefined
    while (true) {
      const now = host.now()
      const owners = yield* host.refine(host.runs.owners)
      const workers = owners.filter(({ alive, id, worker }) => alive && worker && id !== host.engine.ownerId)
      const current = yield* host.refine(host.runs.find(run.id))
      const isDue = current.owner === undefined && current.dueAt !== undefined && current.dueAt <= now
      dueSince = isDue ? dueSince ?? now : undefined
      const isLeft = dueSince !== undefined && now - dueSince >= patienceMs
      if (workers.length === 0 || isLeft) {
        if (isLeft) yield* note(`no worker has taken it up for ${Words.duration(patienceMs)}, so it goes on here`)
        yield* host.serve
        yield* host.engine.adopt(current.root)
        if (current.owner === undefined) return
      }
      const holder = owners.find(({ id }) => id === current.owner && id !== host.engine.ownerId)
      if (holder !== undefined && holder.id !== told && holderIsGone(holder)) {
        told = holder.id
        yield* note(`its owner ${ownerName(holder)} is gone; the run is free when its lease ends ${Words.fromNow(holder.expiresAt, now)}`)
      }
      if (workers.length === 0 && holder === undefined) return
      yield* host.sleep(lookMs)
      if (holder !== undefined && host.now() > holder.expiresAt) yield* host.reap
    }
  })

/** A process of this machine that is no more. Of others only the lease tells. */
const holderIsGone = (owner: Owner): boolean => {
  const { host, pid } = owner.info
  return typeof pid === "number" && host === hostName && !isRunning(pid)
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}
