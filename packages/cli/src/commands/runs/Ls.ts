import type { Owner } from "@fermata/core/Owner"
import * as RunSentence from "@fermata/core/RunSentence"
import { runStatuses, suspendReasons } from "@fermata/core/RunStatus"
import type { RunSummary } from "@fermata/core/RunSummary"
import * as Spent from "@fermata/core/Spent"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import { item, lines, note, out, table, width } from "../../Output.ts"
import { processIn } from "../../Owners.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs ls` */
export const commandRunsLs = Command.make(
  "ls",
  {
    status: Flag.Literals("status", runStatuses).pipe(
      Flag.withDescription("Only runs with this status"),
      Flag.optional
    ),
    reason: Flag.Literals("reason", suspendReasons).pipe(
      Flag.withDescription("Only runs that are suspended for this"),
      Flag.optional
    ),
    workflow: Arguments.text("workflow", "NAME", "Only runs of this workflow"),
    label: Arguments.labels("Only runs with this label"),
    since: Arguments.time("since", "Only runs that were asked for at this time or later"),
    until: Arguments.time("until", "Only runs that were asked for at this time or earlier"),
    id: Arguments.text("id", "PREFIX", "Only runs whose ids begin with this"),
    restored: Flag.Boolean("restored").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Only open runs that are in doubt, since the database was put back from a backup"),
      Flag.withDefault(false)
    ),
    limit: Arguments.limit
  },
  ({ id, label, limit, reason, restored, since, status, until, workflow }) =>
    withOperator(
      { command: "runs ls", readOnly: true, existing: true, absent: "no runs" },
      (operator, { json, server }) =>
        Effect.gen(function*() {
          if (restored && server !== undefined) {
            return yield* refused(
              "InvalidValue",
              "runs ls takes --restored without --server: it is told of a file that was put back"
            )
          }
          let shown = 0
          let before: string | undefined
          let isMore = false
          const rows: Array<RunSummary> = []
          const owners = yield* operator.refine(operator.runs.owners)
          // Page by page, so that a long list costs no memory; one more than is shown, to know whether there are.
          while (true) {
            const size = Math.min(pageSize, limit + 1 - shown)
            const page = yield* operator.refine(operator.runs.list({
              limit: size,
              ...(Option.isSome(status) ? { status: [status.value] } : {}),
              ...(Option.isSome(reason) ? { reason: [reason.value] } : {}),
              ...(Option.isSome(workflow) ? { workflow: workflow.value } : {}),
              ...(Option.isSome(label) ? { labels: label.value } : {}),
              ...(Option.isSome(since) ? { since: since.value } : {}),
              ...(Option.isSome(until) ? { until: until.value } : {}),
              ...(Option.isSome(id) ? { prefix: id.value } : {}),
              ...(restored ? { restored } : {}),
              ...(before === undefined ? {} : { before })
            }))
            const listed = page.slice(0, limit - shown)
            for (const run of listed) {
              const { id: runId, ...rest } = run
              if (json) {
                yield* item({
                  runId,
                  ...rest,
                  ...(run.owner === undefined ? {} : { process: processIn(owners, run.owner) })
                })
              } else rows.push(run)
            }
            shown += listed.length
            isMore = page.length > listed.length
            before = page.at(-1)?.id
            if (isMore || page.length < size) break
          }
          const more = isMore ? note(`there are more; --limit ${limit * 2} shows twice as many`) : Effect.void
          if (json) return yield* more
          if (rows.length === 0) return yield* note("no runs")
          const Words = yield* Effect.promise(() => import("../../Words.ts"))
          const now = operator.now()
          const idLength = Words.shortest(rows.map(({ id }) => id))
          const hasSpent = rows.some(({ spent }) => spent !== undefined)
          const hasTitle = rows.some(({ title }) => title !== undefined)
          yield* lines(table(
            [
              "RUN",
              "WORKFLOW",
              "STATUS",
              "STARTED",
              ...(hasSpent ? ["SPENT"] : []),
              ...(hasTitle ? ["TITLE"] : []),
              "WAITS"
            ],
            rows.map((run) => [
              run.id.slice(0, idLength),
              Words.definition(run),
              statusText(run, owners),
              Words.fromNow(run.createdAt, now),
              ...(hasSpent ? [run.spent === undefined ? "" : Spent.text(run.spent)] : []),
              ...(hasTitle ? [run.title ?? ""] : []),
              RunSentence.waitsOf(run, now)
            ]),
            (text, row, column) => column === 2 ? colour(rows[row]!.status)(text) : text,
            { width: width(80), shrinks: shrinks(hasSpent, hasTitle) }
          ))
          yield* more
        })
    )
).pipe(
  Command.withDescription("List runs, the last started first"),
  Sides.either,
  Command.withExamples([
    {
      command: "fermata runs ls --label customer=acme --since 2026-01-31",
      description: "What was done for one customer since that day"
    },
    { command: "fermata runs ls --status suspended --reason approval", description: "Runs that wait for people" },
    {
      command: "fermata runs ls --workflow fermata.ticket-triage --limit 10 --json",
      description: "The last ten as NDJSON"
    }
  ])
)

const pageSize = 500

/** Which columns may be cut: the last ones first, then the workflow and the status. */
const shrinks = (hasSpent: boolean, hasTitle: boolean): ReadonlyArray<number> => {
  const last = 4 + Number(hasSpent) + Number(hasTitle)
  // Whether a run has a process is said to the end before what it waits for.
  return hasTitle ? [last, last - 1, 1, last, last - 1, 2] : [last, 1, 2]
}

/** How a run stands; one that is at work according to its journal may have lost its process. */
const statusText = ({ owner, reason, status }: RunSummary, owners: ReadonlyArray<Owner>): string =>
  reason !== undefined
    ? `${status} (${reason})`
    : owner === undefined
    ? status === "running" ? "running, no process has it" : status
    : processIn(owners, owner).alive
    ? status
    : `${status}, its process is gone`

const colour = (status: RunSummary["status"]) =>
  status === "completed"
    ? out.green
    : status === "failed" || status === "cancelled"
    ? out.red
    : status === "suspended"
    ? out.yellow
    : out.cyan
