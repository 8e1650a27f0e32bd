/**
 * A list of tasks that a model keeps for itself: a document of its run, which people
 * can watch and which a replay rebuilds.
 */
import type { Engine } from "@fermata/engine/Engine"
import * as RunState from "@fermata/engine/RunState"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import * as AgentTool from "./AgentTool.ts"

const Status = Schema.Literals(["pending", "in_progress", "completed"])

/** A task. */
export const Task = Schema.Struct({
  id: Schema.String,
  subject: Schema.String,
  description: Schema.String,
  status: Status
})
export type Task = typeof Task.Type

/** There is no task of this id. */
export class TaskMissing extends Schema.TaggedError<TaskMissing>()("TaskMissing", { id: Schema.String }) {
  override get message(): string {
    return `There is no task "${this.id}"`
  }
}

/** The tasks of a run, in the order in which they were made. */
export const tasks = RunState.make("tasks", { schema: Schema.Array(Task), initial: [] })

const reads = AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })
// They change the run's own document and nothing else, which nobody needs to be asked about; one after another.
const writes = AgentTool.rules({ onCrash: "rerun", safe: false, permission: "read" })

/** Makes a task. */
export const TaskCreate = Tool.make("TaskCreate", {
  description: "Puts a task on the list, and gives it with its id.",
  parameters: Schema.Struct({ subject: Schema.NonEmptyString, description: Schema.optionalKey(Schema.String) }),
  success: Task
}).annotateMerge(writes).annotateMerge(AgentTool.inRun)

/** Gives a task. */
export const TaskGet = Tool.make("TaskGet", {
  description: "Gives a task of the list, by its id.",
  parameters: Schema.Struct({ id: Schema.String }),
  success: Task,
  failure: TaskMissing
}).annotateMerge(reads).annotateMerge(AgentTool.inRun)

/** Gives all tasks. */
export const TaskList = Tool.make("TaskList", {
  description: "Gives all tasks of the list.",
  parameters: Schema.Struct({}),
  success: Schema.Array(Task)
}).annotateMerge(reads).annotateMerge(AgentTool.inRun)

/** Changes a task. */
export const TaskUpdate = Tool.make("TaskUpdate", {
  description: "Changes the status of a task, or what it says.",
  parameters: Schema.Struct({
    id: Schema.String,
    status: Schema.optionalKey(Status),
    subject: Schema.optionalKey(Schema.NonEmptyString),
    description: Schema.optionalKey(Schema.String)
  }),
  success: Task,
  failure: TaskMissing
}).annotateMerge(writes).annotateMerge(AgentTool.inRun)

/** The tools, to be merged with those of an agent. */
export const toolkit = Toolkit.make(TaskCreate, TaskGet, TaskList, TaskUpdate)

/** Keeps the tasks in the run that calls. */
export const layer: Layer.Layer<Tool.HandlersFor<typeof toolkit.tools>> = toolkit.toLayer({
  TaskCreate: ({ description = "", subject }) =>
    inRun(Effect.gen(function*() {
      const { value } = yield* RunState.update(tasks, (all) => [
        ...all,
        { id: String(all.length + 1), subject, description, status: "pending" as const }
      ])
      return value.at(-1)!
    })),
  TaskGet: ({ id }) => inRun(Effect.flatMap(RunState.get(tasks), ({ value }) => found(value, id))),
  TaskList: () => inRun(Effect.map(RunState.get(tasks), ({ value }) => value)),
  TaskUpdate: ({ id, ...changes }) =>
    inRun(Effect.gen(function*() {
      yield* found((yield* RunState.get(tasks)).value, id)
      const { value } = yield* RunState.update(
        tasks,
        (all) => all.map((task) => task.id === id ? { ...task, ...changes } : task)
      )
      return yield* found(value, id)
    }))
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const found = (all: ReadonlyArray<Task>, id: string): Effect.Effect<Task, TaskMissing> => {
  const task = all.find((each) => each.id === id)
  return task === undefined ? Effect.fail(new TaskMissing({ id })) : Effect.succeed(task)
}

/** A handler that runs in the body of a run has what a body has. */
const inRun = <A, E>(body: Effect.Effect<A, E, Engine | WorkflowInstance>): Effect.Effect<A, E> =>
  body as Effect.Effect<A, E>
