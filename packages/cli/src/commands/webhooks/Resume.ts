import * as Command from "effect/cli/Command"
import * as Sides from "../../Sides.ts"
import * as Endpoint from "./Endpoint.ts"

/** `fermata webhooks resume` */
export const commandWebhooksResume = Command.make("resume", { name: Endpoint.endpoint }, ({ name }) =>
  Endpoint.steer(
    "resume",
    (operator, by) => operator.refine(operator.webhooks.resume(name, { by })),
    ({ name }) => `endpoint ${name} is told again`
  )).pipe(
    Command.withDescription("Tell an endpoint again that was paused, is gone, or was left alone because it failed"),
    Sides.either,
    Command.withExamples([{ command: "fermata webhooks resume ops", description: "Its receiver is there again" }])
  )
