/**
 * What an MCP server asks in the middle of a call, as steps record it. The step
 * of a call ends with the question, the run answers it in its body, and another
 * step gives the answer and waits for what comes of the call: so the question is
 * in the journal before anybody is asked, and is asked once.
 */
import * as SameJson from "@fermata/core/SameJson"
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import { Resumption } from "../../mcp/McpServer.ts"

/** A question of a server. */
export const Question = Schema.Struct({
  kind: Schema.Literals(["elicitation", "sampling"]),
  /** As the protocol has them. */
  params: Schema.JsonObject
})
export type Question = typeof Question.Type

/** What a server is answered, as the protocol has it. */
export const Reply = Schema.Union([
  Schema.Struct({ result: Schema.JsonObject }),
  Schema.Struct({ error: Schema.Struct({ code: Schema.Int, message: Schema.String }) })
])
export type Reply = typeof Reply.Type

/** The number of a question at its server. */
export const QuestionId = Schema.Union([Schema.String, Schema.Finite])
export type QuestionId = typeof QuestionId.Type

/** Why a call has not ended with its step. */
export const Open = Schema.Union([
  /** Its server has asked something. */
  Schema.Struct({
    _tag: Schema.Literal("Asks"),
    server: Schema.String,
    id: QuestionId,
    question: Question,
    /** The step that made the call. */
    step: Schema.String,
    approvers: Schema.Array(Schema.String),
    deadlineMs: Schema.optionalKey(Schema.Finite),
    /** Of a sampling: somebody answers it in place of a model. */
    byHandler: Schema.optionalKey(Schema.Literal(true)),
    /** How another process goes on with the call. */
    resume: Schema.optionalKey(Resumption)
  }),
  /** It was cut short, and nobody can tell what came of it. */
  Schema.Struct({
    _tag: Schema.Literal("Lost"),
    server: Schema.String,
    step: Schema.String,
    approvers: Schema.Array(Schema.String)
  })
])
export type Open = typeof Open.Type

/** A question with its answer. */
export const Answered = Schema.Struct({ question: Question, reply: Reply })
export type Answered = typeof Answered.Type

/** What a step goes on with: a call that is open, or one that is made again. */
export const Round = Schema.Struct({
  /** The step that made the call. */
  step: Schema.String,
  /** What was asked and answered before: a server that asks the same again is answered the same. */
  answered: Schema.Array(Answered),
  /** The last of them, which the server is to be given. */
  give: Schema.optionalKey(Schema.Struct({ id: QuestionId, resume: Schema.optionalKey(Resumption) }))
})
export type Round = typeof Round.Type

/** What the step of a call goes on with; undefined for one that begins. */
export const CurrentRound: Context.Reference<Round | undefined> = Context.Reference<Round | undefined>(
  "@fermata/agent/CurrentRound",
  { defaultValue: () => undefined }
)

/** Whether a server asks the same. */
export const isSame = (a: Question, b: Question): boolean => a.kind === b.kind && SameJson.same(a.params, b.params)
