/** Stored messages as models are told them, and histories from elsewhere made whole. */
import type {
  AnswerPart,
  AssistantMessage,
  Message,
  ToolMessage,
  ToolResult,
  UserMessage
} from "@fermata/core/AgentMessage"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Prompt from "effect/ai/Prompt"

/** Whom a prompt is for: thoughts go back to the model that thought them, and marks to their provider. */
export interface Reader {
  readonly name: string
  readonly provider: string
  /** The files of results that it is shown, by their hashes, or why it is not shown one. */
  readonly files?: ReadonlyMap<string, Uint8Array | string>
}

/** The prompt that says these messages to a model, behind its instructions. */
export const toPrompt = (instructions: string, messages: ReadonlyArray<Message>, reader: Reader): Prompt.Prompt => {
  const said: Array<Prompt.Message> = []
  if (instructions !== "") said.push(Prompt.systemMessage({ content: instructions }))
  const key = `${reader.provider} ${reader.name}`
  for (const message of messages) {
    const told = saidOf(message, reader, key)
    if (told !== undefined) said.push(told)
  }
  return Prompt.fromMessages(said)
}

/**
 * A history that a model takes, of one that may come from anywhere: messages
 * without content are left out, those of one role that follow each other become
 * one, and every call has its result, which says that it is missing where there
 * is none. Results without a call are left out. A whole history stays as it is.
 */
export const normalise = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const whole: Array<Message> = []
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!
    if (message.role === "tool") continue
    if (message.content.length === 0) continue
    const last = whole.at(-1)
    if (message.role === "user" && last?.role === "user") {
      whole[whole.length - 1] = { role: "user", content: [...last.content, ...message.content] }
    } else if (message.role === "assistant" && last?.role === "assistant" && last.model === message.model) {
      whole[whole.length - 1] = { ...last, content: [...last.content, ...message.content] }
    } else whole.push(message)
    if (message.role !== "assistant") continue
    const results = resultsFor(message, messages, index)
    if (results !== undefined) whole.push(results)
  }
  return whole
}

/** The content with ids that no call has had before: a provider may give one twice, and results are told by their ids. Adds them to `taken`. */
export const withOwnIds = (content: ReadonlyArray<AnswerPart>, taken: Set<string>): ReadonlyArray<AnswerPart> =>
  content.map((part) => {
    if (part.type !== "call" && part.type !== "broken-call") return part
    let id = part.id
    for (let next = 2; taken.has(id); next++) id = `${part.id}~${next}`
    taken.add(id)
    return id === part.id ? part : { ...part, id }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What each message is in a prompt of its last reader: a conversation says all of its messages again at every turn. */
const known = new WeakMap<Message, { readonly key: string; readonly said: Prompt.Message | undefined }>()

const saidOf = (message: Message, reader: Reader, key: string): Prompt.Message | undefined => {
  if (message.role === "tool" && reader.files !== undefined) key += keyOfFiles(message, reader.files)
  const before = known.get(message)
  if (before?.key === key) return before.said
  const said = promptMessage(message, reader)
  known.set(message, { key, said })
  return said
}

const promptMessage = (message: Message, reader: Reader): Prompt.Message | undefined => {
  switch (message.role) {
    case "user":
      return Prompt.userMessage({ content: message.content.map((part) => userPart(part, reader)) })
    case "assistant": {
      const content = message.content.flatMap((part) => assistantPart(message, part, reader))
      return content.length === 0 ? undefined : Prompt.assistantMessage({ content })
    }
    case "tool":
      return message.content.length === 0
        ? undefined
        : Prompt.toolMessage({ content: message.content.map((result) => resultPart(result, reader)) })
  }
}

/** The results that stand between this message and the next, in the order of its calls: the message itself where that is what it holds. */
const resultsFor = (
  message: AssistantMessage,
  messages: ReadonlyArray<Message>,
  index: number
): ToolMessage | undefined => {
  const calls = message.content.filter((part) => part.type === "call" || part.type === "broken-call")
  if (calls.length === 0) return undefined
  const next = messages[index + 1]
  if (
    next?.role === "tool" && messages[index + 2]?.role !== "tool" && next.content.length === calls.length &&
    calls.every(({ id }, at) => next.content[at]!.id === id)
  ) return next
  const given = new Map<string, ToolResult>()
  for (let next = index + 1; next < messages.length && messages[next]!.role !== "assistant"; next++) {
    const later = messages[next]!
    if (later.role === "tool") { for (const result of later.content) given.set(result.id, result) }
  }
  return {
    role: "tool",
    content: calls.map(({ id, tool }) =>
      given.get(id) ?? { id, tool, isFailure: true, result: "There is no result of this call." }
    )
  }
}

type Marked = { readonly marks?: Readonly<Record<string, Readonly<Record<string, unknown>>>> }

/** The marks of one provider, as `effect/ai` has them. */
const optionsOf = ({ marks }: Marked, { provider }: Reader): { readonly options?: Prompt.ProviderOptions } => {
  const own = marks?.[provider]
  return own === undefined ? {} : { options: { [provider]: own } as Prompt.ProviderOptions }
}

const userPart = (part: UserMessage["content"][number], reader: Reader): Prompt.UserMessagePart =>
  part.type === "text" ? Prompt.textPart({ text: part.text, ...optionsOf(part, reader) }) : filePart(part, reader)

const filePart = (part: Extract<AnswerPart, { readonly type: "file" }>, reader: Reader): Prompt.FilePart =>
  Prompt.filePart({
    mediaType: part.mediaType,
    fileName: part.name,
    data: "url" in part.data ? new URL(part.data.url) : part.data.base64,
    ...optionsOf(part, reader)
  })

const assistantPart = (
  { model }: AssistantMessage,
  part: AnswerPart,
  reader: Reader
): ReadonlyArray<Prompt.AssistantMessagePart> => {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [Prompt.textPart({ text: part.text, ...optionsOf(part, reader) })]
    case "thought":
      return model === reader.name ? [Prompt.reasoningPart({ text: part.text, ...optionsOf(part, reader) })] : []
    case "file":
      return [filePart(part, reader)]
    case "call":
      return [
        Prompt.toolCallPart({
          id: part.id,
          name: part.tool,
          params: part.params,
          providerExecuted: false,
          ...optionsOf(part, reader)
        })
      ]
    // What was asked for cannot be said again, since it is no JSON; that it was asked for must be, since its result follows.
    case "broken-call":
      return [Prompt.toolCallPart({ id: part.id, name: part.tool, params: {}, providerExecuted: false })]
    case "hosted-call":
      return model === reader.name
        ? [
          Prompt.toolCallPart({
            id: part.id,
            name: part.tool,
            params: part.params,
            providerExecuted: true,
            ...optionsOf(part, reader)
          })
        ]
        : []
    case "hosted-result":
      return model === reader.name
        ? [
          Prompt.toolResultPart({
            id: part.id,
            name: part.tool,
            isFailure: part.isFailure,
            result: part.result,
            providerExecuted: true,
            ...optionsOf(part, reader)
          })
        ]
        : []
  }
}

const resultPart = ({ files = [], id, isFailure, result, tool }: ToolResult, reader: Reader): Prompt.ToolResultPart => {
  const part = { id, name: tool, isFailure, providerExecuted: false }
  if (files.length === 0) return Prompt.toolResultPart({ ...part, result })
  const shown: Array<Prompt.FilePart> = []
  const lines = [typeof result === "string" ? result : StoredJson.textOf(result)]
  for (const { hash, mediaType, name } of files) {
    const data = reader.files?.get(hash) ?? "this model takes no files"
    if (typeof data === "string") lines.push(`[${name ?? hash} (${mediaType}) is not shown: ${data}]`)
    else shown.push(Prompt.filePart({ mediaType, fileName: name, data }))
  }
  const text = lines.join("\n")
  return Prompt.toolResultPart({
    ...part,
    result: text,
    ...(shown.length === 0 ? {} : { modelOutput: [Prompt.textPart({ text }), ...shown] })
  })
}

/** Tells apart what a message is for one and the same model by the files that it is shown. */
const keyOfFiles = ({ content }: ToolMessage, files: NonNullable<Reader["files"]>): string =>
  content.flatMap((result) => result.files ?? []).map(({ hash }) => {
    const data = files.get(hash)
    return ` ${typeof data === "string" ? data : data === undefined ? "" : hash}`
  }).join("")
