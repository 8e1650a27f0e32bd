import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { globals } from "../Globals.ts"
import * as Sides from "../Sides.ts"

/** `fermata run-once` */
export const commandRunOnce = Command.make(
  "run-once",
  {},
  () =>
    Effect.gen(function*() {
      const { work } = yield* Effect.promise(() => import("../Working.ts"))
      yield* Effect.scoped(work(yield* globals, { untilIdle: true, isAlone: true, metrics: undefined }))
    })
).pipe(
  Command.withDescription(
    "Do one round of work and end: schedules that are due, runs that are due, tasks that wait; one process at a time, as a timer starts it"
  ),
  Sides.here("works on the runs of a database"),
  Command.withExamples([
    { command: "fermata run-once", description: "Do what there is to do; exit code 4 where another process does it" }
  ])
)
