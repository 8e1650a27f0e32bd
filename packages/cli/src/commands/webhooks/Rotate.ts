import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as Sides from "../../Sides.ts"
import * as Endpoint from "./Endpoint.ts"

/** `fermata webhooks rotate` */
export const commandWebhooksRotate = Command.make("rotate", {
  name: Endpoint.endpoint,
  secret: Argument.String("secret").pipe(Argument.withDescription("The name of the secret that signs from now on")),
  overlap: Flag.Int("overlap").pipe(
    Flag.withMetavar("HOURS"),
    Flag.withDescription("How long the secret before signs too; 24 when absent"),
    Flag.optional
  )
}, ({ name, overlap, secret }) =>
  Endpoint.steer(
    "rotate",
    (operator, by) =>
      operator.refine(operator.webhooks.rotate(name, {
        by,
        secret: { secret },
        ...(Option.isSome(overlap) ? { overlapMs: overlap.value * 3_600_000 } : {})
      })),
    ({ name, secrets }) => `endpoint ${name} is signed for by ${secrets.map(({ secret }) => secret).join(" and ")}`
  )).pipe(
    Command.withDescription("Sign by another secret, and for a while by the one before too"),
    Sides.either,
    Command.withExamples([
      { command: "fermata webhooks rotate ops HOOK_2027", description: "The receiver changes it within a day" }
    ])
  )
