/** What this process offers to the executors of its runs. */
import * as Effect from "effect/Effect"
import type { Desk } from "../../Answers.ts"
import type { Backend } from "../../Backend.ts"
import type { EngineOptions } from "../../EngineOptions.ts"
import type { EngineProbe } from "../../EngineProbe.ts"
import type { Store } from "../../Store.ts"
import type { ExecutorHost, HeldRun } from "../run/RunHost.ts"
import type { BodyContexts } from "./BodyContexts.ts"
import type { Commits } from "./Commits.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import type { Loading } from "./Loading.ts"
import type { Ownership } from "./Ownership.ts"
import type { Pool } from "./Pool.ts"
import { Look, type Rounds } from "./Rounds.ts"
import type { RunTurns } from "./RunTurns.ts"
import type { TimerQueue } from "./TimerQueue.ts"
import type { Watch } from "./Watch.ts"

interface Parts {
  readonly options: EngineOptions
  readonly backend: Backend
  readonly store: Store["Service"]
  readonly probe: EngineProbe
  readonly host: HostRuntime
  readonly rounds: Rounds
  readonly bodies: BodyContexts
  readonly timers: TimerQueue
  readonly turns: RunTurns
  readonly desk: Desk
  readonly commits: Commits
  readonly ownership: Ownership
  readonly pool: Pool
  readonly loading: Loading
  readonly watch: Watch
}

export const make = (
  {
    backend,
    bodies,
    commits,
    desk,
    host,
    loading,
    options,
    ownership,
    pool,
    probe,
    rounds,
    store,
    timers,
    turns,
    watch
  }: Parts
): ExecutorHost => {
  const gone = (run: HeldRun, how: "ended" | "released" | "deposed" | "reload"): void => {
    const { row } = run
    pool.remove(run)
    if (how !== "reload") pool.parked.unpin(row.id)
    else if (!rounds.closed) {
      const again = { ...row, status: "running", reason: null, waits: null, takeovers: 0 }
      host.fork(loading.load(ownership.era, again))
    }
    if (how === "deposed") {
      watch.deposed?.()
      rounds.poke()
    } else pool.noticeFreeSlot()
  }

  const activeAfterEviction = (runId: string): void => {
    if (rounds.closed || !pool.parked.pin(runId)) return
    host.fork(
      Effect.ignore(Effect.map(loading.takeUp(runId), (isOurs) => {
        if (!isOurs) pool.parked.unpin(runId)
      }))
    )
  }

  return {
    now: host.now,
    elapsed: host.elapsed,
    hostElapsed: host.hostElapsed,
    hostSleep: host.hostSleep,
    schedule: host.schedule,
    fork: host.fork,
    get shared() {
      return bodies.shared
    },
    stepContext: bodies.ofStep,
    get bodyStarts() {
      return probe.bodyBegins
    },
    get bodySpends() {
      return probe.bodySpends
    },
    timers,
    turns,
    options,
    desk,
    commit: commits.commit,
    commitTogether: commits.together,
    get awaited() {
      return backend.awaited
    },
    artifact: store.artifact,
    together: backend.supports.together,
    handOutSoon: () => rounds.poke(Look.inbox),
    gone,
    parked: pool.park,
    woken: pool.parked.remove,
    activeAfterEviction
  }
}
