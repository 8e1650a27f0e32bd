/**
 * What an MCP server asks in the middle of a call, as steps record it. The step
 * of a call ends with the question, the run answers it in its body, and another
 * step gives the answer and waits for what comes of the call: so the question is
 * in the journal before anybody is asked, and is asked once.
 */
import * as SameJson from "@fermata/core/SameJson"
import * as Context from "effect/Context"
import * as Option from "effect/Option"
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

/** A page that somebody has to open before a call is made. */
export const Page = Schema.Struct({ url: Schema.String, message: Schema.String })
export type Page = typeof Page.Type

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
  /** Its server makes it only once somebody has opened these pages: it has made nothing yet. */
  Schema.Struct({
    _tag: Schema.Literal("Wants"),
    server: Schema.String,
    step: Schema.String,
    pages: Schema.Array(Page),
    approvers: Schema.Array(Schema.String),
    deadlineMs: Schema.optionalKey(Schema.Finite)
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

/** The pages that a server wants opened, by the error with which it answers a call (`-32042`); undefined for another error. */
export const pagesOf = (error: unknown): ReadonlyArray<Page> | undefined => {
  const wanted = Option.getOrUndefined(readWanted(error))?.data.elicitations.slice(0, mostPages) ?? []
  const pages = wanted.flatMap(({ message, url }) =>
    /^https?:$/.test(URL.parse(url)?.protocol ?? "") ? [{ url, message: message.slice(0, mostCharacters) }] : []
  )
  return pages.length === 0 || pages.length < wanted.length ? undefined : pages
}

/** Whether a server asks the same. */
export const isSame = (a: Question, b: Question): boolean => a.kind === b.kind && SameJson.same(a.params, b.params)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Pages of one call, and characters of what is said of each. */
const mostPages = 10
const mostCharacters = 2_000

const readWanted = Schema.decodeUnknownOption(Schema.Struct({
  code: Schema.Literal(-32042),
  data: Schema.Struct({
    elicitations: Schema.Array(
      Schema.Struct({
        mode: Schema.Literal("url"),
        message: Schema.String,
        url: Schema.String.check(Schema.isMaxLength(mostCharacters))
      })
    )
  })
}))
