import { defaultStaleMs } from "@fermata/core/Owner"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withHost } from "../../Session.ts"

/** `fermata workers reap` */
export const commandWorkersReap = Command.make(
  "reap",
  {
    stale: Flag.Int("stale").pipe(
      Flag.withMetavar("MS"),
      Flag.withDescription("Only of processes without a sign of life for so long; default 300000, which is 5 min"),
      Flag.filter((millis) => millis >= 0, (millis) => `expected a whole number from 0, found ${millis}`),
      Flag.withDefault(defaultStaleMs)
    ),
    fail: Flag.Boolean("fail").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Have the runs fail, after their compensations, instead of going on"),
      Flag.withDefault(false)
    )
  },
  ({ fail, stale }) =>
    withHost({ command: "workers reap", existing: true, idle: true }, (host, { as, json }) =>
      Effect.gen(function*() {
        const reaped = yield* host.refine(
          host.runs.reap({ staleMs: stale, then: fail ? "fail" : "resume", by: as })
        )
        if (json) return yield* Effect.forEach(reaped, item, { discard: true })
        if (reaped.length === 0) return yield* note("no dead process had runs")
        const Words = yield* Effect.promise(() => import("../../Words.ts"))
        yield* lines(table(
          ["RUN", "WORKFLOW", "LAST SEEN"],
          reaped.map(({ lastSeenAt, run, workflow }) => [run, workflow, Words.fromNow(lastSeenAt, host.now())]),
          undefined,
          { width: width(80), shrinks: [1] }
        ))
        yield* note(
          `${Words.count(reaped.length, "run")} ${fail ? "will fail" : "will go on"} where a worker serves it`
        )
      }))
).pipe(
  Command.withDescription(
    "Hand over the runs of dead processes: a worker does so by itself, this is for when there is none"
  ),
  Command.withExamples([
    { command: "fermata workers reap", description: "Whatever had no sign of life for 5 minutes" },
    { command: "fermata workers reap --stale 60000 --fail", description: "After a minute, and the runs fail" }
  ])
)
