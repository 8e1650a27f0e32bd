/** The routes for queues of tasks: what each lets through, and the tasks that it gives to workers elsewhere. */
import { Task } from "@fermata/core/Task"
import { QueueRefused } from "@fermata/core/TaskErrors"
import { Dispatch, QueueSettings, TaskQueue } from "@fermata/core/TaskQueue"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { DoneOnce } from "./Idempotency.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"
import { LeaseMs } from "./TasksGroup.ts"

const optional = Schema.optionalKey

/** Queues that were set up or have had a task, by name. */
export const QueuePage = Schema.Struct({ queues: Schema.Array(TaskQueue), ...Paging.next })
export interface QueuePage extends Schema.Schema.Type<typeof QueuePage> {}

/** A task that a worker was given, and the number of its attempt, which it shows with whatever it says of it. */
export const Leased = Schema.Struct({ ...Task.fields, attempt: Schema.Int, payload: Schema.Unknown })
export interface Leased extends Schema.Schema.Type<typeof Leased> {}

const Params = { queue: Schema.String }
const error = [Problem.of(QueueRefused)] as const

const list = HttpApiEndpoint.get("list", "/", { query: Paging.query, success: QueuePage })
  .annotate(RequiredScope, "read")

/** Sets what the queue lets through, in place of what it let through before; what is not named has no limit. */
const configure = HttpApiEndpoint.put("configure", "/:queue", {
  params: Params,
  payload: QueueSettings,
  success: TaskQueue,
  error
}).annotate(RequiredScope, "operate")

const pause = HttpApiEndpoint.post("pause", "/:queue/pause", { params: Params, success: TaskQueue, error })
  .annotate(RequiredScope, "operate")

const resume = HttpApiEndpoint.post("resume", "/:queue/resume", { params: Params, success: TaskQueue, error })
  .annotate(RequiredScope, "operate")

/** Gives tasks to a worker, who is known by its token and the name that it gives itself. */
const lease = HttpApiEndpoint.post("lease", "/:queue/lease", {
  params: Params,
  payload: Schema.Struct({
    leaseMs: LeaseMs,
    /** At most this many; 1 when absent. */
    limit: optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))),
    /** What the worker has, beside tasks that ask for nothing; all when absent. */
    adapters: optional(Schema.Array(Schema.String).check(Schema.isMaxLength(100))),
    /** Which of the workers that share a token it is. */
    worker: optional(Schema.String.check(Schema.isMaxLength(100)))
  }),
  success: Schema.Struct({ tasks: Schema.Array(Leased) }),
  error
}).annotate(RequiredScope, "worker").annotate(DoneOnce, "itself")

/** The routes below `/api/queues`. */
export class QueuesGroup extends HttpApiGroup.make("queues").add(list, configure, pause, resume, lease)
  .prefix("/queues")
  .annotate(ForTenants, true)
{}

const get = HttpApiEndpoint.get("get", "/", { success: Dispatch }).annotate(RequiredScope, "read")

/** Stops giving out tasks of any queue, or goes on with it. */
const set = HttpApiEndpoint.post("set", "/", {
  payload: Schema.Struct({ paused: Schema.Boolean }),
  success: Dispatch
}).annotate(RequiredScope, "operate")

/** The routes of `/api/pause`. */
export class PauseGroup extends HttpApiGroup.make("pause").add(get, set).prefix("/pause") {}
