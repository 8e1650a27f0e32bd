import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { globals } from "../Globals.ts"
import { document, line, note } from "../Output.ts"
import * as Sides from "../Sides.ts"

/** `fermata init` */
export const commandInit = Command.make("init", {
  folder: Argument.String("folder").pipe(
    Argument.withDescription(
      "The folder that is made, or one that has nothing of the same name; the agent is named after it"
    ),
    Argument.withDefault(".")
  )
}, ({ folder }) =>
  Effect.gen(function*() {
    const { json } = yield* globals
    const { make } = yield* Effect.promise(() => import("../NewAgent.ts"))
    const { files, name } = yield* make(folder)
    if (json) return yield* document({ name, folder, files })
    for (const file of files) yield* line(file)
    yield* note(`made the agent ${name}; how it goes on stands in ${join(folder, "README.md")}`)
  })).pipe(
    Command.withDescription(
      "Make the folder of a new agent: configuration, a contract, units for systemd, and a script that updates it"
    ),
    Sides.here("makes a folder"),
    Command.withExamples([{ command: "fermata init lumen", description: "An agent of the name lumen" }])
  )
