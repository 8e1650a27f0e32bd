import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, lines, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as TaskArgument from "./Task.ts"

/** `fermata tasks show` */
export const commandTasksShow = Command.make(
  "show",
  { task: TaskArgument.task },
  ({ task: id }) =>
    withOperator(
      { command: "tasks show", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const task = yield* operator.refine(operator.tasks.show(id))
          const attempts = yield* operator.refine(operator.tasks.attempts(id))
          if (json) return yield* document({ ...task, tries: attempts })
          const { fromNow, iso } = yield* Effect.promise(() => import("../../Words.ts"))
          const told = (name: string, value: string | undefined) =>
            value === undefined ? [] : [`${name.padEnd(9)} ${value}`]
          yield* lines([
            `task ${task.id}  ${task.kind}  ${task.status}`,
            task.sentence,
            "",
            ...told("queue", task.queue),
            ...told("lane", task.lane),
            ...told("subject", task.subject),
            ...told("source", task.source),
            ...told("adapter", task.adapter),
            ...told("profile", task.profile),
            ...told("dedupe", task.dedupe),
            ...told("priority", String(task.priority)),
            ...told("added", iso(task.createdAt)),
            ...told("payload", JSON.stringify(task.payload)),
            ...told("result", task.result === undefined ? undefined : JSON.stringify(task.result)),
            ...(attempts.length === 0 ? [] : [
              "",
              ...table(
                ["ATTEMPT", "WORKER", "BEGUN", "OUTCOME", "WHY"],
                attempts.map(({ at, attempt, error, outcome, owner }) => [
                  String(attempt),
                  owner,
                  fromNow(at, operator.now()),
                  outcome,
                  error?.message ?? ""
                ]),
                undefined,
                { width: width(), shrinks: [4] }
              )
            ])
          ])
        })
    )
).pipe(
  Command.withDescription("Show a task: how it stands and what it waits for, what it says, and its attempts"),
  Sides.either,
  Command.withExamples([
    { command: "fermata tasks show 1f0c93ab", description: "Why it waits, or what became of it" },
    { command: "fermata tasks show 1f0c93ab --json", description: "As one JSON document" }
  ])
)
