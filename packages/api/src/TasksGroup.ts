/** The routes for tasks: added, listed, stopped, tried again, and done by workers elsewhere. */
import { Added, Task, TaskAttempt, TaskFilter, TaskPage, TaskRequest } from "@fermata/core/Task"
import { QueueFull, TaskConflict, TaskNotFound, TaskNotHeld, TaskRefused } from "@fermata/core/TaskErrors"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { DoneOnce } from "./Idempotency.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

const optional = Schema.optionalKey

/** Tasks of a list, the last added first. `next` is there where more may follow: give it as `after`. */
export const TaskList = Schema.Struct({ tasks: Schema.Array(Task), ...Paging.next })
export interface TaskList extends Schema.Schema.Type<typeof TaskList> {}

/** A small task that an operator asks for. The names are those of the runtime that this route is known from. */
export const OperatorTask = Schema.Struct({
  /** What is to be done; as JSON at most 16 KiB. */
  message: Schema.Unknown,
  /** `operator` when absent; the server says which may be asked for here. */
  kind: optional(Schema.String),
  /** `operator` when absent. */
  source: optional(Schema.String),
  subject: optional(Schema.String),
  priority: optional(Schema.Int),
  requested_profile: optional(Schema.String),
  requested_adapter: optional(Schema.String),
  schedule: optional(Schema.Struct({ delay_minutes: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)) }))
})
export interface OperatorTask extends Schema.Schema.Type<typeof OperatorTask> {}

/** How long (ms) a task is left to a worker without a word of it: from 1 s to a day. */
export const LeaseMs = Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: 86_400_000 }))

const { before: _before, limit: _limit, ...filter } = TaskFilter.fields
const Params = { task: Schema.String }
const found = [Problem.of(TaskNotFound)] as const
const addErrors = [Problem.of(TaskRefused), Problem.of(QueueFull)] as const
const heldErrors = [...found, Problem.of(TaskNotHeld)] as const
const attempt = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** A task that is asked for, and whether it was there. */
const added = Added.pipe(HttpApiSchema.status(201))

const list = HttpApiEndpoint.get("list", "/", {
  query: { ...filter, ...Paging.query },
  success: TaskList
}).annotate(RequiredScope, "read")

const add = HttpApiEndpoint.post("add", "/", {
  payload: TaskRequest,
  success: added,
  error: addErrors
}).annotate(RequiredScope, "operate")

/** A small task, in the words of another runtime. */
const queue = HttpApiEndpoint.post("queue", "/queue", {
  payload: OperatorTask,
  success: added,
  error: addErrors
}).annotate(RequiredScope, "operate")

const get = HttpApiEndpoint.get("get", "/:task", {
  params: Params,
  success: TaskPage,
  error: found
}).annotate(RequiredScope, "read")

const attempts = HttpApiEndpoint.get("attempts", "/:task/attempts", {
  params: Params,
  success: Schema.Struct({ attempts: Schema.Array(TaskAttempt) }),
  error: found
}).annotate(RequiredScope, "read")

/** Cancels a task that is queued; one that is at work is refused with 409, unless `running` says that it is meant too. */
const cancel = HttpApiEndpoint.post("cancel", "/:task/cancel", {
  params: Params,
  payload: Schema.Struct({ reason: optional(Schema.String), running: optional(Schema.Boolean) }),
  success: Task,
  error: [...found, Problem.of(TaskConflict)]
}).annotate(RequiredScope, "operate")

const retry = HttpApiEndpoint.post("retry", "/:task/retry", {
  params: Params,
  success: Task,
  error: [...found, Problem.of(TaskConflict)]
}).annotate(RequiredScope, "operate")

/** Says that the task is still at work, and hears whether it is to stop. */
const extend = HttpApiEndpoint.post("extend", "/:task/extend", {
  params: Params,
  payload: Schema.Struct({ attempt, leaseMs: LeaseMs }),
  success: Schema.Struct({ stop: Schema.NullOr(Schema.String) }),
  error: heldErrors
}).annotate(RequiredScope, "worker").annotate(DoneOnce, "itself")

const complete = HttpApiEndpoint.post("complete", "/:task/complete", {
  params: Params,
  payload: Schema.Struct({ attempt, result: optional(Schema.Unknown) }),
  success: Task,
  error: [...heldErrors, Problem.of(TaskRefused)]
}).annotate(RequiredScope, "worker").annotate(DoneOnce, "itself")

/** The attempt has failed; `retryable: false` says that no further one would help. */
const fail = HttpApiEndpoint.post("fail", "/:task/fail", {
  params: Params,
  payload: Schema.Struct({
    attempt,
    message: Schema.String,
    code: optional(Schema.String),
    retryable: optional(Schema.Boolean),
    retryAfterMs: optional(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)))
  }),
  success: Task,
  error: heldErrors
}).annotate(RequiredScope, "worker").annotate(DoneOnce, "itself")

/** Gives the task back; one that was asked to stop is cancelled. */
const release = HttpApiEndpoint.post("release", "/:task/release", {
  params: Params,
  payload: Schema.Struct({ attempt }),
  success: Task,
  error: heldErrors
}).annotate(RequiredScope, "worker").annotate(DoneOnce, "itself")

/** The routes below `/api/tasks`. */
export class TasksGroup extends HttpApiGroup.make("tasks")
  .add(list, add, queue, get, attempts, cancel, retry, extend, complete, fail, release)
  .prefix("/tasks")
  .annotate(ForTenants, true)
{}
