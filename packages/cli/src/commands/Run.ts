import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { globals } from "../Globals.ts"
import * as JsonOption from "../JsonOption.ts"
import * as Sides from "../Sides.ts"
import * as Arguments from "./Arguments.ts"

/** `fermata run` */
export const commandRun = Command.make("run", {
  workflow: Argument.String("workflow").pipe(
    Argument.withDescription(
      "A contract file, the id of a registered contract, or the name of a workflow of the configuration"
    )
  ),
  input: Arguments.json("input", "What the run is given"),
  event: Arguments.json("event", "The payload of the event that is to have started the run"),
  eventName: Arguments.text("event-name", "N", "The name of that event; by default what the contract is triggered by"),
  key: Arguments.identity("key", "K", "Runs of one workflow with one key are one run"),
  title: Arguments.title,
  label: Arguments.labels("A label by which the run is found in lists"),
  newRun: Flag.Boolean("new").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Start another run, even where the input has been run before"),
    Flag.withDefault(false)
  ),
  detach: Arguments.detach
}, ({ detach, event, eventName, input, key, label, newRun, title, workflow }) =>
  Effect.gen(function*() {
    const payload = yield* JsonOption.readOptional("--input", Option.getOrUndefined(input))
    const eventPayload = yield* JsonOption.readOptional("--event", Option.getOrUndefined(event))
    const { start } = yield* Effect.promise(() => import("../Start.ts"))
    yield* Effect.scoped(start(yield* globals, {
      workflow,
      input: Option.isSome(input) ? { value: payload } : undefined,
      event: Option.isSome(event) ? { value: eventPayload } : undefined,
      eventName: Option.getOrUndefined(eventName),
      key: Option.getOrUndefined(key),
      title: Option.getOrUndefined(title),
      labels: Option.getOrUndefined(label),
      isNew: newRun,
      detach
    }))
  })).pipe(
    Command.withDescription("Start a run and follow it; its result goes to stdout"),
    Sides.either,
    Command.withExamples([
      { command: "fermata run greet.json --input '{\"name\":\"Ada\"}'", description: "Run a contract" },
      {
        command: "fermata run ticket-triage.json --event @ticket.json --json",
        description: "As if that event had come, with one JSON document as the result"
      },
      {
        command: "fermata run greet.json --input '{\"name\":\"Grace\"}' --label team=navy",
        description: "With a label, by which `runs ls --label team=navy` finds it"
      },
      {
        command: "fermata run purchase --input @order.json --detach",
        description: "Start a workflow and leave it to a worker"
      }
    ])
  )
