/**
 * Messages between people, models and tools as they are stored: a form of our
 * own, since journals are read for ever and the libraries that speak to models
 * change theirs. Whoever asks a model translates.
 */
import * as Schema from "effect/Schema"
import { Artifact } from "./Artifact.ts"

/**
 * What a provider attached to a part, such as the signature of a thought, under
 * the name of the provider: it means nothing to others, and goes back unchanged.
 */
export const Marks = Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Json))

const marks = { marks: Schema.optionalKey(Marks) }

/** Text that a model or a person says. */
export const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String, ...marks })

/** What a model thought on its way to the answer. Only the model that thought it can read it again. */
export const ThoughtPart = Schema.Struct({ type: Schema.Literal("thought"), text: Schema.String, ...marks })

/** A file: bytes as base64, or where they are as a URL. */
export const FilePart = Schema.Struct({
  type: Schema.Literal("file"),
  mediaType: Schema.String,
  name: Schema.optionalKey(Schema.String),
  data: Schema.Union([Schema.Struct({ base64: Schema.String }), Schema.Struct({ url: Schema.String })]),
  ...marks
})

/** A tool that the model wants called. */
export const CallPart = Schema.Struct({
  type: Schema.Literal("call"),
  id: Schema.String,
  tool: Schema.String,
  params: Schema.Json,
  ...marks
})

/** A call whose arguments are not whole JSON: it is told to the model, and never carried out. */
export const BrokenCallPart = Schema.Struct({
  type: Schema.Literal("broken-call"),
  id: Schema.String,
  tool: Schema.String,
  text: Schema.String
})

/** A tool that the provider has carried out by itself, and what came of it. */
export const HostedCallPart = Schema.Struct({
  type: Schema.Literal("hosted-call"),
  id: Schema.String,
  tool: Schema.String,
  params: Schema.Json,
  ...marks
})

/** What a tool of the provider gave. */
export const HostedResultPart = Schema.Struct({
  type: Schema.Literal("hosted-result"),
  id: Schema.String,
  tool: Schema.String,
  isFailure: Schema.Boolean,
  result: Schema.Json,
  ...marks
})

/** A part of a model's answer. */
export const AnswerPart = Schema.Union([
  TextPart,
  ThoughtPart,
  FilePart,
  CallPart,
  BrokenCallPart,
  HostedCallPart,
  HostedResultPart
])
export type AnswerPart = typeof AnswerPart.Type

/**
 * Tokens of one call. `input` are those that were neither read from nor written
 * to the provider's cache; `output` holds those of thoughts. `estimated` where
 * the provider tells nothing: too high rather than too low.
 */
export const Usage = Schema.Struct({
  input: Schema.Int,
  cacheRead: Schema.Int,
  cacheWrite: Schema.Int,
  output: Schema.Int,
  estimated: Schema.optionalKey(Schema.Literal(true))
})
export type Usage = typeof Usage.Type

/** Nothing used. */
export const noUsage: Usage = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0 }

/** What two calls have used together: estimated when one of them is. */
export const addUsage = (a: Usage, b: Usage): Usage => ({
  input: a.input + b.input,
  cacheRead: a.cacheRead + b.cacheRead,
  cacheWrite: a.cacheWrite + b.cacheWrite,
  output: a.output + b.output,
  ...(a.estimated === true || b.estimated === true ? { estimated: true } : {})
})

/** All tokens of one call, those of the provider's cache too. */
export const tokensOf = ({ cacheRead, cacheWrite, input, output }: Usage): number =>
  input + cacheRead + cacheWrite + output

/**
 * Why a model stopped: it was done, wants tools called, came to the end of its
 * tokens, refuses, or paused a turn of tools of its own.
 */
export const Finish = Schema.Literals(["stop", "calls", "length", "refused", "paused", "unknown"])
export type Finish = typeof Finish.Type

/** What a model answered to one question. `model` is the one that did. */
export const Answer = Schema.Struct({
  model: Schema.String,
  provider: Schema.String,
  content: Schema.Array(AnswerPart),
  finish: Finish,
  usage: Usage,
  /** Nobody knew what the model costs: it was taken to be dear. */
  assumedPrice: Schema.optionalKey(Schema.Literal(true))
})
export type Answer = typeof Answer.Type

/**
 * What came of a call of a tool. A result that was too long for the model says
 * how long it was, in characters. `files` are what it is shown beside the result,
 * such as pictures: what the step of the call keeps.
 */
export const ToolResult = Schema.Struct({
  id: Schema.String,
  tool: Schema.String,
  isFailure: Schema.Boolean,
  result: Schema.Json,
  files: Schema.optionalKey(Schema.Array(Artifact))
})
export type ToolResult = typeof ToolResult.Type

/** What a person or a program says. */
export const UserMessage = Schema.Struct({
  role: Schema.Literal("user"),
  content: Schema.Array(Schema.Union([TextPart, FilePart]))
})
export type UserMessage = typeof UserMessage.Type

/** What a model said; of which model, where its thoughts are to go back to it. */
export const AssistantMessage = Schema.Struct({
  role: Schema.Literal("assistant"),
  model: Schema.optionalKey(Schema.String),
  content: Schema.Array(AnswerPart)
})
export type AssistantMessage = typeof AssistantMessage.Type

/** What came of the calls of the message before. */
export const ToolMessage = Schema.Struct({ role: Schema.Literal("tool"), content: Schema.Array(ToolResult) })
export type ToolMessage = typeof ToolMessage.Type

/** One message of a conversation. */
export const Message = Schema.Union([UserMessage, AssistantMessage, ToolMessage])
export type Message = typeof Message.Type

/** A message of a person, as text. */
export const user = (text: string): UserMessage => ({ role: "user", content: [{ type: "text", text }] })

/** All text that a model said to whoever reads it: no thoughts, no calls. */
export const textOf = (content: ReadonlyArray<AnswerPart>): string =>
  content.flatMap((part) => part.type === "text" ? [part.text] : []).join("")
