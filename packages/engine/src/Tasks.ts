/**
 * Task queues: work that waits until a worker takes it, in fair turns, within
 * limits, and tried again when it fails.
 *
 * Everything is rows in the store, so that whoever adds a task, whoever does it
 * and whoever looks at it may be different processes. A task is done at least
 * once: a worker that dies has its tasks taken up by others, once its lease is over.
 */
import type { StartOptions } from "@fermata/core/RunStart"
import type * as Task from "@fermata/core/Task"
import { QueueFull, QueueRefused, TaskConflict, TaskNotFound, TaskNotHeld, TaskRefused } from "@fermata/core/TaskErrors"
import type { Dispatch, QueueSettings, TaskQueue } from "@fermata/core/TaskQueue"
import * as TaskSentence from "@fermata/core/TaskSentence"
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type {
  Acted,
  Answers,
  CancelTaskOp,
  EnqueueOp,
  Op,
  QueueOp,
  QueueRow,
  RetryTaskOp,
  StorageFailed,
  TaskOutcome
} from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import type { Engine } from "./Engine.ts"
import * as Acting from "./internal/Acting.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import { CurrentRun } from "./internal/run/RunPort.ts"
import * as RunStarts from "./internal/RunStarts.ts"
import * as Intake from "./internal/tasks/Intake.ts"
import * as Runs from "./internal/tasks/Runs.ts"
import * as Serving from "./internal/tasks/Serving.ts"
import * as TaskSettings from "./internal/tasks/TaskSettings.ts"
import * as TaskViews from "./internal/tasks/TaskViews.ts"
import { HandedOver, type LeasedTask, type ServeOptions } from "./internal/tasks/Work.ts"
import type { StartError } from "./Runs.ts"
import { inTenant } from "./StartRequest.ts"
import * as TaskTables from "./TaskTables.ts"

export { HandedOver, TaskFailed, TaskReleased } from "./internal/tasks/Work.ts"
export type { LeasedTask, ServeOptions } from "./internal/tasks/Work.ts"

/** What goes wrong when somebody who has a task says something of it. */
export type HeldError = TaskNotFound | TaskNotHeld | StorageFailed

/** Adds, lists, does and stops tasks, and says what queues let through. */
export class Tasks extends Context.Service<Tasks, {
  /**
   * Adds a task. Success means that it is recorded. `isEngine` lets packages
   * around the engine use queues that begin with `engine.`. A `waiter` is told of
   * the end by a signal of this name: `{ output }`, or `{ error: { code, message } }`;
   * once that run has ended, the task is cancelled. `TaskCall` does it for the body of a workflow.
   */
  readonly enqueue: (
    request: Task.TaskRequest,
    options?: {
      readonly by?: string
      readonly isEngine?: boolean
      readonly waiter?: { readonly run: string; readonly signal: string }
      /** It is counted by its queue, and not refused where that is full: for what was acknowledged before. */
      readonly isOwed?: boolean
    }
  ) => Effect.Effect<Task.Added, QueueFull | TaskRefused | StorageFailed>
  /** The newest first. Those of the engine's own queues are told only where one of them is asked for. */
  readonly list: (filter?: Task.TaskFilter) => Effect.Effect<ReadonlyArray<Task.Task>, StorageFailed>
  /** One of them with its payload, its result, and how it stands. */
  readonly show: (task: string) => Effect.Effect<Task.TaskPage, TaskNotFound | StorageFailed>
  /** One of them as lists have it. */
  readonly find: (task: string) => Effect.Effect<Task.Task, TaskNotFound | StorageFailed>
  /** Its attempts, in their order. */
  readonly attempts: (task: string) => Effect.Effect<ReadonlyArray<Task.TaskAttempt>, TaskNotFound | StorageFailed>
  /**
   * Stops a task: one that is queued ends at once, and the worker of one that is
   * at work interrupts it and says so; with `isQueuedOnly` that one is refused.
   */
  readonly cancel: (
    task: string,
    options?: { readonly by?: string; readonly reason?: string; readonly isQueuedOnly?: boolean }
  ) => Effect.Effect<Task.Task, TaskNotFound | TaskConflict | StorageFailed>
  /** Has a task that has failed or was cancelled tried again, with all its attempts before it. */
  readonly retry: (
    task: string,
    options?: { readonly by?: string }
  ) => Effect.Effect<Task.Task, TaskNotFound | TaskConflict | StorageFailed>

  /** Gives up to `limit` tasks (1 when absent) of a queue to a worker, for `leaseMs`. */
  readonly lease: (options: {
    readonly queue: string
    readonly owner: string
    readonly leaseMs: number
    readonly limit?: number
    readonly adapters?: ReadonlyArray<string>
  }) => Effect.Effect<ReadonlyArray<LeasedTask>, QueueRefused | StorageFailed>
  /** Has a task for `leaseMs` from now, and tells whether it is to stop, and why. */
  readonly extend: (
    task: string,
    attempt: number,
    leaseMs: number
  ) => Effect.Effect<{ readonly stop: string | null }, HeldError>
  /** The task is done, with this result. */
  readonly complete: (
    task: string,
    attempt: number,
    result: unknown
  ) => Effect.Effect<Task.Task, HeldError | TaskRefused>
  /** The attempt has failed; the task is tried again as its queue says, unless no further attempt would help. */
  readonly fail: (task: string, attempt: number, failed: {
    readonly message: string
    readonly code?: string
    readonly retryable?: boolean
    readonly retryAfterMs?: number
  }) => Effect.Effect<Task.Task, HeldError>
  /** Gives it back, as if it had not been begun; where it was asked to stop, it is cancelled. */
  readonly release: (task: string, attempt: number) => Effect.Effect<Task.Task, HeldError>
  /**
   * Starts the run that does a task from here on, and says so: for what the `run`
   * of a worker succeeds with. However often whoever has the task dies on the way,
   * it is one run; a task that is tried again after that run has failed gets another.
   */
  readonly handOver: (
    task: LeasedTask,
    to: { readonly workflow: string; readonly payload: unknown } & Pick<StartOptions, "labels" | "title" | "version">
  ) => Effect.Effect<HandedOver, StartError>
  /** Takes tasks of a queue and does them, until the scope closes; then those that it has are given back. */
  readonly serve: <R>(options: ServeOptions<R>) => Effect.Effect<void, QueueRefused, R | Scope.Scope>

  /** Has those who serve queues in this process look for tasks now: for packages that have written some themselves. */
  readonly look: Effect.Effect<void>

  /** The queues that were set up or have had a task, by name. */
  readonly queues: Effect.Effect<ReadonlyArray<TaskQueue>, StorageFailed>
  /** Sets what a queue lets through, in place of what it let through before. */
  readonly configure: (
    queue: string,
    settings: QueueSettings,
    options: { readonly by: string }
  ) => Effect.Effect<TaskQueue, QueueRefused | StorageFailed>
  /** From now on, no process is given a task of this queue; those at work go on. */
  readonly pause: (
    queue: string,
    options: { readonly by: string }
  ) => Effect.Effect<TaskQueue, QueueRefused | StorageFailed>
  readonly resume: (
    queue: string,
    options: { readonly by: string }
  ) => Effect.Effect<TaskQueue, QueueRefused | StorageFailed>
  /** Whether tasks are given out at all: kept in the store, for whoever works on it. */
  readonly dispatch: Effect.Effect<Dispatch, StorageFailed>
  /** Stops giving out tasks of any queue, of any tenant too, or goes on with it; those at work go on. */
  readonly setDispatch: (paused: boolean, options: { readonly by: string }) => Effect.Effect<Dispatch, StorageFailed>
}>()("@fermata/engine/Tasks") {
  /** Those of the store and the engine of this process. */
  static readonly layer: Layer.Layer<Tasks, never, Engine> = Layer.effect(
    Tasks,
    Effect.gen(function*() {
      const runtime = yield* CurrentRuntime.current
      const { backend, host, rounds, taskBell, writer } = runtime
      const { now } = host

      const written = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
        Effect.tap(effect, () =>
          Effect.sync(() => {
            taskBell.ring()
            rounds.poke()
          }))
      const act = <O extends Extract<Op, Acted>>(
        op: O,
        what: Acting.What,
        answer: (answer: Acting.AnswerTo<O>) => unknown,
        isTraffic = false
      ): Effect.Effect<Acting.AnswerTo<O>, StorageFailed> =>
        Effect.flatMap(
          Acting.of<Acting.AnswerTo<O>>(now, what, answer, isTraffic),
          (act) => written(writer.patience.persist(Acting.write(writer.write<O>, op, act)))
        )

      const settle = Effect.fnUntraced(function*(
        task: string,
        attempt: number,
        outcome: TaskOutcome
      ): Effect.fn.Return<Task.Task, HeldError> {
        const id = yield* CurrentTenant.idOf(task)
        const op = { op: "settleTask", task: id, by: { attempt }, now: now(), outcome } as const
        const { task: row } = yield* written(writer.patience.persist(writer.write(op)))
        return TaskViews.taskOf(row ?? (yield* settledBefore(id, attempt, outcome)))
      })
      /** Whoever says once more what was said of an attempt is told what it has come to; anybody else does not have it. */
      const settledBefore = Effect.fnUntraced(function*(id: string, attempt: number, { _tag }: TaskOutcome) {
        const attempts = yield* backend.taskAttempts(id)
        const row = yield* backend.task(id)
        const said = attempts.find((one) => one.attempt === attempt)?.outcome
        return row !== null && said === _tag.toLowerCase() ? row : yield* notHeld(id, attempt)
      })
      const notHeld = Effect.fnUntraced(function*(id: string, attempt: number) {
        const row = yield* backend.task(id)
        return yield* row === null ? new TaskNotFound({ task: id }) : new TaskNotHeld({ task: id, attempt })
      })
      const reached = Effect.fnUntraced(function*(task: string) {
        const id = yield* CurrentTenant.idOf(task)
        return Tenant.reaches(yield* CurrentTenant.current, id) ? id : yield* new TaskNotFound({ task })
      })

      const change = Effect.fnUntraced(function*(
        queue: string,
        change: Pick<QueueOp, "limits" | "paused">,
        what: Pick<Acting.What, "action" | "by" | "detail">
      ) {
        return yield* changed(yield* TaskSettings.nameOf(queue), change, what, TaskViews.queueOf)
      })
      const changed = Effect.fnUntraced(function*<View>(
        name: string,
        change: Pick<QueueOp, "limits" | "paused">,
        { action, by, detail = {} }: Pick<Acting.What, "action" | "by" | "detail">,
        viewOf: (row: QueueRow) => View
      ) {
        const op: QueueOp = { op: "queue", name, ...change, by: by ?? "unknown", now: now() }
        const { row } = yield* act(op, { action, target: name, by, detail }, ({ row }) => viewOf(row))
        return viewOf(row)
      })

      const lease = Effect.fnUntraced(function*(
        options: Serving.LeaseOptions
      ): Effect.fn.Return<Answers["lease"], StorageFailed> {
        const { adapters, isShared, leaseMs, limit, owner, queue } = options
        const at = now()
        return yield* writer.write({
          op: "lease",
          queue,
          owner,
          now: at,
          until: at + leaseMs,
          limit,
          adapters: adapters ?? null,
          isShared
        })
      })

      return Tasks.of({
        enqueue: Effect.fn("Tasks.enqueue")(function*(request, { by, isEngine = false, isOwed = false, waiter } = {}) {
          const place = yield* CurrentRun
          if (place !== undefined && place.step === undefined) {
            return yield* Effect.die(
              new Error("A task is added in a step, or outside of a run: the body of a workflow is run again and again")
            )
          }
          const tenant = yield* CurrentTenant.current
          const id = (yield* WebCrypto).randomUUID().replaceAll("-", "")
          const asked = yield* Intake.opOf(request, { id, now: now(), tenant, isEngine })
          const limited = isOwed ? { ...asked, isLimited: false } : asked
          const op: EnqueueOp = waiter === undefined
            ? limited
            : { ...limited, task: { ...asked.task, waiterRun: waiter.run, waiterStep: waiter.signal } }
          const answer = yield* act<EnqueueOp>(
            op,
            {
              action: "task.add",
              target: op.task.id,
              by,
              detail: { queue: op.task.queue, kind: op.task.kind }
            },
            (answer) => "task" in answer ? addedOf(answer) : null,
            true
          )
          if (answer.result === "full") {
            return yield* new QueueFull({ queue: op.task.queue, most: answer.most, retryAfter: retryAfterSeconds })
          }
          return answer.result === "gone"
            ? yield* Effect.die(new Error("A task of no message was taken for one of a message"))
            : addedOf(answer)
        }),
        list: Effect.fn("Tasks.list")(function*({ before, limit = 50, queue, ...filter } = {}) {
          const tenant = yield* CurrentTenant.current
          const rows = yield* backend.tasks({
            ...filter,
            tenant,
            limit,
            ...(queue === undefined ? { without: "engine." } : { queue: Tenant.qualify(tenant, queue) }),
            ...(before === undefined ? {} : { before: Tenant.qualify(tenant, before) })
          })
          return rows.map(TaskViews.taskOf)
        }),
        show: Effect.fn("Tasks.show")(function*(task) {
          const standing = yield* backend.taskStanding(yield* reached(task), TaskSentence.mostBefore)
          return standing === null ? yield* new TaskNotFound({ task }) : TaskViews.pageOf(standing, now())
        }),
        find: Effect.fn("Tasks.find")(function*(task) {
          const row = yield* backend.task(yield* reached(task))
          return row === null ? yield* new TaskNotFound({ task }) : TaskViews.taskOf(row)
        }),
        attempts: Effect.fn("Tasks.attempts")(function*(task) {
          const id = yield* reached(task)
          const rows = yield* backend.taskAttempts(id)
          if (rows.length === 0 && (yield* backend.task(id)) === null) return yield* new TaskNotFound({ task })
          return rows.map(TaskViews.attemptOf)
        }),
        cancel: Effect.fn("Tasks.cancel")(function*(task, options = {}) {
          const { by, isQueuedOnly = false, reason = "operator_canceled" } = options
          const id = yield* reached(task)
          const op: CancelTaskOp = { op: "cancelTask", task: id, reason, isQueuedOnly, now: now() }
          const answer = yield* act(
            op,
            { action: "task.cancel", target: id, by, detail: { reason } },
            ({ task }: Answers["cancelTask"]) => task === null ? null : TaskViews.taskOf(task)
          )
          if (answer.task === null) return yield* new TaskNotFound({ task })
          if (answer.result === "cancelled" || answer.result === "asked") return TaskViews.taskOf(answer.task)
          return yield* new TaskConflict({
            task: id,
            status: answer.task.status,
            problem: answer.result === "running"
              ? "it is left to its worker, and only one that is queued is cancelled here"
              : "what has ended cannot be cancelled"
          })
        }),
        retry: Effect.fn("Tasks.retry")(function*(task, { by } = {}) {
          const id = yield* reached(task)
          const op: RetryTaskOp = { op: "retryTask", task: id, now: now() }
          const answer = yield* act(
            op,
            { action: "task.retry", target: id, by },
            ({ task }: Answers["retryTask"]) => task === null ? null : TaskViews.taskOf(task)
          )
          if (answer.task === null) return yield* new TaskNotFound({ task })
          return answer.result === "queued"
            ? TaskViews.taskOf(answer.task)
            : yield* new TaskConflict({
              task: id,
              status: answer.task.status,
              problem: answer.result === "completed"
                ? "it is done, and is not done again; add another"
                : "it is tried already"
            })
        }),

        lease: Effect.fn("Tasks.lease")(function*({ limit = 1, queue, ...options }) {
          const name = yield* TaskSettings.nameOf(queue)
          const isShared = (yield* CurrentTenant.current) === undefined && Tenant.of(name) === undefined
          const { tasks } = yield* lease({ ...options, queue: name, isShared, limit: Math.min(limit, mostLeased) })
          return tasks.map(Serving.leasedOf)
        }),
        extend: Effect.fn("Tasks.extend")(function*(task, attempt, leaseMs) {
          const id = yield* reached(task)
          const at = now()
          const { held, stop } = yield* writer.write({ op: "extend", task: id, attempt, now: at, until: at + leaseMs })
          return held ? { stop } : yield* notHeld(id, attempt)
        }),
        complete: Effect.fn("Tasks.complete")(function*(task, attempt, result) {
          const outcome = Serving.completed(result)
          if (outcome._tag !== "Completed") return yield* new TaskRefused({ problem: outcome.problem })
          return yield* settle(yield* reached(task), attempt, outcome)
        }),
        fail: Effect.fn("Tasks.fail")(function*(task, attempt, failed) {
          return yield* settle(yield* reached(task), attempt, Serving.failedOf(failed))
        }),
        release: Effect.fn("Tasks.release")(function*(task, attempt) {
          return yield* settle(yield* reached(task), attempt, { _tag: "Released" })
        }),
        handOver: Effect.fn("Tasks.handOver")(function*(task, { payload, workflow, ...options }) {
          const id = yield* CurrentTenant.idOf(task.id)
          // Attempts that were cut off may have begun the run, and so this one joins it.
          const failed = (yield* backend.taskAttempts(id)).filter(({ outcome }) => outcome === "failed").length
          const request = yield* RunStarts.request(runtime, backend, workflow, payload, {
            ...options,
            key: `${Runs.listenerOf(id)}.${failed}`
          })
          const { run } = yield* runtime.starts.start(
            inTenant({ ...request, listener: Runs.listenerOf(id) }, Tenant.of(id)),
            { isTraffic: true }
          )
          return new HandedOver({ runId: run.id })
        }),
        serve: Effect.fnUntraced(function*<R>(options: ServeOptions<R>) {
          const name = yield* TaskSettings.nameOf(options.queue)
          const isShared = (yield* CurrentTenant.current) === undefined && Tenant.of(name) === undefined
          yield* Serving.serve(runtime, { ...options, queue: name, isShared }, {
            lease,
            settle: (task, attempt, outcome) => settle(task, attempt, outcome)
          })
        }),

        look: Effect.sync(taskBell.ring),

        queues: Effect.flatMap(
          CurrentTenant.current,
          (tenant) => Effect.map(backend.queues(tenant), (rows) => rows.map(TaskViews.queueOf))
        ),
        configure: Effect.fn("Tasks.configure")(function*(queue, settings, { by }) {
          const checked = yield* TaskSettings.check(queue, settings)
          return yield* change(queue, { limits: TaskViews.limitsOf(checked) }, {
            action: "queue.configure",
            by,
            detail: TaskSettings.detailOf(checked)
          })
        }),
        dispatch: Effect.map(backend.queue(TaskTables.everyQueue), TaskViews.dispatchOf),
        setDispatch: Effect.fn("Tasks.setDispatch")(function*(paused, { by }) {
          const action = paused ? "dispatch.pause" : "dispatch.resume"
          return yield* changed(TaskTables.everyQueue, { paused }, { action, by }, TaskViews.dispatchOf)
        }),
        pause: Effect.fn("Tasks.pause")((queue, { by }) =>
          change(queue, { paused: true }, { action: "queue.pause", by })
        ),
        resume: Effect.fn("Tasks.resume")((queue, { by }) =>
          change(queue, { paused: false }, { action: "queue.resume", by })
        )
      })
    })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How long (s) whoever is refused is told to wait: nobody knows when there is room. */
const retryAfterSeconds = 10

/** Tasks that a worker is given at a time. */
const mostLeased = 100

const addedOf = ({ result, task }: Exclude<Answers["enqueue"], { readonly result: "full" | "gone" }>): Task.Added => ({
  task: TaskViews.taskOf(task),
  result
})
