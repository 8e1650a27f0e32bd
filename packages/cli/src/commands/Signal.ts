import { didYouMean } from "@fermata/core/Suggestion"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { actAndFollow } from "../Act.ts"
import * as JsonOption from "../JsonOption.ts"
import { err, note } from "../Output.ts"
import * as Sides from "../Sides.ts"
import * as Arguments from "./Arguments.ts"

/** `fermata signal` */
export const commandSignal = Command.make("signal", {
  run: Arguments.run,
  name: Argument.String("name").pipe(Argument.withDescription("The name of the signal")),
  data: Arguments.json("data", "What it carries; nothing by default"),
  id: Arguments.identity("id", "ID", "A signal that was sent before under this id is not taken again"),
  noWait: Arguments.noWait
}, ({ data, id, name, noWait, run }) =>
  Effect.gen(function*() {
    const payload = yield* JsonOption.readOptional("--data", Option.getOrUndefined(data))
    yield* actAndFollow("signal", {
      run,
      noWait,
      goal: "completed",
      act: (operator, { as }) =>
        Effect.gen(function*() {
          // Who only tells need not be one who may look.
          const found = noWait && operator.here === undefined ? undefined : yield* operator.runs.find(run)
          // The code of the workflow knows what its signals carry. Where it cannot be loaded, that is told when the run is followed.
          if (found !== undefined && operator.here !== undefined) {
            yield* Effect.ignore(operator.here.serve(found.workflow))
          }
          const receipt = yield* operator.runs.signal(run, name, payload ?? null, {
            by: as,
            ...(Option.isSome(id) ? { id: id.value } : {})
          })
          const awaited = (found?.waits ?? []).filter(({ reason }) => reason === "signal").map(({ key }) => key)
          if (found === undefined || awaited.includes(name)) return receipt
          const known = (yield* operator.runs.workflows(found.workflow)).find(({ version }) =>
            version === found.version
          )
          if (known === undefined || known.signals !== undefined) return receipt
          const meant = didYouMean(name, awaited)
          yield* note(
            `${err.yellow("warning:")} run ${found.id} does not wait for signal "${name}"${
              meant === undefined ? "" : `; did you mean "${meant}"?`
            }${awaited.length === 0 ? "" : `; it waits for ${awaited.join(", ")}`}; it is kept for when it does`
          )
          return receipt
        }),
      said: ({ result, runId }) =>
        result === "duplicate" ? `run ${runId} has this signal already` : `run ${runId} has the signal ${name}`
    })
  })).pipe(
    Command.withDescription("Tell a run something that it waits for, or will"),
    Sides.either,
    Command.withExamples([
      {
        command: "fermata signal 1f0c paid --data '{\"cents\":1200}'",
        description: "Send a signal and follow the run"
      },
      {
        command: "fermata signal 1f0c paid --data @payment.json --id payment-17",
        description: "The same payment counts once"
      }
    ])
  )
