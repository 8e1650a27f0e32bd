/**
 * What a run of an agent goes by, from its start to its end: decided once and
 * recorded, so that a deploy that changes an agent neither breaks nor bends the
 * runs that are on their way. What is not here, such as the models and the
 * handlers of tools, is as it is at the time of a call.
 */
import { Amount } from "@fermata/core/Amount"
import * as Schema from "effect/Schema"
import * as ApiCalls from "./ApiCalls.ts"
import * as Compaction from "./Compaction.ts"
import { Choice } from "./Skills.ts"

/** The settings of one run. */
export const Setup = Schema.Struct({
  instructions: Schema.String,
  maxTurns: Schema.Int,
  maxDepth: Schema.Int,
  maxTokens: Schema.Int,
  raisedMaxTokens: Schema.Int,
  continuations: Schema.Int,
  repairs: Schema.Int,
  toolConcurrency: Schema.Int,
  /** Somebody is asked after each turn whether the run is to end. */
  stops: Schema.Boolean,
  compaction: Compaction.Settings,
  /** What the run may spend, by its agent. A run that is given another goes by that. */
  budget: Schema.optionalKey(Amount),
  /** What happens when that is reached. */
  onBudget: Schema.Literals(["ask", "finish"]),
  /** For each call the cheapest of the models first; in the order in which they are named when absent. */
  modelOrder: Schema.optionalKey(Schema.Literal("cheapest")),
  /** The skills that the model may ask for. */
  skills: Schema.optionalKey(Choice),
  /** The services that the model may ask. */
  services: Schema.optionalKey(ApiCalls.Choice),
  /** The MCP servers whose tools it has. */
  mcp: Schema.optionalKey(Schema.Array(Schema.String))
})
export type Setup = typeof Setup.Type

/**
 * What becomes of one call: it is refused; its result is known in the run; it is carried out as a step, in the
 * body of the run, or as a run of another agent; perhaps once people have said
 * so, perhaps with other arguments than the model gave.
 */
export const Route = Schema.Union([
  Schema.Struct({ to: Schema.Literal("nobody"), reason: Schema.String }),
  Schema.Struct({ to: Schema.Literal("memory") }),
  Schema.Struct({
    to: Schema.Literals(["step", "run", "agent"]),
    safe: Schema.Boolean,
    /** What the call is going to do is found out first. */
    plans: Schema.optionalKey(Schema.Literal(true)),
    ask: Schema.optionalKey(
      Schema.Struct({
        approvers: Schema.Array(Schema.String),
        notBy: Schema.optionalKey(Schema.Array(Schema.String)),
        escalate: Schema.optionalKey(
          Schema.Array(Schema.Struct({ afterMs: Schema.Finite, to: Schema.Array(Schema.String) }))
        ),
        remind: Schema.optionalKey(Schema.Struct({ everyMs: Schema.Finite, most: Schema.Int })),
        prompt: Schema.String,
        /** What people edit is judged again. Calls of an earlier build did without. */
        judges: Schema.optionalKey(Schema.Literal(true)),
        /** Rules that stand are looked at first, and those who are asked may let one of these stand. */
        always: Schema.optionalKey(
          Schema.Struct({
            workspace: Schema.String,
            rules: Schema.Array(Schema.String),
            opens: Schema.optionalKey(Schema.Array(Schema.String))
          })
        )
      })
    ),
    /** What it is called with instead, and why the model is told so. */
    instead: Schema.optionalKey(Schema.Struct({ params: Schema.Json, reason: Schema.String }))
  })
])
export type Route = typeof Route.Type
