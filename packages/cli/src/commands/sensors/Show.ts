import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata sensors show` */
export const commandSensorsShow = Command.make(
  "show",
  { position: Argument.String("position").pipe(Argument.withDescription("Its position, as sensors ls shows it")) },
  ({ position }) =>
    withOperator(
      { command: "sensors show", readOnly: true, existing: true },
      (operator) => Effect.flatMap(operator.refine(operator.sensors.find(position)), document)
    )
).pipe(
  Command.withDescription("Show something that came in, with its payload and what it came to, as JSON"),
  Sides.either,
  Command.withExamples([{ command: "fermata sensors show 0000000000000007", description: "What a source has refused" }])
)
