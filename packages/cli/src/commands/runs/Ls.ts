import type { RunSummary } from "@fermata/engine/Runs"
import { RunStatus, suspendReasons } from "@fermata/core/RunStatus"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { item, lines, note, out, table } from "../../Output.ts"
import { withHost } from "../../Session.ts"
import * as Arguments from "../Arguments.ts"

export const commandRunsLs = Command.make("ls", {
  status: Flag.Literals("status", RunStatus.literals).pipe(Flag.withDescription("Only runs with this status"), Flag.optional),
  reason: Flag.Literals("reason", suspendReasons).pipe(Flag.withDescription("Only runs that are suspended for this"), Flag.optional),
  workflow: Arguments.text("workflow", "NAME", "Only runs of this workflow"),
  limit: Flag.Int("limit").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("At most this many; default 50"),
    Flag.filter((limit) => limit >= 1, (limit) => `expected a whole number from 1, found ${limit}`),
    Flag.withDefault(50)
  )
}, ({ limit, reason, status, workflow }) =>
  withHost({ command: "runs ls", readOnly: true, existing: true, absent: "no runs" }, (host, { json }) =>
    Effect.gen(function*() {
      let shown = 0
      let before: string | undefined
      const rows: Array<RunSummary> = []
      // Page by page, so that a long list costs no memory.
      while (shown < limit) {
        const page = yield* host.refine(host.runs.list({
          limit: Math.min(pageSize, limit - shown),
          ...(Option.isSome(status) ? { status: [status.value] } : {}),
          ...(Option.isSome(reason) ? { reason: [reason.value] } : {}),
          ...(Option.isSome(workflow) ? { workflow: workflow.value } : {}),
          ...(before === undefined ? {} : { before })
        }))
        for (const run of page) {
          const { id: runId, ...rest } = run
          if (json) yield* item({ runId, ...rest })
          else rows.push(run)
        }
        shown += page.length
        before = page.at(-1)?.id
        if (page.length < pageSize) break
      }
      if (json) return
      if (rows.length === 0) return yield* note("no runs")
      const Words = yield* Effect.promise(() => import("../../Words.ts"))
      const now = host.now()
      yield* lines(table(
        ["RUN", "WORKFLOW", "STATUS", "ENTRIES", "STARTED", "WAITS FOR"],
        rows.map((run) => [
          run.id,
          Words.definition(run),
          run.reason === undefined ? run.status : `${run.status} (${run.reason})`,
          String(run.entries),
          Words.fromNow(run.createdAt, now),
          run.waits.map((wait) => wait.until === undefined ? wait.key : `${wait.key} ${Words.fromNow(wait.until, now)}`).join(", ")
        ]),
        (text, row, column) => column === 2 ? colour(rows[row]!.status)(text) : text
      ))
    }))).pipe(
  Command.withDescription("List runs, the last started first"),
  Command.withExamples([
    { command: "fermata runs ls --status suspended --reason approval", description: "Runs that wait for people" },
    { command: "fermata runs ls --workflow fermata.ticket-triage --limit 10 --json", description: "The last ten as NDJSON" }
  ])
)

const pageSize = 500

const colour = (status: RunSummary["status"]) =>
  status === "completed" ? out.green : status === "failed" || status === "cancelled" ? out.red : status === "suspended" ? out.yellow : out.cyan
