/**
 * Replays the journal of a run against the code at hand and stops where the run
 * would go on: no step body runs, and nothing is written.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { readWaits } from "@fermata/core/Wait"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RunRow } from "../Backend.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import { TimerQueue } from "./process/TimerQueue.ts"
import type { ExecutorHost, PendingCommit, Registration } from "./run/RunHost.ts"
import { RunExecutor } from "./RunExecutor.ts"

/** Where code and journal part. */
export interface Difference {
  /** The step, approval, child or timer at which they do. */
  readonly key: string
  readonly detail: string
  /** Number of entries that the code has replayed until then. */
  readonly at: number
}

/** What came of a replay. */
export interface Replayed {
  /** The first difference between code and journal; undefined when the code replays the whole journal. */
  readonly difference?: Difference | undefined
  /** How the run ends with what the journal holds; undefined when its code goes on behind that. */
  readonly ended?: string | undefined
}

/** The first difference between code and journal; undefined when the code replays the whole journal. */
export const replay = (...given: Parameters<typeof replayed>): Effect.Effect<Difference | undefined> =>
  Effect.map(replayed(...given), ({ difference }) => difference)

/** Where the code comes to with the journal. */
export const replayed = (
  runtime: EngineRuntime,
  registration: Registration,
  row: RunRow,
  journal: ReadonlyArray<JournalEntry.JournalEntry>
): Effect.Effect<Replayed> => {
  const first = journal[0]
  if (first?._tag !== "RunRequested") {
    return Effect.succeed({
      difference: { key: "entry 0", detail: "the journal does not begin with RunRequested", at: 0 }
    })
  }
  return Effect.matchCauseEffect(registration.decodePayload(first.payload), {
    onFailure: (cause) =>
      Effect.succeed({
        difference: {
          key: "payload",
          detail: `the payload does not fit the workflow any more: ${Cause.pretty(cause).split("\n")[0]}`,
          at: 0
        }
      }),
    onSuccess: (payload) =>
      Effect.callback<Replayed>((resume) => {
        const done = (replayed: Replayed) => {
          executor.drop()
          resume(Effect.succeed(replayed))
        }
        const host = dryHost(runtime, {
          // The only commits of a run that does not go live are its divergence and its end.
          commit: (_run, pending) =>
            done({ difference: differenceOf(pending, executor.reached), ended: pending.status?.status }),
          replayed: () => done({})
        })
        const executor = new RunExecutor(host, registration, awake(row), payload, resumed(journal))
        executor.start()
        return Effect.sync(() => executor.drop())
      })
  })
}

/** The host of a dry replay, which owns no run: whatever the replay would write or begin is dropped, unless `more` says otherwise. */
export const dryHost = ({ executorHost: host }: EngineRuntime, more: Partial<ExecutorHost>): ExecutorHost => ({
  now: host.now,
  elapsed: host.elapsed,
  hostElapsed: host.hostElapsed,
  schedule: host.schedule,
  fork: host.fork,
  shared: host.shared,
  stepContext: host.stepContext,
  hostSleep: host.hostSleep,
  timers: new TimerQueue(host.now, host.fork),
  turns: host.turns,
  options: host.options,
  awaited: host.awaited,
  artifact: host.artifact,
  together: host.together,
  commit: () => {},
  commitTogether: () => {},
  gone: () => {},
  parked: () => {},
  woken: () => {},
  activeAfterEviction: () => {},
  bodyStarts: () => {},
  bodySpends: () => {},
  handOutSoon: () => {},
  desk: { ...host.desk, write: () => Effect.never },
  ...more
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const differenceOf = ({ status }: PendingCommit, at: number): Difference | undefined => {
  if (status?.reason !== "diverged") return undefined
  const wait = Option.getOrUndefined(readWaits(status.waits))?.[0]
  return { key: wait?.key ?? "run", detail: wait?.detail ?? "", at }
}

/** As an owner would have it that takes the run up. */
const awake = (row: RunRow): RunRow => ({ ...row, status: "running", reason: null, waits: null, takeovers: 0 })

/** A run that suspended on its failure replays nothing until it is resumed, so it is here. */
const resumed = (journal: ReadonlyArray<JournalEntry.JournalEntry>): ReadonlyArray<JournalEntry.JournalEntry> => {
  const last = journal.findLast(({ _tag }) =>
    _tag === "RunSuspended" || _tag === "RunResumed" || _tag === "StopRequested"
  )
  if (
    last?._tag !== "RunSuspended" || !last.waits.some(({ key, reason }) => key === "failure" && reason === "operator")
  ) return journal
  const { at, epoch } = journal.at(-1)!
  return [...journal, { _tag: "RunResumed", seq: journal.length, at, epoch, by: "a replay" }]
}
