/** The queue that a command is about, or all of them. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type CommandFailed, refused } from "../../CommandFailed.ts"

export const options = {
  name: Argument.String("name").pipe(Argument.withDescription("The queue"), Argument.optional),
  all: Flag.Boolean("all").pipe(
    Flag.withoutNegation,
    Flag.withDescription("All queues, of every tenant, in place of one"),
    Flag.withDefault(false)
  )
}

/** The name of the queue; undefined for all. */
export const queueOf = ({ all, name }: {
  readonly name: Option.Option<string>
  readonly all: boolean
}): Effect.Effect<string | undefined, CommandFailed> =>
  all === Option.isSome(name)
    ? Effect.fail(
      refused("InvalidValue", all ? "--all means every queue, and one is named too" : "nothing says which queue", [
        "give the name of a queue, or --all"
      ])
    )
    : Effect.succeed(Option.getOrUndefined(name))
