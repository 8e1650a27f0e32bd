import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Many from "./Many.ts"

/** `fermata runs retry` */
export const commandRunsRetry = Command.make(
  "retry",
  {
    run: Many.run,
    detach: Flag.Boolean("detach").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Store the retry and leave it to a worker"),
      Flag.withDefault(false)
    ),
    ...Many.flags
  },
  ({ detach, run, ...many }) =>
    Many.oneOrMany(
      "runs retry",
      { action: "retry" },
      { ...many, run, detach },
      (one) =>
        withOperator({ command: "runs retry", existing: true, idle: detach }, (operator, globals) =>
          Effect.gen(function*() {
            const { retryAndFollow } = yield* Effect.promise(() =>
              import("../../Retry.ts")
            )
            yield* retryAndFollow(operator, globals, one, detach)
          }))
    )
).pipe(
  Command.withDescription("Have a failed run, or many, go on from where it failed, as a run of its own"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs retry 1f0c", description: "Try the step that failed once more, and go on from there" },
    {
      command: "fermata runs retry --filter workflow=greet --filter since=2026-01-31 --dry-run",
      description: "See which failed runs a filter would retry"
    }
  ])
)
