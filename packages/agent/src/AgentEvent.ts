/**
 * What happens in a run of an agent, as it is told to whoever follows it: what
 * the model says as it says it, calls and what came of them, questions, what was
 * used, and where the run stands. Each event has the place at which it stands:
 * give it back to go on behind it.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import { Artifact } from "@fermata/core/Artifact"
import * as Schema from "effect/Schema"
import { Cut } from "./AgentTool.ts"

const place = {
  /** The run, and its agent. */
  run: Schema.String,
  agent: Schema.String,
  /** Agents above it that are followed too. */
  depth: Schema.Int,
  /** A cursor of `Position` in the run. */
  at: Schema.String
}

/**
 * One event. Each but `status`, which tells whoever comes where the run stands,
 * has a place of its own. The parts of an answer come as they are said, each once and in
 * order; `restart` says that those of this step are void, since the call begins
 * again after a crash or a failure. The whole answer follows when it is recorded,
 * also for those who came too late for its parts.
 */
export const AgentEvent = Schema.Union([
  Schema.Struct({ ...place, type: Schema.Literal("start"), input: Schema.Unknown }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("part"),
    step: Schema.String,
    /** A part of `effect/ai`'s `Response`, encoded. */
    part: Schema.Unknown
  }),
  Schema.Struct({ ...place, type: Schema.Literal("restart"), step: Schema.String, attempt: Schema.Int }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("answer"),
    step: Schema.String,
    answer: AgentMessage.Answer,
    /** What the run has used so far, its subagents aside. */
    usage: AgentMessage.Usage
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("tool-call"),
    step: Schema.String,
    /** The id that the model gave the call. */
    call: Schema.String,
    tool: Schema.String,
    params: Schema.Unknown
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("tool-progress"),
    step: Schema.String,
    /** The id that the model gave the call. */
    call: Schema.String,
    tool: Schema.String,
    /** How far the call is, of `total` where that is known. */
    progress: Schema.optionalKey(Schema.Finite),
    total: Schema.optionalKey(Schema.Finite),
    message: Schema.optionalKey(Schema.String),
    /** Of a line of the log of who carries the call out. */
    level: Schema.optionalKey(Schema.String)
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("tool-output"),
    step: Schema.String,
    /** The id that the model gave the call. */
    call: Schema.String,
    tool: Schema.String,
    /** What the tool writes while it works, such as the lines of a command. */
    stream: Schema.Literals(["stdout", "stderr"]),
    text: Schema.String
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("tool-result"),
    step: Schema.String,
    /** The id that the model gave the call. */
    call: Schema.String,
    tool: Schema.String,
    isFailure: Schema.Boolean,
    result: Schema.Unknown,
    /** Where the model is shown less than all of it. */
    cut: Schema.optionalKey(Cut),
    /** What the model is shown beside it, such as pictures. */
    files: Schema.optionalKey(Schema.Array(Artifact)),
    /** Calls of the same answer that come after it are not made. */
    stopsOthers: Schema.optionalKey(Schema.Literal(true))
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("tool-rest"),
    /**
     * Calls of the last answer of which no step of their own has told what came of
     * them, though the model is told: policy was against them, or a tool made of
     * steps carried them out.
     */
    calls: Schema.Array(Schema.String)
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("approval"),
    /** As `Runs.answer` wants it. */
    approval: Schema.String,
    /** The id that the model gave the call which it is about, where it is about one. */
    call: Schema.optionalKey(Schema.String),
    prompt: Schema.String,
    args: Schema.Unknown
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("approval-answered"),
    approval: Schema.String,
    /** The id that the model gave the call which it is about, where it is about one. */
    call: Schema.optionalKey(Schema.String),
    decision: Schema.String,
    by: Schema.String,
    /** More answers are wanted before the question is decided. */
    open: Schema.optionalKey(Schema.Boolean)
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("subagent"),
    child: Schema.String,
    name: Schema.String,
    /** The id that the model gave the call which began it, where one did. */
    call: Schema.optionalKey(Schema.String)
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("subagent-result"),
    child: Schema.String,
    name: Schema.String,
    call: Schema.optionalKey(Schema.String),
    isFailure: Schema.Boolean,
    /** Its output, or what its caller is told of its failure. */
    result: Schema.Unknown
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("state"),
    name: Schema.String,
    revision: Schema.Int,
    /** How the state changed, as JSON Patch (RFC 6902). */
    patch: Schema.Array(Schema.Unknown)
  }),
  Schema.Struct({
    ...place,
    type: Schema.Literal("status"),
    status: Schema.String,
    reason: Schema.optionalKey(Schema.String)
  })
])
export type AgentEvent = typeof AgentEvent.Type
