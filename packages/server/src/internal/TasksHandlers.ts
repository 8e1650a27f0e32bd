/** What the routes for tasks and their queues do. */
import { Caller } from "@fermata/api/Access"
import { Api } from "@fermata/api/Api"
import { Forbidden, type QueueFull } from "@fermata/api/ApiErrors"
import type { OperatorTask } from "@fermata/api/TasksGroup"
import type { TaskRequest } from "@fermata/core/Task"
import { TaskRefused } from "@fermata/core/TaskErrors"
import * as Tenant from "@fermata/core/Tenant"
import { Tasks } from "@fermata/engine/Tasks"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"
import * as ProblemResponse from "./ProblemResponse.ts"

/** The group `tasks`. `kinds` are those that the route for small tasks takes. */
export const layer = (kinds: ReadonlyArray<string>) =>
  HttpApiBuilder.group(
    Api,
    "tasks",
    Effect.fn(function*(handlers) {
      const tasks = yield* Tasks
      const add = Effect.fnUntraced(function*(request: TaskRequest) {
        return yield* tasks.enqueue(request, { by: yield* Acting.name })
      })
      /** Whoever has a task of a queue that its token does not serve has it not. */
      const held = Effect.fnUntraced(function*(task: string) {
        const { queue } = yield* tasks.find(task)
        yield* mayServe(queue)
      })
      return handlers.handleAll({
        list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit, ...filter } }) {
          const found = yield* tasks.list({
            ...filter,
            limit: limit + 1,
            ...(after === undefined ? {} : { before: after })
          })
          const { next, shown } = Pages.of(found, limit, ({ id }) => id)
          return { tasks: shown, ...next }
        }),
        add: Effect.fnUntraced(function*({ payload }) {
          return yield* add(payload)
        }, Effect.catchTag("QueueFull", full)),
        queue: Effect.fnUntraced(function*({ payload }) {
          return yield* add(yield* small(payload, kinds))
        }, Effect.catchTag("QueueFull", full)),
        get: ({ params: { task } }) => tasks.show(task),
        attempts: ({ params: { task } }) => Effect.map(tasks.attempts(task), (attempts) => ({ attempts })),
        cancel: Effect.fnUntraced(function*({ params: { task }, payload: { running = false, ...options } }) {
          return yield* tasks.cancel(task, { ...options, isQueuedOnly: !running, by: yield* Acting.name })
        }),
        retry: Effect.fnUntraced(function*({ params: { task } }) {
          return yield* tasks.retry(task, { by: yield* Acting.name })
        }),
        extend: Effect.fnUntraced(function*({ params: { task }, payload: { attempt, leaseMs } }) {
          yield* held(task)
          return yield* tasks.extend(task, attempt, leaseMs)
        }),
        complete: Effect.fnUntraced(function*({ params: { task }, payload: { attempt, result } }) {
          yield* held(task)
          return yield* tasks.complete(task, attempt, result)
        }),
        fail: Effect.fnUntraced(function*({ params: { task }, payload: { attempt, ...failed } }) {
          yield* held(task)
          return yield* tasks.fail(task, attempt, failed)
        }),
        release: Effect.fnUntraced(function*({ params: { task }, payload: { attempt } }) {
          yield* held(task)
          return yield* tasks.release(task, attempt)
        })
      })
    })
  )

/** The group `queues`. */
export const queuesLayer = HttpApiBuilder.group(
  Api,
  "queues",
  Effect.fn(function*(handlers) {
    const tasks = yield* Tasks
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit } }) {
        const behind = yield* Pages.behind(yield* tasks.queues, after, ({ name }) => name)
        const { next, shown } = Pages.of(behind, limit, ({ name }) => name)
        return { queues: shown, ...next }
      }),
      configure: Effect.fnUntraced(function*({ params: { queue }, payload }) {
        return yield* tasks.configure(queue, payload, { by: yield* Acting.name })
      }),
      pause: Effect.fnUntraced(function*({ params: { queue } }) {
        return yield* tasks.pause(queue, { by: yield* Acting.name })
      }),
      resume: Effect.fnUntraced(function*({ params: { queue } }) {
        return yield* tasks.resume(queue, { by: yield* Acting.name })
      }),
      lease: Effect.fnUntraced(function*({ params: { queue }, payload: { worker, ...options } }) {
        yield* mayServe(queue)
        const { name } = yield* Caller
        const owner = worker === undefined ? name : `${name}/${worker}`
        return { tasks: yield* tasks.lease({ ...options, queue, owner }) }
      })
    })
  })
)

/** The group `pause`. */
export const pauseLayer = HttpApiBuilder.group(
  Api,
  "pause",
  Effect.fn(function*(handlers) {
    const tasks = yield* Tasks
    return handlers.handleAll({
      get: () => tasks.dispatch,
      set: Effect.fnUntraced(function*({ payload: { paused } }) {
        return yield* tasks.setDispatch(paused, { by: yield* Acting.name })
      })
    })
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const full = (error: QueueFull) => Effect.succeed(ProblemResponse.of(error))

/** A token that is in groups named `queue:` serves those queues alone. */
const mayServe = Effect.fnUntraced(function*(queue: string) {
  const { roles } = yield* Caller
  const named = roles.filter((role) => role.startsWith(prefix)).map((role) => role.slice(prefix.length))
  if (named.length === 0 || named.includes(Tenant.local(queue))) return
  return yield* new Forbidden({ problem: `Your token serves the queues ${named.join(", ")}, and not ${queue}` })
})

const prefix = "queue:"

/** Bytes of JSON that the message of a small task may have. */
const mostMessage = 16_384

const small = (
  { kind = "operator", message, requested_adapter, requested_profile, schedule, source = "operator", ...rest }:
    OperatorTask,
  kinds: ReadonlyArray<string>
): Effect.Effect<TaskRequest, TaskRefused> => {
  if (!kinds.includes(kind)) {
    return Effect.fail(
      new TaskRefused({
        problem: `no task of the kind "${kind.slice(0, 80)}" is asked for here; one of ${kinds.join(", ")} is`
      })
    )
  }
  const { length } = JSON.stringify(message)
  if (length > mostMessage) {
    return Effect.fail(
      new TaskRefused({
        problem: `its message has ${length} characters of JSON, and at most ${mostMessage} are taken here`
      })
    )
  }
  return Effect.succeed({
    ...rest,
    kind,
    source,
    payload: message,
    ...(requested_profile === undefined ? {} : { profile: requested_profile }),
    ...(requested_adapter === undefined ? {} : { adapter: requested_adapter }),
    ...(schedule === undefined ? {} : { delayMs: schedule.delay_minutes * 60_000 })
  })
}
