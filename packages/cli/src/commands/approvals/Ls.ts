import { asides, headline, routes } from "@fermata/core/QuestionText"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata approvals ls` */
export const commandApprovalsLs = Command.make(
  "ls",
  {
    run: Arguments.text("run", "RUN", "Only questions of this run"),
    mine: Flag.Boolean("mine").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Only what you, or the one of --as, may answer"),
      Flag.withDefault(false)
    )
  },
  ({ mine, run }) =>
    withOperator(
      { command: "approvals ls", readOnly: true, existing: true, absent: "no open questions" },
      (operator, { json, roles }) =>
        Effect.gen(function*() {
          const open = yield* operator.refine(operator.runs.approvals({
            limit: 10_000,
            ...(Option.isSome(run) ? { run: run.value } : {}),
            ...(mine ? { approver: roles } : {})
          }))
          if (json) return yield* Effect.forEach(open, item, { discard: true })
          if (open.length === 0) return yield* note("no open questions")
          const Words = yield* Effect.promise(() => import("../../Words.ts"))
          const now = operator.now()
          const idLength = Words.shortest([...new Set(open.map(({ runId }) => runId))])
          yield* lines(table(
            ["APPROVAL", "WORKFLOW", "APPROVERS", "ASKED", "DEADLINE", "STANDS", "QUESTION"],
            open.map((question) => [
              `${question.runId.slice(0, idLength)}/${question.key}`,
              question.workflow,
              question.approvers.join(", "),
              Words.fromNow(question.requestedAt, now),
              question.deadline === undefined ? "none" : Words.fromNow(question.deadline, now),
              question.status === "open"
                ? question.quorum === 1 ? "open" : question.progress
                : `${question.progress}, not yet gone on`,
              [headline(question.prompt), ...asides(question), ...routes(question, now)].join("; ")
            ]),
            undefined,
            { width: width(), shrinks: [6, 2, 1, 5] }
          ))
        })
    )
).pipe(
  Command.withDescription("List the open questions, the oldest first"),
  Sides.either,
  Command.withExamples([
    { command: "fermata approvals ls", description: "Everything that waits for an answer" },
    {
      command: "fermata approvals ls --mine --as support-lead --json",
      description: "What the support lead may answer, as NDJSON"
    }
  ])
)
