import * as Command from "effect/cli/Command"
import * as Feed from "./bridge/Feed.ts"

const github = { name: "github", description: "A pull request that was merged becomes a github-story task" }
const discord = { name: "discord", description: "A message that mentions somebody becomes a discord-reply task" }

/** `fermata bridge` */
export const commandBridge = Command.make("bridge").pipe(
  Command.withDescription("Take what other services send, by mappings that are made for them"),
  Command.withExamples([
    { command: "fermata bridge github --file pull-request.json", description: github.description }
  ]),
  Command.withSubcommands([
    Feed.make("github", "bridge github", github),
    Feed.make("discord", "bridge discord", discord)
  ])
)

/** `fermata bridge-github`: as it is known from the reference. */
export const commandBridgeGithub = Feed.make("bridge-github", "bridge-github", github)

/** `fermata bridge-discord` */
export const commandBridgeDiscord = Feed.make("bridge-discord", "bridge-discord", discord)
