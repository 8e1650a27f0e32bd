/** Why something that was asked of a task or a queue was not done. */
import * as Schema from "effect/Schema"

/** The queue has as many queued tasks as it may have. Nothing was added; it may be asked for again. */
export class QueueFull extends Schema.TaggedError<QueueFull>()("QueueFull", {
  queue: Schema.String,
  /** How many that is. */
  most: Schema.Int,
  /** When to ask again, in s; the header `Retry-After` says the same. */
  retryAfter: Schema.Int
}, { httpApiStatus: 429 }) {
  override get message(): string {
    return `Queue ${this.queue} has ${this.most} queued tasks, as many as it may have; wait until some are done, or have its limit raised`
  }
}

/** What is asked for is no task, or no settings of a queue. */
export class TaskRefused extends Schema.TaggedError<TaskRefused>()("TaskRefused", {
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `This task is refused: ${this.problem}`
  }
}

/** The settings of a queue are refused. */
export class QueueRefused extends Schema.TaggedError<QueueRefused>()("QueueRefused", {
  queue: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `Queue ${this.queue} is left as it is: ${this.problem}`
  }
}

/** There is no such task. */
export class TaskNotFound extends Schema.TaggedError<TaskNotFound>()("TaskNotFound", {
  task: Schema.String
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no task ${this.task}`
  }
}

/** Who asks does not have the task any more: its lease has ended, or it is another's. What they did of it does not count. */
export class TaskNotHeld extends Schema.TaggedError<TaskNotHeld>()("TaskNotHeld", {
  task: Schema.String,
  attempt: Schema.Int
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Attempt ${this.attempt} of task ${this.task} is not under way any more; give it up, it is somebody else's or has ended`
  }
}

/** As the task stands, that cannot be done. */
export class TaskConflict extends Schema.TaggedError<TaskConflict>()("TaskConflict", {
  task: Schema.String,
  status: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Task ${this.task} is ${this.status}: ${this.problem}`
  }
}
