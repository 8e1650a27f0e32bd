/** The engine of one process, composed of its parts. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import type { Desk } from "../Answers.ts"
import type { AnswerOp, Backend } from "../Backend.ts"
import type { EngineOptions } from "../EngineOptions.ts"
import { EngineProbe } from "../EngineProbe.ts"
import type { HostClock } from "../HostClock.ts"
import { CurrentPace } from "../Pace.ts"
import type { Store } from "../Store.ts"
import * as Acting from "./Acting.ts"
import type { Extensions } from "./Extensions.ts"
import { FeedReader } from "./FeedReader.ts"
import { Announcements } from "./process/Announcements.ts"
import { BodyContexts } from "./process/BodyContexts.ts"
import { Commits } from "./process/Commits.ts"
import { HostRuntime } from "./process/HostRuntime.ts"
import { Inboxes } from "./process/Inboxes.ts"
import { Liveness } from "./process/Liveness.ts"
import { Loading } from "./process/Loading.ts"
import { Loops } from "./process/Loops.ts"
import { Messages } from "./process/Messages.ts"
import * as Outbox from "./process/Outbox.ts"
import { Ownership } from "./process/Ownership.ts"
import { Pool } from "./process/Pool.ts"
import { Programs } from "./process/Programs.ts"
import { Rounds } from "./process/Rounds.ts"
import * as RunHosting from "./process/RunHosting.ts"
import { RunTurns } from "./process/RunTurns.ts"
import { RunWaiters } from "./process/RunWaiters.ts"
import { ScheduleBell } from "./process/ScheduleBell.ts"
import { Starts } from "./process/Starts.ts"
import { TimerQueue } from "./process/TimerQueue.ts"
import type { Watch } from "./process/Watch.ts"
import { Writer } from "./process/Writer.ts"
import type { ExecutorHost } from "./run/RunHost.ts"
import { TaskBell } from "./tasks/TaskBell.ts"

/** The parts of an engine that its services call. */
export interface EngineRuntime {
  readonly options: EngineOptions
  readonly store: Store["Service"]
  readonly backend: Backend
  readonly extensions: Extensions
  readonly feed: FeedReader
  readonly host: HostRuntime
  readonly rounds: Rounds
  readonly writer: Writer
  readonly ownership: Ownership
  readonly programs: Programs
  readonly pool: Pool
  readonly loading: Loading
  readonly starts: Starts
  readonly messages: Messages
  readonly waiters: RunWaiters
  readonly desk: Desk
  readonly taskBell: TaskBell
  readonly bodies: BodyContexts
  readonly loops: Loops
  readonly timers: TimerQueue
  readonly scheduleBell: ScheduleBell
  /** Set by whoever measures the engine. */
  readonly watch: Watch
  /** What executors of runs are given. */
  readonly executorHost: ExecutorHost
  /** Whether nothing is on its way in this process: all that is left waits for time, people or step bodies. */
  readonly isSettled: () => boolean
  readonly close: Effect.Effect<void>
  /** Ends as a killed process does: nothing of it is written, interrupted or finalized. */
  readonly crash: () => void
}

/** `ambient`: the context of the engine's own fibers. */
export const make = (
  store: Store["Service"],
  hostClock: HostClock["Service"],
  options: EngineOptions,
  ownerId: string,
  ambient: Context.Context<never>,
  extensions: Extensions
): EngineRuntime => {
  const { backend } = store
  const probe = Context.get(ambient, EngineProbe)
  const host = new HostRuntime(ambient, hostClock)
  const watch: Watch = {}
  const rounds = new Rounds()
  const taskBell = new TaskBell()
  const bodies = new BodyContexts(ambient)
  const timers = new TimerQueue(host.now, host.fork)
  const turns = new RunTurns(Context.get(ambient, CurrentPace)(host.hostElapsed, host.schedule), host.schedule)
  const waiters = new RunWaiters(backend)
  const scheduleBell = new ScheduleBell()
  const feed = new FeedReader({ backend, fork: host.fork, onCommit: extensions.onCommit })

  const writer = new Writer({
    backend,
    host,
    rounds,
    concernsRuns: () => options.worker || pool.size > 0,
    lost: (cause) => ownership.lost(cause),
    watch
  })
  const pool = new Pool({ options, host, rounds, failFast: (runs) => writer.failFast(runs) })
  const programs = new Programs({ backend, host, writer, probe })
  const liveness = new Liveness(backend, hostClock, options, ownerId, () => ({
    ...options.info,
    serves: { programs: programs.told, ...extensions.documents.offer }
  }))
  const ownership = new Ownership({ ownerId, options, backend, host, rounds, liveness, dropRuns: pool.drop })

  const logsRuns = LogLevel.isGreaterThanOrEqualTo("Debug", Context.get(ambient, References.MinimumLogLevel))
  const announcements = new Announcements({ store, host, rounds, writer, extensions, logsRuns })
  const inboxes = new Inboxes(backend, ownerId, pool, rounds)
  const desk: Desk = {
    backend,
    write: (op, act) => Acting.write(writer.write<AnswerOp>, op, act),
    journal: store.journal,
    now: host.now
  }
  const commits = new Commits({ host, rounds, writer, announcements, extensions, inboxes, waiters })
  const loading = new Loading({
    options,
    store,
    host,
    rounds,
    writer,
    ownership,
    pool,
    inboxes,
    programs,
    extensions,
    announcements,
    waiters,
    executorHost: () => executorHost
  })
  const executorHost = RunHosting.make({
    options,
    backend,
    store,
    probe,
    host,
    rounds,
    bodies,
    timers,
    turns,
    desk,
    commits,
    ownership,
    pool,
    loading,
    watch
  })
  const starts = new Starts({
    backend,
    host,
    rounds,
    writer,
    ownership,
    pool,
    programs,
    inboxes,
    loading,
    announcements
  })

  const carrier: Outbox.Carrier = {
    backend,
    store,
    desk,
    extensions,
    adopt: ownership.adopt,
    get closed() {
      return rounds.closed
    },
    now: host.now,
    announceStart: starts.announce,
    poke: rounds.poke,
    kept: () => feed.wake(),
    queued: taskBell.ring,
    scheduleFreed: scheduleBell.ring
  }
  const loops = new Loops({
    options,
    backend,
    host,
    rounds,
    writer,
    ownership,
    liveness,
    parked: pool.parked,
    inboxes,
    loading,
    timers,
    waiters,
    feed,
    taskBell,
    deliver: () => Outbox.deliver(carrier)
  })

  return {
    options,
    store,
    backend,
    extensions,
    feed,
    host,
    rounds,
    writer,
    ownership,
    programs,
    pool,
    loading,
    starts,
    messages: new Messages(ownerId, rounds, writer, inboxes),
    waiters,
    desk,
    taskBell,
    bodies,
    loops,
    timers,
    scheduleBell,
    watch,
    executorHost,
    isSettled: () => rounds.idle && writer.idle && loading.idle && pool.resting && feed.idle && scheduleBell.idle,
    close: Effect.gen(function*() {
      rounds.close()
      yield* pool.letGo(() => true)
      waiters.close()
      feed.close(true)
      timers.close()
      yield* ownership.retire
    }),
    crash: () => {
      rounds.close()
      feed.close(false)
      pool.crash()
    }
  }
}
