import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type CommandFailed, refused } from "../../CommandFailed.ts"
import * as JsonOption from "../../JsonOption.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs fork` */
export const commandRunsFork = Command.make("fork", {
  run: Arguments.run,
  at: Flag.String("at").pipe(
    Flag.withMetavar("STEP"),
    Flag.withDescription("The key of the step from which on the fork goes its own way; it runs again")
  ),
  input: Arguments.json("input", "Another input, where what is shared replays with it"),
  set: Flag.String("set").pipe(
    Flag.withMetavar("STEP=J"),
    Flag.withDescription("Another output of a step before the point: JSON, or @file; may be repeated"),
    Flag.atLeast(0)
  ),
  detach: Flag.Boolean("detach").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Store the fork and leave it to a worker"),
    Flag.withDefault(false)
  )
}, ({ at, detach, input, run, set }) =>
  Effect.gen(function*() {
    const outputs = yield* read(set)
    const payload = yield* JsonOption.readOptional("--input", Option.getOrUndefined(input))
    yield* withOperator({ command: "runs fork", existing: true, idle: detach }, (operator, globals) =>
      Effect.gen(function*() {
        const { forkAndFollow } = yield* Effect.promise(() =>
          import("../../Fork.ts")
        )
        yield* forkAndFollow(operator, globals, run, {
          at,
          by: globals.as,
          ...(Option.isNone(input) ? {} : { input: payload }),
          ...(set.length === 0 ? {} : { set: outputs })
        }, detach)
      }))
  })).pipe(
    Command.withDescription("Start a new run that shares the history of a run before a step, and follow it"),
    Sides.either,
    Command.withExamples([
      { command: "fermata runs fork 1f0c --at classify", description: "Once more from there, with the code of today" },
      {
        command: "fermata runs fork 1f0c --at route --set 'classify={\"priority\":\"low\"}'",
        description: "What would have been if"
      }
    ])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const read = Effect.fnUntraced(
  function*(set: ReadonlyArray<string>): Effect.fn.Return<Record<string, unknown>, CommandFailed> {
    const outputs: Record<string, unknown> = {}
    for (const text of set) {
      const sign = text.indexOf("=")
      if (sign < 1) {
        return yield* refused(
          "InvalidValue",
          `--set cannot be ${JSON.stringify(text)}: expected STEP=J, such as --set 'classify={"priority":"low"}'`
        )
      }
      const key = text.slice(0, sign)
      if (Object.hasOwn(outputs, key)) return yield* refused("InvalidValue", `--set names step "${key}" twice`)
      outputs[key] = yield* JsonOption.read(`--set ${key}`, text.slice(sign + 1))
    }
    return outputs
  }
)
