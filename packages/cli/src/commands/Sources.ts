import * as Command from "effect/cli/Command"
import { commandSourcesLs } from "./sources/Ls.ts"
import { commandSourcesPause } from "./sources/Pause.ts"
import { commandSourcesPut } from "./sources/Put.ts"
import { commandSourcesResume } from "./sources/Resume.ts"
import { commandSourcesRm } from "./sources/Rm.ts"
import { commandSourcesShow } from "./sources/Show.ts"
import { commandSourcesTest } from "./sources/Test.ts"

/** `fermata sources` */
export const commandSources = Command.make("sources").pipe(
  Command.withDescription("Say who may send webhooks, and what comes of what they send"),
  Command.withExamples([
    { command: "fermata sources ls", description: "Who may" },
    { command: "fermata sources put billing @billing.json", description: "Let one more in, by its signature" }
  ]),
  Command.withSubcommands([
    commandSourcesLs,
    commandSourcesShow,
    commandSourcesPut,
    commandSourcesTest,
    commandSourcesPause,
    commandSourcesResume,
    commandSourcesRm
  ])
)
