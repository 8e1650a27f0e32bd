import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { withHost } from "../../Session.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs retry` */
export const commandRunsRetry = Command.make(
  "retry",
  {
    run: Arguments.run,
    detach: Flag.Boolean("detach").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Store the retry and leave it to a worker"),
      Flag.withDefault(false)
    )
  },
  ({ detach, run }) =>
    withHost({ command: "runs retry", existing: true, idle: detach }, (host, globals) =>
      Effect.gen(function*() {
        const { retryAndFollow } = yield* Effect.promise(() => import("../../Retry.ts"))
        yield* retryAndFollow(host, globals, run, detach)
      }))
).pipe(
  Command.withDescription("Have a failed run go on from where it failed, as a run of its own, and follow it"),
  Command.withExamples([
    { command: "fermata runs retry 1f0c", description: "Try the step that failed once more, and go on from there" }
  ])
)
