import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import { type Globals, globals } from "../../Globals.ts"
import * as JsonOption from "../../JsonOption.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata agent run` */
export const commandAgentRun = Command.make("run", {
  agent: Argument.String("agent").pipe(Argument.withDescription("The name of an agent of the configuration")),
  input: Arguments.text(
    "input",
    "J",
    "What the agent is given: JSON, or @file. For an agent that takes text, the text itself; in quotes it is a string of JSON"
  ),
  inputFile: Arguments.text("input-file", "FILE", "The same, in a file"),
  id: Arguments.identity("id", "ID", "Runs of one agent with one id are one run; a new one each time without it"),
  title: Arguments.title,
  label: Arguments.labels("A label by which the run is found in lists"),
  detach: Arguments.detach
}, ({ agent: name, detach, id, input, inputFile, label, title }) =>
  Effect.gen(function*() {
    if (Option.isSome(input) && Option.isSome(inputFile)) {
      return yield* refused("InvalidValue", "--input and --input-file exclude each other: both are the input", [
        "leave one of them out"
      ])
    }
    const values = yield* globals
    const { agent, takesText } = values.server === undefined
      ? yield* configured(values, name, detach)
      : yield* there(name)
    const read = takesText ? JsonOption.readWords : JsonOption.read
    const given = Option.isSome(inputFile)
      ? yield* read("--input-file", `@${inputFile.value}`)
      : Option.isSome(input)
      ? yield* read("--input", input.value)
      : undefined
    const runId = Option.isSome(id) ? id.value : (yield* WebCrypto).randomUUID()
    const { start } = yield* Effect.promise(() => import("../../Start.ts"))
    yield* Effect.scoped(start(values, {
      workflow: agent,
      input: { value: { id: runId, ...(given === undefined ? {} : { input: given }) } },
      event: undefined,
      eventName: undefined,
      key: undefined,
      title: Option.getOrUndefined(title),
      labels: Option.getOrUndefined(label),
      isNew: false,
      detach
    }))
  })).pipe(
    Command.withDescription("Run an agent and follow it; its answer goes to stdout"),
    Sides.either,
    Command.withExamples([
      {
        command: "fermata agent run reviewer --input '{\"change\":\"42\"}' --model scripted",
        description: "Without a key: a script answers, and no provider is asked"
      },
      {
        command: "fermata agent run writer --input 'Sum up the week' --detach",
        description: "Leave it to a worker; an agent that takes text is given it without more quotes"
      },
      {
        command: "fermata agent run reviewer --input-file change.json --id change-42 --json",
        description: "One run however often it is typed, with one JSON document as the result"
      }
    ])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What the command needs to know of an agent. */
interface Known {
  readonly agent: string
  readonly takesText: boolean
}

const configured = Effect.fnUntraced(function*(values: Globals, name: string, detach: boolean) {
  const Config = yield* Effect.promise(() => import("../../Config.ts"))
  const Agents = yield* Effect.promise(() => import("../../Agents.ts"))
  const config = yield* Config.loadOrRecall(values, [process.cwd()], name)
  const found = yield* Agents.named(config, name)
  // Before anything is stored; a run that is left to a worker is asked for by that worker's models.
  if (!detach) yield* Agents.check(config, found, values.model)
  return { agent: found.agent.name, takesText: Agents.takesText(found) } as Known
})

const there = (name: string) =>
  withOperator({ command: "agent run" }, (operator) =>
    Effect.gen(function*() {
      const { namedThere } = yield* Effect.promise(() => import("../../Agents.ts"))
      const { agents, url } = operator.there!
      const { takesText } = yield* namedThere(yield* agents, name, url)
      return { agent: name, takesText }
    })).pipe(Effect.map((known) => known as Known))
