/**
 * Plans of calls as steps: what a call is going to do, found out before people are
 * asked about it. Its arguments are in the answer that wanted the call, and in the
 * step of the call, so that the step of its plan does without.
 */
import * as Step from "@fermata/engine/Step"
import type * as Tool from "effect/ai/Tool"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AgentTool from "../AgentTool.ts"
import * as ToolStep from "./ToolStep.ts"

/** A plan, or why there is none: then the call is not made. */
export const Planned = Schema.Union([
  Schema.Struct({ shown: Schema.String, state: Schema.Json }),
  Schema.Struct({ problem: Schema.String })
])
export type Planned = typeof Planned.Type

/** The arguments of the call that is planned. */
export const CurrentParams: Context.Reference<Schema.Json> = Context.Reference<Schema.Json>(
  "@fermata/agent/CurrentParams",
  { defaultValue: () => null }
)

/** The step of a tool's plans. `tool` is undefined where a plan was recorded of a tool that has none any more. */
export const make = (name: string, tool: Tool.Any | undefined) => {
  const planner = tool === undefined ? undefined : AgentTool.planOf(tool)
  return Step.make(`${name}.plan`, {
    input: { call: Schema.String },
    success: Planned,
    label: "plan",
    onCrash: "rerun",
    run: () =>
      Effect.gen(function*(): Effect.fn.Return<Planned, unknown> {
        if (tool === undefined || planner === undefined) return { problem: `tool "${name}" has no plans any more` }
        const params = yield* CurrentParams
        const { shown, state } = yield* ToolStep.withParams(tool, params, planner) as Effect.Effect<
          AgentTool.Plan,
          unknown
        >
        return { shown: shown.length > longest ? `${shown.slice(0, longest)}\n[cut]` : shown, state }
      }).pipe(
        Effect.catchCause((cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.interrupt
            : Effect.succeed({ problem: ToolStep.problemOf(cause) })
        )
      )
  })
}

/** The step of a tool's plans. */
export type PlanStep = ReturnType<typeof make>

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Characters of what is shown. */
const longest = 10_000
