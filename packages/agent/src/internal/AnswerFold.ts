/**
 * The stored answer that the parts of a model's stream come to. The same answer,
 * however the stream was cut into parts. Pure.
 */
import type { Answer, AnswerPart, Finish, Usage } from "@fermata/core/AgentMessage"
import type * as Response from "effect/ai/Response"
import type { Model } from "../Model.ts"
import { ModelFailed } from "../Model.ts"

type Part = Response.StreamPartEncoded
type Marks = Record<string, Record<string, never>>

/** What has been read of a stream. */
export interface Reading {
  /** Where in the content the texts and thoughts stand that have begun and not ended, by their ids. */
  readonly open: Map<string, number>
  readonly content: Array<AnswerPart>
  model: string | undefined
  finish: Response.FinishPartEncoded | undefined
  /** What the provider said in the middle of its answer, instead of its end. */
  error: { readonly said: unknown } | undefined
  /** Characters that the model has said: where a provider tells no usage, it is estimated by them. */
  characters: number
}

export const empty = (): Reading => ({
  open: new Map(),
  content: [],
  model: undefined,
  finish: undefined,
  error: undefined,
  characters: 0
})

/** Takes in the next part. */
export const add = (reading: Reading, part: Part): void => {
  switch (part.type) {
    case "text-start":
    case "reasoning-start": {
      const type = part.type === "text-start" ? "text" : "thought"
      reading.open.set(`${type} ${part.id}`, reading.content.length)
      reading.content.push({ type, text: "", ...marksOf(part) })
      return
    }
    case "text-delta":
    case "text-end":
      return more(reading, `text ${part.id}`, part)
    case "reasoning-delta":
    case "reasoning-end":
      return more(reading, `thought ${part.id}`, part)
    case "tool-call":
      return called(reading, part)
    case "tool-result":
      if (part.preliminary === true || part.providerExecuted !== true) return
      return void reading.content.push({
        type: "hosted-result",
        id: part.id,
        tool: part.name,
        isFailure: part.isFailure,
        result: (part.result ?? null) as never,
        ...marksOf(part)
      })
    case "file":
      return void reading.content.push({
        type: "file",
        mediaType: part.mediaType,
        data: { base64: part.data },
        ...marksOf(part)
      })
    case "response-metadata":
      reading.model = part.modelId ?? reading.model
      return
    case "finish":
      reading.finish = part
      return
    case "error":
      reading.error = { said: part.error }
      return
    default:
      return
  }
}

/** The answer, or why there is none: a stream that said an error, or ended before its end. */
export const answer = (
  reading: Reading,
  model: Model,
  promptCharacters: () => number
): Answer | ModelFailed => {
  const { error, finish } = reading
  const failed = (code: string, problem: string) =>
    new ModelFailed({ model: model.name, code, problem, retryable: true, maybePaid: true })
  if (error !== undefined) return failed("ERR_API", `it broke off with an error: ${textOfError(error.said)}`)
  if (finish === undefined) return failed("ERR_STREAM_INCOMPLETE", "the answer ended before its end")
  const unsaid = unsaidOf(reading)
  const content = reading.content.filter((part, index) =>
    !unsaid.has(index) && !(part.type === "text" && part.text === "")
  )
  return {
    model: model.name,
    provider: model.provider,
    content,
    finish: finishOf(finish.reason, content),
    usage: usageOf(finish.usage) ?? estimated(promptCharacters(), reading.characters)
  }
}

/** Tokens of a text where nobody tells them: rather too many than too few. */
export const tokensOf = (characters: number): number => Math.ceil(characters / 3)

/** Usage that nobody told, by characters of the question and of the answer. */
export const estimated = (prompt: number, characters: number): Usage => ({
  input: tokensOf(prompt),
  cacheRead: 0,
  cacheWrite: 0,
  output: tokensOf(characters),
  estimated: true
})

/**
 * Usage of an answer that broke off: what the provider had told of it, and more
 * where more has been heard. What a provider tells before the end of what it says
 * is too little.
 */
export const soFar = (told: Usage | undefined, prompt: number, characters: number): Usage => {
  const guess = estimated(prompt, characters)
  return told === undefined ? guess : { ...told, output: Math.max(told.output, guess.output), estimated: true }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Words = Extract<AnswerPart, { readonly type: "text" | "thought" }>

const more = (
  reading: Reading,
  key: string,
  part: Extract<Part, { readonly type: "text-delta" | "text-end" | "reasoning-delta" | "reasoning-end" }>
): void => {
  const index = reading.open.get(key)
  if (index === undefined) return
  const before = reading.content[index] as Words
  const delta = "delta" in part ? part.delta : ""
  reading.characters += delta.length
  reading.content[index] = { ...before, text: before.text + delta, ...merged(before.marks as Marks | undefined, part) }
  if (part.type === "text-end" || part.type === "reasoning-end") reading.open.delete(key)
}

const called = (reading: Reading, part: Extract<Part, { readonly type: "tool-call" }>): void => {
  const { id, name: tool, params } = part
  reading.characters += typeof params === "string" ? params.length : JSON.stringify(params ?? {}).length
  if (typeof params === "string") return void reading.content.push({ type: "broken-call", id, tool, text: params })
  const type = part.providerExecuted === true ? "hosted-call" : "call"
  reading.content.push({ type, id, tool, params: (params ?? {}) as never, ...marksOf(part) })
}

/** Thoughts without their end: they have no signature, and no provider takes them back. */
const unsaidOf = ({ content, open }: Reading): ReadonlySet<number> =>
  new Set([...open.values()].filter((index) => content[index]!.type === "thought"))

const marksOf = ({ metadata }: { readonly metadata?: unknown }): { readonly marks?: Marks } =>
  typeof metadata === "object" && metadata !== null && Object.keys(metadata).length > 0
    ? { marks: metadata as Marks }
    : {}

const merged = (before: Marks | undefined, part: { readonly metadata?: unknown }): { readonly marks?: Marks } => {
  const { marks } = marksOf(part)
  if (marks === undefined) return {}
  const both: Marks = { ...before }
  for (const [provider, own] of Object.entries(marks)) both[provider] = { ...both[provider], ...own }
  return { marks: both }
}

/** Whoever wants tools called says so by calling them: some providers give another reason beside their calls. */
const finishOf = (reason: Response.FinishReason, content: ReadonlyArray<AnswerPart>): Finish => {
  switch (reason) {
    case "length":
      return "length"
    case "content-filter":
      return "refused"
    case "pause":
      return "paused"
    default:
      return content.some(({ type }) => type === "call" || type === "broken-call")
        ? "calls"
        : reason === "stop" || reason === "tool-calls"
        ? "stop"
        : "unknown"
  }
}

const usageOf = ({ inputTokens, outputTokens }: Response.FinishPartEncoded["usage"]): Usage | undefined => {
  const cacheRead = inputTokens.cacheRead ?? 0
  const cacheWrite = inputTokens.cacheWrite ?? 0
  const input = inputTokens.uncached ??
    (inputTokens.total == null ? undefined : inputTokens.total - cacheRead - cacheWrite)
  if (input == null || outputTokens.total == null) return undefined
  return { input: Math.max(0, input), cacheRead, cacheWrite, output: outputTokens.total }
}

const textOfError = (error: unknown): string => {
  if (typeof error === "string") return error
  if (error instanceof Error) return error.message
  const message = typeof error === "object" && error !== null && "message" in error ? error.message : undefined
  return typeof message === "string" ? message : String(error)
}
