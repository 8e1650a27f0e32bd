/**
 * Rules that people have let stand: whoever answered a question said that what
 * the rule means need not be asked again. What a rule means is for the agent to
 * say whose question it was; here it is a text.
 */
import * as Schema from "effect/Schema"

/** Of whom, and where. */
const scopeFields = {
  /** The agent that asked. */
  agent: Schema.String,
  /** The workspace that it works in, as its policy names it; empty where it names none. */
  workspace: Schema.String
}

/** The rules that a yes to a question may choose from, and whose they would be. */
export const StandingOffer = Schema.Struct({
  ...scopeFields,
  rules: Schema.Array(Schema.String),
  /** What each of them opens, in words for whoever lets it stand; in the order of the rules. */
  opens: Schema.optionalKey(Schema.Array(Schema.String))
})
export interface StandingOffer extends Schema.Schema.Type<typeof StandingOffer> {}

/** A rule that stands, until somebody takes it back. */
export const StandingRule = Schema.Struct({
  /** By which it is taken back; the same for the same rule of the same agent and workspace. */
  id: Schema.String,
  ...scopeFields,
  /** As rules of policies are written: `Bash(git status)`. */
  rule: Schema.String,
  /** Who let it stand. */
  by: Schema.String,
  /** When that was recorded, ms since the epoch. */
  at: Schema.Finite,
  /** The run that asked. */
  runId: Schema.String,
  /** The key of its question. */
  key: Schema.String
})
export interface StandingRule extends Schema.Schema.Type<typeof StandingRule> {}

/** Which rules to list. */
export const StandingFilter = Schema.Struct({
  agent: Schema.optionalKey(Schema.String),
  workspace: Schema.optionalKey(Schema.String)
})
export interface StandingFilter extends Schema.Schema.Type<typeof StandingFilter> {}
