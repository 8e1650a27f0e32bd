import { TaskStatus } from "@fermata/core/Task"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata tasks ls` */
export const commandTasksLs = Command.make(
  "ls",
  {
    queue: Arguments.text("queue", "NAME", "Only tasks of this queue"),
    status: Flag.Literals("status", TaskStatus.literals).pipe(
      Flag.withDescription("Only tasks that stand so"),
      Flag.optional
    ),
    kind: Arguments.text("kind", "KIND", "Only tasks of this kind"),
    source: Arguments.text("source", "TEXT", "Only tasks of this source, or of parts of it"),
    lane: Arguments.text("lane", "TEXT", "Only tasks of this lane"),
    limit: Arguments.limit
  },
  ({ limit, ...options }) =>
    withOperator(
      { command: "tasks ls", readOnly: true, existing: true, absent: "no tasks" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const found = yield* operator.refine(operator.tasks.list({ ...Arguments.given(options), limit: limit + 1 }))
          const shown = found.slice(0, limit)
          if (json) yield* Effect.forEach(shown, item, { discard: true })
          else if (shown.length === 0) yield* note("no tasks")
          else {
            const { fromNow } = yield* Effect.promise(() => import("../../Words.ts"))
            const now = operator.now()
            yield* lines(table(
              ["TASK", "QUEUE", "KIND", "STATUS", "PRIORITY", "ATTEMPTS", "ADDED", "SUBJECT"],
              shown.map((task) => [
                task.id,
                task.queue,
                task.kind,
                task.status,
                String(task.priority),
                String(task.attempts),
                fromNow(task.createdAt, now),
                task.subject ?? ""
              ]),
              undefined,
              { width: width(), shrinks: [7, 2, 0] }
            ))
          }
          if (found.length > limit) yield* note(`there are more; --limit ${limit * 2} shows twice as many`)
        })
    )
).pipe(
  Command.withDescription("List tasks, the last added first"),
  Sides.either,
  Command.withExamples([
    { command: "fermata tasks ls --status queued", description: "What waits" },
    { command: "fermata tasks ls --queue reports --json", description: "As NDJSON" }
  ])
)
