import type { AuditLine } from "@fermata/core/AuditLine"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata audit ls` */
export const commandAuditLs = Command.make(
  "ls",
  {
    who: Arguments.text("who", "NAME", "Only what somebody of this name did"),
    action: Arguments.text("action", "ACTION", "Only such acts, as run.cancel, or run.* for all that begin so"),
    run: Arguments.text("run", "RUN", "Only acts on this run and its questions; its id, or the first characters of it"),
    since: Arguments.time("since", "Only acts at this time or later"),
    limit: Arguments.limit,
    before: Flag.Int("before").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("Only lines before the one of this number, for the next page"),
      Flag.optional
    )
  },
  ({ action, before, limit, run, since, who }) =>
    withOperator(
      { command: "audit ls", readOnly: true, existing: true, absent: "no acts" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const found = yield* operator.refine(operator.audit.list({
            limit,
            who: Option.getOrUndefined(who),
            action: Option.getOrUndefined(action),
            since: Option.getOrUndefined(since),
            before: Option.getOrUndefined(before),
            ...(Option.isSome(run) ? { run: (yield* operator.refine(operator.runs.find(run.value))).id } : {})
          }))
          if (json) return yield* Effect.forEach(found, item, { discard: true })
          if (found.length === 0) return yield* note("no acts")
          const Words = yield* Effect.promise(() => import("../../Words.ts"))
          const now = operator.now()
          yield* lines(table(
            ["N", "WHEN", "WHO", "HOW", "ACTION", "TARGET", "DETAIL"],
            found.map(({ action, at, detail, how, n, target, who }) => [
              String(n),
              Words.fromNow(at, now),
              who,
              how,
              action,
              target,
              detailOf(detail)
            ]),
            undefined,
            { width: width(), shrinks: [6, 5, 2] }
          ))
          const last = found.at(-1)!.n
          if (found.length === limit && last > 1) yield* note(`there may be more: --before ${last}`)
        })
    )
).pipe(
  Command.withDescription("List who did what to the database and its runs, the newest first"),
  Sides.either,
  Command.withExamples([
    { command: "fermata audit ls --who ada --since 2026-01-31", description: "What one person did since that day" },
    {
      command: "fermata audit ls --action \"token.*\" --json",
      description: "Every token made and taken back, as NDJSON"
    }
  ])
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const detailOf = (detail: AuditLine["detail"]): string =>
  Object.entries(detail).map(([name, value]) => value === true ? name : `${name}=${String(value)}`).join(" ")
