import type { QueueSettings } from "@fermata/core/TaskQueue"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata queue ls` */
export const commandQueueLs = Command.make(
  "ls",
  {},
  () =>
    withOperator(
      { command: "queue ls", readOnly: true, existing: true, absent: "no queues" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const queues = yield* operator.refine(operator.tasks.queues)
          const dispatch = yield* operator.refine(operator.tasks.dispatch)
          if (json) return yield* Effect.forEach(queues, item, { discard: true })
          if (dispatch.paused) {
            yield* note(`all queues are paused${dispatch.by === undefined ? "" : ` by ${dispatch.by}`}`)
          }
          if (queues.length === 0) return yield* note("no queues")
          yield* lines(table(
            ["QUEUE", "QUEUED", "RUNNING", "LIMITS"],
            queues.map(({ name, paused, queued, running, settings }) => [
              name,
              String(queued),
              String(running),
              [...(paused ? ["paused"] : []), ...told(settings)].join(", ")
            ]),
            undefined,
            { width: width(), shrinks: [3, 0] }
          ))
        })
    )
).pipe(
  Command.withDescription("List the queues that were set up or have had a task"),
  Sides.either,
  Command.withExamples([
    { command: "fermata queue ls", description: "What waits, what is at work, and the limits" },
    { command: "fermata queue ls --json", description: "As NDJSON" }
  ])
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const told = ({ concurrency, laneRate, maxQueued, perLane, rate, retry }: QueueSettings): ReadonlyArray<string> => [
  ...(concurrency === undefined ? [] : [`${concurrency} at work`]),
  ...(perLane === undefined ? [] : [`${perLane} of a lane`]),
  ...(rate === undefined ? [] : [`${rate.count} in ${rate.perMs / 1_000} s`]),
  ...(laneRate === undefined ? [] : [`${laneRate.count} of a lane in ${laneRate.perMs / 1_000} s`]),
  ...(maxQueued === undefined ? [] : [`${maxQueued} queued`]),
  ...(retry === undefined ? [] : [`${retry.attempts} attempts`])
]
