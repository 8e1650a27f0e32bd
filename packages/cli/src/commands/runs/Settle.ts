import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { actAndFollow } from "../../Act.ts"
import { refused } from "../../CommandFailed.ts"
import * as Commands from "../../Commands.ts"
import * as JsonOption from "../../JsonOption.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs settle` */
export const commandRunsSettle = Command.make("settle", {
  run: Arguments.run,
  step: Argument.String("step").pipe(Argument.withDescription("The key of the step whose outcome is unknown")),
  retry: Flag.Boolean("retry").pipe(
    Flag.withoutNegation,
    Flag.withDescription(
      "It did not happen, or may happen again: run it again; a step with a probe is probed again first"
    ),
    Flag.withDefault(false)
  ),
  done: Arguments.json("done", "It happened, with this output"),
  fail: Arguments.text("fail", "TEXT", "It failed, for this reason"),
  noWait: Arguments.noWait
}, ({ done, fail, noWait, retry, run, step }) =>
  Effect.gen(function*() {
    const given = [retry, Option.isSome(done), Option.isSome(fail)].filter(Boolean).length
    if (given !== 1) {
      return yield* refused(
        "InvalidValue",
        `runs settle needs ${given === 0 ? "one of" : "only one of"} --retry, --done J and --fail TEXT`,
        [
          `see: ${Commands.seeHelp(["runs", "settle"])}`
        ]
      )
    }
    const action = Option.isSome(done)
      ? { _tag: "complete" as const, output: yield* JsonOption.read("--done", done.value) }
      : Option.isSome(fail)
      ? { _tag: "fail" as const, message: fail.value }
      : { _tag: "retry" as const }
    yield* actAndFollow("runs settle", {
      run,
      noWait,
      goal: "completed",
      act: (operator, { as }) =>
        Effect.gen(function*() {
          // The code of the step knows which outputs it may have.
          if (action._tag === "complete" && operator.here !== undefined) {
            yield* operator.here.serve((yield* operator.runs.find(run)).workflow)
          }
          return yield* operator.runs.settle(run, step, { by: as, action })
        }),
      said: ({ runId }) => `step ${step} of run ${runId} is settled`
    })
  })).pipe(
    Command.withDescription("Decide what became of a step whose process died: again, done, or failed"),
    Sides.either,
    Command.withExamples([
      { command: "fermata runs settle 1f0c charge --done '{\"receipt\":\"r-17\"}'", description: "It was charged" },
      { command: "fermata runs settle 1f0c charge --retry", description: "It was not: charge now" }
    ])
  )
