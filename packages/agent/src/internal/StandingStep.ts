/**
 * Whether rules that people have let stand are about a call that people would be
 * asked about: read from the store in a step, so that a replay goes the way that
 * was gone, whatever has been let stand or taken back since.
 */
import { StandingRule } from "@fermata/core/StandingRule"
import * as StandingRules from "@fermata/engine/StandingRules"
import * as Step from "@fermata/engine/Step"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Which of these rules open the call, if they do. */
export type Judge = (rules: ReadonlyArray<string>) => ReadonlyArray<string>

/** The call that is judged. */
export const CurrentJudge: Context.Reference<Judge> = Context.Reference<Judge>("@fermata/agent/CurrentJudge", {
  defaultValue: () => () => []
})

/** The step of a tool's calls: the rules by which nobody is asked, and none where people are. */
export const make = (name: string) =>
  Step.make(`${name}.policy`, {
    input: { call: Schema.String, agent: Schema.String, workspace: Schema.String },
    success: Schema.Array(StandingRule),
    label: "policy",
    onCrash: "rerun",
    run: ({ agent, workspace }) =>
      Effect.gen(function*() {
        const judge = yield* CurrentJudge
        // Where nobody knows what stands, people are asked.
        const standing = yield* Effect.catch(
          StandingRules.of({ agent, workspace }),
          (failed) => Effect.as(Effect.logWarning(failed.message), [] as ReadonlyArray<StandingRule>)
        )
        const used = judge(standing.map(({ rule }) => rule))
        return standing.filter(({ rule }) => used.includes(rule))
      })
  })

/** The step of a tool's calls. */
export type StandingStep = ReturnType<typeof make>
