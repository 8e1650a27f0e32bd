/**
 * A worker of a queue: takes tasks while it has room, says that it still has
 * them, and settles them.
 *
 * ```text
 *  leased ──▶ at work ──▶ completed | failed | handed over
 *                │  stop asked for ──▶ interrupted ──▶ cancelled
 *                │  lease over, or another's ──▶ interrupted, and nothing is said of it
 *                └─ worker closes ──▶ interrupted ──▶ given back
 * ```
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Task from "@fermata/core/Task"
import * as Tenant from "@fermata/core/Tenant"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { Answers, StorageFailed, TaskOutcome, TaskRow } from "../../Backend.ts"
import { CurrentTenant } from "../../CurrentTenant.ts"
import type { EngineRuntime } from "../EngineRuntime.ts"
import * as TaskViews from "./TaskViews.ts"
import type { HandedOver, LeasedTask, ServeOptions, TaskFailed } from "./Work.ts"

/** What is leased, and for whom. */
export interface LeaseOptions {
  readonly queue: string
  readonly owner: string
  readonly leaseMs: number
  readonly limit: number
  readonly adapters?: ReadonlyArray<string> | undefined
  readonly isShared: boolean
}

interface Verbs {
  readonly lease: (options: LeaseOptions) => Effect.Effect<Answers["lease"], StorageFailed>
  readonly settle: (task: string, attempt: number, outcome: TaskOutcome) => Effect.Effect<unknown, unknown>
}

/** Serves a queue until the scope closes. */
export const serve = Effect.fnUntraced(function*<R>(
  { backend, host, ownership, taskBell, writer }: EngineRuntime,
  { adapters, concurrency = 1, isShared, leaseMs = 30_000, queue, run }: ServeOptions<R> & {
    readonly isShared: boolean
  },
  { lease, settle }: Verbs
): Effect.fn.Return<void, never, R | Scope.Scope> {
  const owner = ownership.ownerId
  const room = Latch.makeUnsafe(true)
  const held = new Map<string, Held>()
  const bodies = yield* FiberSet.make()
  const fork = yield* FiberSet.runtime(bodies)<R>()

  const body = (task: LeasedTask): Effect.Effect<void, never, R> =>
    Effect.gen(function*() {
      const place: Held = { attempt: task.attempt, until: task.leaseUntil ?? host.now() + leaseMs, cut: undefined }
      held.set(task.id, place)
      const working = yield* Effect.forkChild(
        Effect.provideService(Effect.suspend(() => run(task)), CurrentTenant, Tenant.of(task.queue)),
        { startImmediately: true }
      )
      const keeping = yield* Effect.forkChild(keep(task, place, working))
      const exit = yield* Fiber.await(working).pipe(
        Effect.onInterrupt(() => Effect.andThen(Fiber.interrupt(working), say(task, { _tag: "Released" })))
      )
      yield* Fiber.interrupt(keeping)
      if (place.cut !== "gone") yield* say(task, place.cut === "stop" ? { _tag: "Stopped" } : outcomeOf(exit))
    }).pipe(
      Effect.ensuring(Effect.sync(() => {
        held.delete(task.id)
        room.openUnsafe()
      }))
    )

  const say = (task: LeasedTask, outcome: TaskOutcome): Effect.Effect<void> =>
    Effect.catchCause(
      Effect.asVoid(settle(task.id, task.attempt, outcome)),
      (cause) => Effect.logWarning(`what became of task ${task.id} could not be recorded; it is done again`, cause)
    ).pipe(
      Effect.provideService(CurrentTenant, undefined)
    )

  /** Says in time that the task is still at work here, and ends its body where it is not to be. */
  const keep = (task: LeasedTask, place: Held, working: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
    Effect.gen(function*() {
      while (true) {
        yield* Effect.sleep(leaseMs / 3)
        const now = host.now()
        const answer = yield* Effect.exit(
          writer.write({ op: "extend", task: task.id, attempt: task.attempt, now, until: now + leaseMs })
        )
        if (Exit.isSuccess(answer) && answer.value.held) {
          place.until = now + leaseMs
          if (answer.value.stop === null) continue
          return yield* cut(place, "stop", working)
        }
        if (Exit.isSuccess(answer) || host.now() >= place.until) return yield* cut(place, "gone", working)
      }
    }).pipe(Effect.raceFirst(stopped(place, working)))

  /** Ends the body as soon as somebody is seen to have asked for it. */
  const stopped = (place: Held, working: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> => {
    const asked = place.asked = Latch.makeUnsafe(false)
    return Effect.andThen(asked.await, cut(place, "stop", working))
  }

  const lookForStops = Effect.gen(function*() {
    if (held.size === 0) return
    for (const { attempts, id } of yield* backend.stopping(owner)) {
      const place = held.get(id)
      if (place?.attempt === attempts) place.asked?.openUnsafe()
    }
  })

  const turn = Effect.gen(function*() {
    // Closed before the look, so that what comes during it is seen by the next.
    room.closeUnsafe()
    yield* lookForStops
    const free = concurrency - held.size
    if (free <= 0) return yield* room.await
    const { next, tasks } = yield* lease({ queue, owner, leaseMs, limit: free, adapters, isShared })
    for (const row of tasks) fork(body(leasedOf(row)))
    if (tasks.length === free) return
    const wait = Math.min(idleMs, next === null ? idleMs : Math.max(1, next - host.now()))
    yield* Effect.raceFirst(room.await, Effect.sleep(wait))
  })

  yield* Effect.acquireRelease(
    Effect.sync(() => taskBell.listen(room)),
    (callOff) => Effect.sync(callOff)
  )
  yield* Effect.forkScoped(Effect.forever(
    Effect.catchCause(turn, (cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause as Cause.Cause<never>)
        : Effect.andThen(
          Effect.logWarning(`queue ${queue} cannot be looked at just now`, cause),
          Effect.sleep(pauseMs)
        ))
  ))
})

/** A row of a lease as whoever has it sees it. */
export const leasedOf = (row: TaskRow): LeasedTask => ({
  ...TaskViews.taskOf(row),
  attempt: row.attempts,
  payload: JSON.parse(row.payload)
})

/** The outcome of a task with this result, or why that cannot be kept. */
export const completed = (
  value: unknown
): Extract<TaskOutcome, { readonly _tag: "Completed" }> | { readonly _tag: "Refused"; readonly problem: string } => {
  const stored = StoredJson.of(value ?? null)
  if (Result.isFailure(stored)) {
    return { _tag: "Refused", problem: `its result cannot be stored: ${stored.failure.reason}` }
  }
  const { text } = stored.success
  return text.length > Task.mostBytes
    ? {
      _tag: "Refused",
      problem: `its result has ${text.length} characters of JSON, and at most ${Task.mostBytes} are kept`
    }
    : { _tag: "Completed", result: text }
}

/** The outcome of a task that has failed so. */
export const failedOf = (
  { code = "failed", message, retryAfterMs, retryable = true }: {
    readonly message: string
    readonly code?: string
    readonly retryable?: boolean
    readonly retryAfterMs?: number
  }
): TaskOutcome => ({
  _tag: "Failed",
  error: StoredJson.textOf({ code: code.slice(0, 200), message: message.slice(0, mostMessage) }),
  isFinal: !retryable,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.max(0, retryAfterMs) })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How long (ms) a worker without room for more, or without tasks, waits for a ring before it looks all the same. */
const idleMs = 5_000

/** How long (ms) a worker whose store fails waits. */
const pauseMs = 1_000

/** Characters that are kept of why an attempt has failed. */
const mostMessage = 10_000

/** A task that this worker has. */
interface Held {
  readonly attempt: number
  /** Until when it is known to have it. */
  until: number
  /** Why its body was ended before its time. */
  cut: "stop" | "gone" | undefined
  asked?: Latch.Latch
}

const cut = (place: Held, why: "stop" | "gone", working: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.suspend(() => {
    place.cut ??= why
    return Effect.asVoid(Fiber.interrupt(working))
  })

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): TaskOutcome => {
  if (Exit.isSuccess(exit)) {
    if (isHandedOver(exit.value)) return { _tag: "HandedOver", run: exit.value.runId }
    const outcome = completed(exit.value)
    return outcome._tag === "Completed"
      ? outcome
      : failedOf({ code: "unstorable", message: outcome.problem, retryable: false })
  }
  const failure = Cause.squash(exit.cause)
  if (isTaskFailed(failure)) return failedOf(failure)
  if (Predicate.isTagged(failure, "TaskReleased")) return { _tag: "Released" }
  if (Predicate.isObject(failure) && "message" in failure && typeof failure.message === "string") {
    const { _tag, message } = failure as { readonly _tag?: unknown; readonly message: string }
    return failedOf({ ...(typeof _tag === "string" ? { code: _tag } : {}), message })
  }
  return failedOf({ message: StoredJson.show(failure) })
}

const isHandedOver = (value: unknown): value is HandedOver => Predicate.isTagged(value, "HandedOver")

const isTaskFailed = (value: unknown): value is TaskFailed => Predicate.isTagged(value, "TaskFailed")
