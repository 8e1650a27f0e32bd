/**
 * How a run of an agent stands, as schemas: for whoever sends, stores or reads it.
 * How it is found is `AgentResponse` and `AgentState` of the package `agent`.
 */
import * as Schema from "effect/Schema"
import * as AgentMessage from "./AgentMessage.ts"
import { RunWebhookState } from "./Webhook.ts"

/**
 * Why a run waits: for an answer about a call of its own, or of a run below it;
 * for a larger budget; for an operator; or for something that comes by itself.
 */
export const PauseReason = Schema.Literals(["gate_required", "subagent_gate_required", "budget", "operator", "waiting"])
export type PauseReason = typeof PauseReason.Type

/** A call that people are asked about. */
export const PendingCall = Schema.Struct({
  /** The question, as `Runs.answer` wants it. */
  approval: Schema.String,
  /** The run that asks: this one or one below it. */
  runId: Schema.String,
  toolName: Schema.String,
  /** The arguments that would be approved. */
  input: Schema.Unknown,
  /** When people were asked, as ISO 8601. */
  calledAt: Schema.String
})
export interface PendingCall extends Schema.Schema.Type<typeof PendingCall> {}

/**
 * What calls have cost: of the run and of all below it, attempts that failed too.
 * `estimated` where a part of it was taken to be high rather than known: by a
 * price that nobody knows, usage that a provider did not tell, or a call that
 * came to no outcome. Of what is in flight nothing is in it.
 */
export const Cost = Schema.Struct({
  /** US dollars, exact to a millionth. */
  usd: Schema.Finite,
  /** All that models read and wrote. */
  tokens: Schema.Int,
  estimated: Schema.optionalKey(Schema.Literal(true))
})
export interface Cost extends Schema.Schema.Type<typeof Cost> {}

/** How a run stands. Times in ms. */
export const AgentResponse = Schema.Struct({
  /** Of this shape, for whoever stores it. */
  version: Schema.Literal(1),
  runId: Schema.String,
  status: Schema.Literals(["done", "paused", "running", "failed", "cancelled", "not_found"]),
  /** Of a run that is done, its output; of one that asks people, what they are to look at; else null. */
  data: Schema.Unknown,
  meta: Schema.Struct({
    agent: Schema.String,
    /** Model calls that were answered, those of subagents aside. */
    turns: Schema.Int,
    /** What was said so far: what the run was given, what it was told since, and answers of its model. */
    messages: Schema.Int,
    /**
     * What was said last: the key of the step whose answer it is, such as `model~2`; `message~3` for the third thing
     * that the run was told; `input` for what it was given. Absent for a run that there is not.
     */
    lastMessage: Schema.optionalKey(Schema.String),
    /** The file of its transcript in which the last line stands, from 0 on. Absent for a run that there is not. */
    lastShardIndex: Schema.optionalKey(Schema.Int),
    /** Entries of the journal so far: whoever has seen so many has seen all of this. */
    entries: Schema.Int,
    /** Tokens of answers so far, of subagents too. */
    usage: AgentMessage.Usage,
    cost: Cost,
    durationMs: Schema.Finite,
    /** What the model said last, as it is. */
    output: Schema.NullOr(Schema.String),
    pauseReason: Schema.optionalKey(PauseReason),
    pendingCall: Schema.optionalKey(PendingCall)
  }),
  errors: Schema.Array(Schema.Struct({ code: Schema.String, message: Schema.String })),
  timestamp: Schema.Finite
})
export interface AgentResponse extends Schema.Schema.Type<typeof AgentResponse> {}

/** What an agent does at the moment; `idle` between its acts, while it waits, and when it is over. */
export const AgentActivity = Schema.Literals(["idle", "streaming", "tool_dispatch", "compacting"])
export type AgentActivity = typeof AgentActivity.Type

/**
 * How far a run of an agent is, from the moment it is asked for. It is read out of
 * the journal, which has an entry for each beginning and end of a call: nothing is
 * written for it, and every process that looks reads the same. Times in ms.
 */
export const AgentState = Schema.Struct({
  /** Of this shape, for whoever stores it. */
  version: Schema.Literal(1),
  runId: Schema.String,
  /** `queued` until a process has taken it up; `paused` while it waits. */
  status: Schema.Literals(["queued", "running", "paused", "done", "failed", "cancelled", "not_found"]),
  /** When a process took it up first; null while it is queued, or is not there. */
  startedAt: Schema.NullOr(Schema.Finite),
  /** When something was recorded of it last; null where it is not there. */
  lastHeartbeat: Schema.NullOr(Schema.Finite),
  progress: Schema.Struct({
    /** Model calls that were answered, those of subagents aside. */
    turns: Schema.Int,
    /** Tokens of all answers so far, of subagents too; what a provider's cache took part in is `input` as well. */
    tokensUsed: Schema.Struct({ input: Schema.Int, output: Schema.Int }),
    currentActivity: AgentActivity,
    /** The tool that was called last; null before the first call. */
    lastTool: Schema.NullOr(Schema.String)
  }),
  /** Null until the run is over. */
  response: Schema.NullOr(AgentResponse),
  /** Whom it tells, and each attempt; absent where it tells nobody. */
  webhook: Schema.optionalKey(RunWebhookState)
})
export interface AgentState extends Schema.Schema.Type<typeof AgentState> {}
