import * as Command from "effect/cli/Command"
import * as Sides from "../../Sides.ts"
import * as Endpoint from "./Endpoint.ts"

/** `fermata webhooks rm` */
export const commandWebhooksRm = Command.make("rm", { name: Endpoint.endpoint }, ({ name }) =>
  Endpoint.steer(
    "rm",
    (operator, by) => operator.refine(operator.webhooks.remove(name, { by })),
    ({ name }) => `endpoint ${name} is told of nothing more`
  )).pipe(
    Command.withDescription("Take an endpoint away; what is still on its way to it is dead"),
    Sides.either,
    Command.withExamples([{ command: "fermata webhooks rm ops", description: "It is told of nothing more" }])
  )
