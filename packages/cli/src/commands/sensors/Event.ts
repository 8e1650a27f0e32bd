import { isFinal } from "@fermata/core/RunStatus"
import type { Ingested } from "@fermata/core/SensorEvent"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { CommandFailed } from "../../CommandFailed.ts"
import * as JsonOption from "../../JsonOption.ts"
import type { Operator } from "../../Operator.ts"
import { document, note } from "../../Output.ts"
import { refine } from "../../Refine.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

const make = (name: string, path: string) =>
  Command.make(name, {
    event: Argument.String("event").pipe(
      Argument.withDescription("What a sensor saw: JSON, or @file; also in the form of the reference")
    )
  }, ({ event }) =>
    Effect.gen(function*() {
      const said = yield* JsonOption.read("event", event)
      const { read } = yield* Effect.promise(() => import("@fermata/core/SensorEvent"))
      const seen = yield* refine(Effect.fromResult(read(said)))
      yield* withOperator({ command: path, idle: true }, (operator, { as, json }) =>
        Effect.gen(function*() {
          const ingested = yield* operator.refine(operator.sensors.ingest(seen, { tell: true, by: as }))
          yield* told(operator, ingested, json)
        }))
    })).pipe(
      Command.withDescription("Take what a sensor saw, once for each key, and say what it came to"),
      Sides.either,
      Command.withExamples([
        {
          command:
            `fermata ${path} '{"sensor":"mail","dedupe":"mail:1","payload":{"text":"hi"},"event":{"name":"mail.came"}}'`,
          description: "Publish an event, unless this mail was told of before"
        },
        { command: `fermata ${path} @mention.json --json`, description: "What stands in a file, for a program" }
      ])
    )

/** `fermata sensors event` */
export const commandSensorsEvent = make("event", "sensors event")

/** `fermata sensor-event`: the same, as it is known from the reference. */
export const commandSensorEvent = make("sensor-event", "sensor-event")

/** Says whether it was new, and what it came to. */
export const told = (operator: Operator, ingested: Ingested, json: boolean): Effect.Effect<void, CommandFailed> =>
  json ? document(ingested) : Effect.gen(function*() {
    yield* Effect.forEach(linesOf(ingested), note, { discard: true })
    const { event: { outcome: { run } }, run: stood } = ingested
    if (run === undefined || stood !== "reused") return
    const { status } = yield* operator.refine(operator.runs.find(run.id))
    if (isFinal(status)) {
      yield* note(`    it is ${status}, so nothing more comes of this; another key starts another run`)
    }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const linesOf = ({ duplicate, event: { dedupe, outcome, position }, run }: Ingested): ReadonlyArray<string> => {
  const came = [
    ...(outcome.event === undefined ? [] : [`event ${outcome.event.name} is published (${outcome.event.id})`]),
    ...(outcome.task === undefined
      ? []
      : [`a ${outcome.task.kind} task is asked for in queue ${outcome.task.queue} (${outcome.task.id})`]),
    ...(outcome.run === undefined ? [] : [
      `run ${outcome.run.id} of ${outcome.run.workflow} is ${
        run === "reused" ? "used again" : "started"
      } (key ${outcome.run.key})`
    ])
  ]
  return [
    duplicate
      ? `duplicate: ${dedupe} came in before, at position ${position}, and nothing is done`
      : `new: ${dedupe} came in, at position ${position}`,
    ...(duplicate ? [] : came.length === 0 ? ["  it comes to nothing but this record"] : came.map((one) => `  ${one}`))
  ]
}
