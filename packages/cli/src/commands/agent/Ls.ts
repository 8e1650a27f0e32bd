import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { globals } from "../../Globals.ts"
import { item, lines, note, table, width } from "../../Output.ts"

/** `fermata agent ls` */
export const commandAgentLs = Command.make("ls", {}, () =>
  Effect.gen(function*() {
    const values = yield* globals
    const { load } = yield* Effect.promise(() => import("../../Config.ts"))
    const { agents = [] } = (yield* load(values.config, [process.cwd()])).config
    const all = agents.map(({ agent: { agents, description, models, name, tools } }) => ({
      name,
      description,
      models: values.model === undefined ? models : [values.model],
      tools,
      agents: agents.map(({ name }) => name)
    }))
    if (values.json) return yield* Effect.forEach(all, item, { discard: true })
    if (all.length === 0) return yield* note("no agents")
    yield* lines(table(
      ["AGENT", "MODELS", "TOOLS", "AGENTS BELOW", "DESCRIPTION"],
      all.map(({ agents, description, models, name, tools }) => [
        name,
        models.join(", "),
        tools.join(", "),
        agents.join(", "),
        description
      ]),
      undefined,
      { width: width(), shrinks: [4, 2, 3] }
    ))
  })).pipe(
    Command.withDescription("List the agents of the configuration, with their models, tools and agents below"),
    Command.withExamples([{ command: "fermata agent ls --json", description: "As NDJSON, an agent a line" }])
  )
