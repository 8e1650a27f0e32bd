/**
 * A conversation made shorter before it is longer than its model takes. What is
 * told to a model is otherwise only ever added to, so that the provider's cache
 * of the beginning holds; this is the one thing that changes it, and so it makes
 * room for long. Pure.
 */
import type { AssistantMessage, Message, ToolMessage } from "@fermata/core/AgentMessage"
import * as AgentMessage from "@fermata/core/AgentMessage"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { defaults } from "../AgentDefaults.ts"
import { tokensOf } from "./AnswerFold.ts"
import { tokensOfImage } from "./Files.ts"

/**
 * How: old results of tools are left out; the middle is told in a summary that
 * the model makes, or left out; or, `auto`, the first and, where that is not
 * enough, the second.
 */
export const Strategy = Schema.Literals(["off", "microcompact", "summarise", "drop-middle", "auto"])
export type Strategy = typeof Strategy.Type

/** When a conversation is made shorter, and by how much. */
export const Settings = Schema.Struct({
  strategy: Strategy,
  /** Tokens that the model takes. */
  contextLimit: Schema.Int,
  /** The share of them at which the conversation is made shorter. */
  threshold: Schema.Finite,
  /** The latest messages, which stay as they are. */
  keepLast: Schema.Int,
  /** Tokens of a summary. */
  summaryMaxTokens: Schema.Int,
  /** How old a result must be to be left out, in ms. */
  microcompactAgeMs: Schema.Int
})
export type Settings = typeof Settings.Type

/** How a conversation is made shorter. */
export interface Options {
  /**
   * `microcompact` leaves out old results of tools, `summarise` has the model sum
   * up the middle, `drop-middle` leaves it out; `auto` does the first and, where
   * that is not enough, the second. `off` does nothing, and the run fails when its
   * model takes no more.
   */
  readonly strategy?: Strategy
  /** Tokens that the model takes. */
  readonly contextLimit?: number
  /** The share of them at which the conversation is made shorter, above 0 and at most 1. */
  readonly threshold?: number
  /** The latest messages, which stay as they are. */
  readonly keepLast?: number
  /** Tokens of a summary. */
  readonly summaryMaxTokens?: number
  /** How old a result must be to be left out. */
  readonly microcompactAge?: Duration.Input
}

/** The settings that these options, and the defaults where they say nothing, come to. */
export const settingsOf = (options: Options): Settings => ({
  strategy: options.strategy ?? defaults.compaction,
  contextLimit: options.contextLimit ?? defaults.contextLimit,
  threshold: options.threshold ?? defaults.compactionThreshold,
  keepLast: options.keepLast ?? defaults.keepLast,
  summaryMaxTokens: options.summaryMaxTokens ?? defaults.summaryMaxTokens,
  microcompactAgeMs: options.microcompactAge === undefined
    ? defaults.microcompactAgeMs
    : Duration.toMillis(options.microcompactAge)
})

/** A message, and when it was said in ms. */
export interface Said {
  readonly message: Message
  readonly at: number
}

/** Tokens of a conversation, by the count of the latest answer and what has been said since. */
export const sizeOf = (counted: number, since: ReadonlyArray<Said>): number => counted + estimateOf(since)

/** Tokens of messages that nobody has counted, rather too many than too few. */
export const estimateOf = (said: ReadonlyArray<Said>): number =>
  said.reduce(
    (sum, { message }) => sum + tokensOf(StoredJson.textOf(message.content).length) + tokensOfFiles(message),
    0
  )

/** Tokens at which a conversation is made shorter. */
export const limitOf = ({ contextLimit, threshold }: Settings): number => Math.floor(contextLimit * threshold)

/** Tokens below which it must be then, so that there is room for a while: well below where it begins. */
export const targetOf = (settings: Settings): number => Math.floor(limitOf(settings) * 0.7)

/** Without the old, long results of tools: each says what was there. The same conversation when there is none. */
export const microcompact = (
  said: ReadonlyArray<Said>,
  { keepLast, microcompactAgeMs }: Settings,
  now: number
): ReadonlyArray<Said> => {
  const end = said.length - keepLast
  return said.map((each, index) =>
    index >= end || each.message.role !== "tool" || now - each.at < microcompactAgeMs
      ? each
      : { ...each, message: shortened(each.message) }
  )
}

/** The conversation in three: its first message, the middle that may be made shorter, and the latest messages. */
export const partsOf = (
  said: ReadonlyArray<Said>,
  { keepLast }: Settings
): {
  readonly first: ReadonlyArray<Said>
  readonly middle: ReadonlyArray<Said>
  readonly last: ReadonlyArray<Said>
} => {
  let from = Math.max(1, said.length - keepLast)
  // Results stay with the calls that they are of.
  while (from > 1 && said[from]?.message.role === "tool") from--
  return { first: said.slice(0, 1), middle: said.slice(1, from), last: said.slice(from) }
}

/** The conversation with words in the place of its middle. */
export const replaceMiddle = (said: ReadonlyArray<Said>, settings: Settings, words: string): ReadonlyArray<Said> => {
  const { first, last, middle } = partsOf(said, settings)
  if (middle.length === 0) return said
  return [...first, { message: AgentMessage.user(words), at: middle.at(-1)!.at }, ...last]
}

/** What stands in the place of a middle that is left out. */
export const leftOut = (count: number): string =>
  `[${count} messages were left out here, since the conversation had grown too long.]`

/** What stands in the place of a middle that was summed up. */
export const summedUp = (summary: string): string => `[What happened in between, summed up:]\n${summary}`

/** What a model is asked for a summary. */
export const request =
  "Sum up this conversation for yourself, since its middle will be left out: what was asked, what was found and decided, "
  + "what was changed and where, what is still to be done, and every name, path and number that will be needed. "
  + "Answer with the summary alone."

/** A conversation whose tool calls and results are told in words, for a model that is to sum it up and has no tools. */
export const inWords = (said: ReadonlyArray<Said>): ReadonlyArray<Message> =>
  said.map(({ message }) =>
    message.role === "tool"
      ? AgentMessage.user(message.content.map((each) => `${each.tool} gave: ${textOf(each.result)}`).join("\n"))
      : message.role === "assistant"
      ? { role: "assistant", content: wordsOf(message) }
      : message
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const tokensOfFiles = (message: Message): number =>
  message.role === "tool"
    ? message.content.reduce((sum, { files = [] }) => sum + files.length * tokensOfImage, 0)
    : 0

/** Results that are not worth leaving out. */
const short = 400

const goneFiles = "[What it showed was left out.]"

const shortened = (message: ToolMessage): ToolMessage => ({
  role: "tool",
  content: message.content.map((each) => {
    const { files, ...rest } = each
    const { length } = textOf(each.result)
    if (length <= short) return files === undefined ? each : { ...rest, result: `${textOf(each.result)}\n${goneFiles}` }
    return { ...rest, result: `[An old result of ${length} characters was left out.]` }
  })
})

const textOf = (result: unknown): string => typeof result === "string" ? result : StoredJson.textOf(result)

const wordsOf = (message: AssistantMessage): AssistantMessage["content"] => {
  const calls = message.content.flatMap((part) =>
    part.type === "call" ? [`[called ${part.tool} with ${StoredJson.textOf(part.params)}]`] : []
  )
  const text = [AgentMessage.textOf(message.content), ...calls].filter((each) => each !== "").join("\n")
  return text === "" ? [] : [{ type: "text", text }]
}
