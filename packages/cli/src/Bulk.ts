/**
 * One act on many runs: what `runs cancel`, `pause`, `resume` and `retry` do
 * where they are given a filter and no run.
 */
import type { BulkReport, BulkRequest } from "@fermata/core/BulkAct"
import * as Effect from "effect/Effect"
import type { Globals } from "./Globals.ts"
import type { Operator } from "./Operator.ts"
import { document, err, line, lines, note, table, width } from "./Output.ts"
import { withOperator } from "./Session.ts"
import * as Words from "./Words.ts"

/** How the command acts on them. */
interface How {
  readonly dryRun: boolean
  readonly confirm: number | undefined
  /** Ends as soon as it is recorded. */
  readonly detach: boolean
}

/** Looks at what it would act on, or has it done and follows that. */
export const actOnMany = (command: string, wanted: BulkRequest, { confirm, detach, dryRun }: How) =>
  withOperator({ command, existing: true, idle: dryRun || detach }, (operator, globals) =>
    Effect.gen(function*() {
      if (dryRun) return yield* preview(operator, globals, wanted)
      if (wanted.action === "retry" && operator.here !== undefined) yield* operator.here.serve(wanted.filter?.workflow)
      const started = yield* operator.refine(
        operator.bulk.start(wanted, { by: globals.as, ...(confirm === undefined ? {} : { confirm }) })
      )
      yield* note(
        `to ${wanted.action} ${Words.count(started.matched, "run")} is what run ${err.bold(started.runId)} does`
      )
      if (detach) return yield* globals.json ? document(started) : line(started.runId)
      const { followAndAsk } = yield* Effect.promise(() => import("./Ask.ts"))
      const { report } = yield* Effect.promise(() => import("./Report.ts"))
      const followed = yield* followAndAsk(operator, globals, started.runId, { from: 0, work: "if-nobody-does" })
      const done = followed.view.output as BulkReport | undefined
      if (done !== undefined) {
        yield* note(`done: ${done.done}; skipped: ${done.skippedCount}`)
        for (const { run, why } of done.skipped.slice(0, mostTold)) yield* note(`  ${run}: ${why}`)
      }
      yield* report(followed, { globals, joined: false })
    }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostTold = 20

const preview = (operator: Operator, { json }: Globals, wanted: BulkRequest) =>
  Effect.gen(function*() {
    const { first, matched } = yield* operator.refine(operator.bulk.preview(wanted))
    if (json) return yield* document({ matched, first })
    yield* note(
      `${wanted.action} would act on ${Words.count(matched, "run")}${
        matched > first.length ? `; the first ${first.length}:` : ""
      }`
    )
    if (first.length === 0) return
    yield* lines(
      table(
        ["RUN", "WORKFLOW", "STATUS", "TITLE"],
        first.map((run) => [run.id, Words.definition(run), run.reason ?? run.status, run.title ?? ""]),
        (text) => text,
        { width: width(80), shrinks: [3, 1] }
      )
    )
  })
