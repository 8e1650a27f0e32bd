/**
 * The ways in which a run of an agent fails, each with a code for programs, and
 * whether the same run again may succeed.
 */
import * as Schema from "effect/Schema"

/** Every code, with whether a new run may succeed where this one failed. */
export const codes = {
  /** The run asked its model as often as it may. */
  ERR_MAX_TURNS: false,
  /** Answers were cut however often the model was asked to go on. */
  ERR_MAX_TOKENS: false,
  /** The run may spend no more, and had no answer that can be used. */
  ERR_BUDGET: false,
  /** The run worked longer than it may. */
  ERR_RUN_TIMEOUT: false,
  /** The provider refuses more requests for now (429). */
  ERR_RATE_LIMIT: true,
  /** The provider failed (500, 502, 503), or could not be reached. */
  ERR_API: true,
  /** The provider is overloaded (529). */
  ERR_API_OVERLOADED: true,
  /** The provider refuses the key (401, 403). */
  ERR_AUTH: false,
  /** The agent, or what it needs, is not set up as it must be. */
  ERR_CONFIG: false,
  /** Code threw that must not, such as a policy, a function of instructions or of tools. */
  ERR_DEFECT: false,
  /** The provider refuses the request (400, 404). */
  ERR_REQUEST: false,
  /** The conversation is longer than the model takes, and could not be made shorter. */
  ERR_PROMPT_TOO_LONG: false,
  /** The provider's answer is not what its protocol says. */
  ERR_STREAM_PARSE: false,
  /** The answer ended before its end. */
  ERR_STREAM_INCOMPLETE: true,
  /** One model call took longer than it may. */
  ERR_TURN_TIMEOUT: true,
  /** The model stopped for a reason that nobody knows. */
  ERR_UNEXPECTED_STOP: false,
  /** The model refuses to answer. */
  ERR_REFUSED: false,
  /** The answer is JSON, and does not fit its schema. */
  SCHEMA_VALIDATION_FAILED: false,
  /** The answer is no JSON. */
  JSON_PARSE_FAILED: false,
  /** There is no such run. */
  NOT_FOUND: false
} as const

/** A code of `codes`. */
export type Code = keyof typeof codes

/** Whether a run that failed with this code may succeed when it is started again. */
export const isRetryable = (code: Code): boolean => codes[code]

/** A run of an agent failed. */
export class AgentFailed extends Schema.TaggedError<AgentFailed>()("AgentFailed", {
  agent: Schema.String,
  code: Schema.Literals(Object.keys(codes) as Array<Code>),
  problem: Schema.String,
  /** Model calls that were answered before. */
  turns: Schema.Int
}) {
  override get message(): string {
    return `Agent "${this.agent}" failed with ${this.code}: ${this.problem}`
  }
}
