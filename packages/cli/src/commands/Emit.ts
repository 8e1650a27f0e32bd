import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { globals } from "../Globals.ts"
import * as JsonOption from "../JsonOption.ts"
import * as Sides from "../Sides.ts"
import * as Arguments from "./Arguments.ts"

/** `fermata emit` */
export const commandEmit = Command.make("emit", {
  event: Argument.String("event").pipe(Argument.withDescription("The name of the event, such as ticket.created")),
  data: Arguments.json("data", "What it says; {} by default"),
  key: Arguments.identity("key", "K", "The id of the event: events with one id are one event"),
  noWait: Arguments.noWait
}, ({ data, event, key, noWait }) =>
  Effect.gen(function*() {
    const payload = Option.isNone(data) ? {} : yield* JsonOption.read("--data", data.value)
    const { emit } = yield* Effect.promise(() => import("../Emission.ts"))
    yield* Effect.scoped(emit(yield* globals, { event, payload, key: Option.getOrUndefined(key), noWait }))
  })).pipe(
    Command.withDescription(
      "Publish an event: it starts the contracts that it triggers and reaches the runs that wait for it"
    ),
    Sides.either,
    Command.withExamples([
      {
        command: "fermata emit ticket.created --data '{\"id\":\"T-123\",\"title\":\"Bug\",\"body\":\"...\"}'",
        description: "Publish, and follow what it starts"
      },
      {
        command: "fermata emit ticket.created --data @ticket.json --key T-123 --no-wait",
        description: "Publish once, and leave the rest to a worker"
      }
    ])
  )
