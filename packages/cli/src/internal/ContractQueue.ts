/** The tasks of contracts in the queue of a configuration. */
import type { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { Tasks } from "@fermata/engine/Tasks"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Config from "../Config.ts"

/** The tasks of contracts in a queue, which this process serves. */
export const inQueue = Effect.fnUntraced(function*(
  context: Context.Context<Tasks>,
  queue: NonNullable<Config.FermataConfig["queue"]>,
  runtime: TaskRuntime["Service"]
) {
  const { concurrency = 1, name } = typeof queue === "string" ? { name: queue } : queue
  const { make, serve } = yield* Effect.promise(() => import("@fermata/contracts/QueuedTasks"))
  yield* Effect.provideContext(serve({ queue: name, concurrency, runtime }), context)
  return make(Context.get(context, Tasks), { queue: name, tasks: runtime.tasks })
})
