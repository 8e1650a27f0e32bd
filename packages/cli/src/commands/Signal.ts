import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { actAndFollow } from "../Act.ts"
import * as JsonOption from "../JsonOption.ts"
import * as Arguments from "./Arguments.ts"

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
      act: (host, { as }) =>
        host.runs.signal(run, name, payload ?? null, { by: as, ...(Option.isSome(id) ? { id: id.value } : {}) }),
      said: ({ result, runId }) => result === "duplicate" ? `run ${runId} has this signal already` : `run ${runId} has the signal ${name}`
    })
  })).pipe(
  Command.withDescription("Tell a run something that it waits for, or will"),
  Command.withExamples([
    { command: "fermata signal 1f0c paid --data '{\"cents\":1200}'", description: "Send a signal and follow the run" },
    { command: "fermata signal 1f0c paid --data @payment.json --id payment-17", description: "The same payment counts once" }
  ])
)
