import * as Command from "effect/cli/Command"
import { commandWebhooksDeliveries } from "./webhooks/Deliveries.ts"
import { commandWebhooksDelivery } from "./webhooks/Delivery.ts"
import { commandWebhooksLs } from "./webhooks/Ls.ts"
import { commandWebhooksPause } from "./webhooks/Pause.ts"
import { commandWebhooksPut } from "./webhooks/Put.ts"
import { commandWebhooksRedeliver } from "./webhooks/Redeliver.ts"
import { commandWebhooksResume } from "./webhooks/Resume.ts"
import { commandWebhooksRm } from "./webhooks/Rm.ts"
import { commandWebhooksRotate } from "./webhooks/Rotate.ts"
import { commandWebhooksTest } from "./webhooks/Test.ts"

/** `fermata webhooks` */
export const commandWebhooks = Command.make("webhooks").pipe(
  Command.withDescription("Say who is told of what happens, and see what was sent"),
  Command.withExamples([
    {
      command: "fermata webhooks put ops --url https://hooks.example.com/f --event engine.run.failed --secret HOOK",
      description: "Tell somebody of runs that fail"
    },
    { command: "fermata webhooks redeliver ops --dead", description: "Send again what did not arrive" }
  ]),
  Command.withSubcommands([
    commandWebhooksLs,
    commandWebhooksPut,
    commandWebhooksTest,
    commandWebhooksDeliveries,
    commandWebhooksDelivery,
    commandWebhooksRedeliver,
    commandWebhooksRotate,
    commandWebhooksPause,
    commandWebhooksResume,
    commandWebhooksRm
  ])
)
