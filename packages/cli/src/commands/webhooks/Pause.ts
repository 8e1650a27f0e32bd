import * as Command from "effect/cli/Command"
import * as Sides from "../../Sides.ts"
import * as Endpoint from "./Endpoint.ts"

/** `fermata webhooks pause` */
export const commandWebhooksPause = Command.make("pause", { name: Endpoint.endpoint }, ({ name }) =>
  Endpoint.steer(
    "pause",
    (operator, by) => operator.refine(operator.webhooks.pause(name, { by })),
    ({ name }) => `endpoint ${name} is paused; what it is to be told of waits`
  )).pipe(
    Command.withDescription("Let what an endpoint is to be told of wait until it is resumed"),
    Sides.either,
    Command.withExamples([{ command: "fermata webhooks pause ops", description: "While its receiver is repaired" }])
  )
