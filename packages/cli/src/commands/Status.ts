import type { Owner } from "@fermata/core/Owner"
import type { TaskQueue } from "@fermata/core/TaskQueue"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, lines } from "../Output.ts"
import { isGone } from "../Owners.ts"
import { withOperator } from "../Session.ts"
import * as Sides from "../Sides.ts"

/** `fermata status` */
export const commandStatus = Command.make(
  "status",
  {},
  () =>
    withOperator(
      { command: "status", readOnly: true, existing: true, absent: "nothing has run here yet" },
      (operator, { db, json }) =>
        Effect.gen(function*() {
          const { byReason, byStatus } = yield* operator.refine(operator.runs.census)
          const owners = yield* operator.refine(operator.runs.owners)
          const workers = owners.filter((owner) => owner.worker && isAlive(owner, operator.there === undefined)).length
          const queues = yield* operator.refine(operator.tasks.queues)
          const tasks = { queued: sum(queues, "queued"), running: sum(queues, "running") }
          const dispatch = yield* operator.refine(operator.tasks.dispatch)
          const [lastEvent] = yield* operator.refine(operator.events.kept({ limit: 1 }))
          if (json) {
            return yield* document({
              ...(operator.there === undefined ? { db } : { server: operator.there.url }),
              runs: byStatus,
              suspended: byReason,
              workers,
              tasks,
              dispatch,
              lastEvent: lastEvent === undefined ? null : { id: lastEvent.id, name: lastEvent.name, at: lastEvent.at }
            })
          }
          const { fromNow } = yield* Effect.promise(() => import("../Words.ts"))
          yield* lines([
            `runs        ${counted(byStatus, "none yet")}`,
            ...(Object.keys(byReason).length === 0 ? [] : [`suspended   ${counted(byReason, "none")}`]),
            ...(tasks.queued + tasks.running === 0 ? [] : [`tasks       ${counted(tasks, "none")}`]),
            ...(dispatch.paused ? [`dispatch    paused${dispatch.by === undefined ? "" : ` by ${dispatch.by}`}`] : []),
            `workers     ${workers === 0 ? "none" : workers}`,
            `last event  ${
              lastEvent === undefined ? "none" : `${lastEvent.name}, ${fromNow(lastEvent.at, operator.now())}`
            }`
          ])
        })
    )
).pipe(
  Command.withDescription(
    "Say in a few lines what there is to do and who does it; a database of an older version is brought up to date"
  ),
  Sides.either,
  Command.withExamples([
    { command: "fermata status", description: "Counts of runs, workers, and the last event" },
    { command: "fermata status --json", description: "The same for a program" }
  ])
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A process of this machine that is no more is dead before its lease has ended. */
const isAlive = (owner: Owner, isHere: boolean): boolean => owner.alive && !(isHere && isGone(owner))

const sum = (queues: ReadonlyArray<TaskQueue>, what: "queued" | "running"): number =>
  queues.reduce((all, queue) => all + queue[what], 0)

const counted = (counts: Readonly<Record<string, number>>, none: string): string => {
  const some = Object.entries(counts).filter(([, count]) => count > 0)
  return some.length === 0 ? none : some.map(([what, count]) => `${count} ${what}`).join(", ")
}
