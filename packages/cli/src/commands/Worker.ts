import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { globals } from "../Globals.ts"
import * as MetricsPlace from "../MetricsPlace.ts"
import * as Sides from "../Sides.ts"

/** `fermata worker` */
export const commandWorker = Command.make("worker", {
  untilIdle: Flag.Boolean("until-idle").pipe(
    Flag.withoutNegation,
    Flag.withDescription("End when nothing that is served here runs, is due, or soon will be"),
    Flag.withDefault(false)
  ),
  metrics: Flag.String("metrics").pipe(
    Flag.withMetavar("HOST:PORT"),
    Flag.withDescription(
      "Tell Prometheus at /metrics of this address what the worker does; a port alone is one that only this machine reaches. Any other asks for tokens"
    ),
    Flag.filterMap(MetricsPlace.parse, (text) => `${MetricsPlace.expected}, found ${JSON.stringify(text)}`),
    Flag.optional
  )
}, ({ metrics, untilIdle }) =>
  Effect.gen(function*() {
    const { work } = yield* Effect.promise(() => import("../Working.ts"))
    yield* Effect.scoped(work(yield* globals, { untilIdle, metrics: Option.getOrUndefined(metrics) }))
  })).pipe(
    Command.withDescription("Work on every run that is due and that the configuration serves, until it is stopped"),
    Sides.here("works on the runs of a database"),
    Command.withExamples([
      { command: "fermata worker", description: "Work; Ctrl-C lets the runs go in order" },
      { command: "fermata worker --until-idle", description: "Do what there is to do, and end" },
      { command: "fermata worker --metrics 9464", description: "Work, with metrics at http://127.0.0.1:9464/metrics" }
    ])
  )
