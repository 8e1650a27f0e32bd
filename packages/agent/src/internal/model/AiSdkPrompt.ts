/** A request as a call of the AI SDK (specification v4). */
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type { ModelRequest } from "../../Model.ts"

type Json = null | string | number | boolean | { [key: string]: Json | undefined } | Array<Json>
export type JsonObject = { [key: string]: Json | undefined }
type Options = { providerOptions?: Record<string, JsonObject> }

type Data = { type: "data"; data: Uint8Array | string } | { type: "url"; url: URL }
type FilePart = { type: "file"; data: Data; mediaType: string; filename?: string } & Options
type TextPart = { type: "text"; text: string } & Options
type CallPart =
  & { type: "tool-call"; toolCallId: string; toolName: string; input: unknown; providerExecuted?: boolean }
  & Options
type Output =
  | { type: "text" | "error-text"; value: string }
  | { type: "json" | "error-json"; value: Json }
  | { type: "content"; value: Array<{ type: "text"; text: string } | { type: "file"; data: Data; mediaType: string }> }
type ResultPart = { type: "tool-result"; toolCallId: string; toolName: string; output: Output } & Options
type AnswerPart = TextPart | FilePart | ({ type: "reasoning"; text: string } & Options) | CallPart | ResultPart

type Message =
  | { role: "system"; content: string }
  | { role: "user"; content: Array<TextPart | FilePart> }
  | { role: "assistant"; content: Array<AnswerPart> }
  | { role: "tool"; content: Array<ResultPart> }

type FunctionTool = {
  type: "function"
  name: string
  description?: string
  inputSchema: { [key: string]: unknown }
  strict?: boolean
}
type ProviderTool = { type: "provider"; id: `${string}.${string}`; name: string; args: Record<string, unknown> }

/** The call, as far as it is used here. */
export interface CallOptions extends Options {
  prompt: Array<Message>
  maxOutputTokens: number
  temperature?: number
  responseFormat?: { type: "json"; schema: { [key: string]: unknown } }
  tools?: Array<FunctionTool | ProviderTool>
  headers: Record<string, string>
  abortSignal?: AbortSignal
}

/** The call for a request, and what of the request it cannot say; where there is a problem it must not be made. */
export const write = (
  request: ModelRequest,
  provider: string,
  providerOptions: JsonObject | undefined
): { readonly call: CallOptions; readonly problems: ReadonlyArray<string> } => {
  const problems: Array<string> = []
  const tools = request.tools.flatMap((tool) => toolOf(tool, provider, problems))
  const call: CallOptions = {
    prompt: request.prompt.content.flatMap(messageOf),
    maxOutputTokens: request.maxTokens,
    headers: { "idempotency-key": request.idempotencyKey },
    ...(tools.length === 0 ? {} : { tools }),
    ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
    ...(request.output === undefined
      ? {}
      : { responseFormat: { type: "json", schema: request.output as { [key: string]: unknown } } }),
    ...(providerOptions === undefined ? {} : { providerOptions: { [provider]: providerOptions } })
  }
  return { call, problems }
}

const schemas = new WeakMap<Tool.Any, FunctionTool>()

const toolOf = (
  tool: Tool.Any,
  provider: string,
  problems: Array<string>
): ReadonlyArray<FunctionTool | ProviderTool> => {
  if (Tool.isProviderDefined(tool)) {
    if (tool.id.startsWith(`${provider}.`)) {
      return [{ type: "provider", id: tool.id, name: tool.name, args: { ...(tool.args as object) } }]
    }
    problems.push(`tool "${tool.name}" (${tool.id}), which provider "${provider}" does not have`)
    return []
  }
  const known = schemas.get(tool)
  if (known !== undefined) return [known]
  const description = Tool.getDescription(tool)
  const strict = Tool.getStrictMode(tool)
  const written: FunctionTool = {
    type: "function",
    name: tool.name,
    inputSchema: { ...Tool.getJsonSchema(tool), type: "object" },
    ...(description === undefined ? {} : { description }),
    ...(strict === undefined ? {} : { strict })
  }
  schemas.set(tool, written)
  return [written]
}

const messageOf = (message: Prompt.Message): ReadonlyArray<Message> => {
  switch (message.role) {
    case "system":
      return [{ role: "system", content: message.content }]
    case "user":
      return [{
        role: "user",
        content: message.content.map((part) => part.type === "text" ? textOf(part) : fileOf(part))
      }]
    case "assistant":
      return [{
        role: "assistant",
        content: message.content.flatMap((part): Array<AnswerPart> => {
          switch (part.type) {
            case "text":
              return [textOf(part)]
            case "reasoning":
              return [{ type: "reasoning", text: part.text, ...optionsOf(part) }]
            case "file":
              return [fileOf(part)]
            case "tool-call":
              return [callOf(part)]
            case "tool-result":
              return [resultOf(part)]
            default:
              return []
          }
        })
      }]
    case "tool":
      return [{
        role: "tool",
        content: message.content.flatMap((part) => part.type === "tool-result" ? [resultOf(part)] : [])
      }]
  }
}

/** What the provider left with a part comes back to it unchanged. */
const optionsOf = ({ options }: { readonly options: Prompt.ProviderOptions }): Options =>
  Object.keys(options).length === 0 ? {} : { providerOptions: options as Record<string, JsonObject> }

const textOf = (part: Prompt.TextPart): TextPart => ({ type: "text", text: part.text, ...optionsOf(part) })

const fileOf = (part: Prompt.FilePart): FilePart => ({
  type: "file",
  mediaType: part.mediaType,
  data: dataOf(part.data),
  ...(part.fileName === undefined ? {} : { filename: part.fileName }),
  ...optionsOf(part)
})

const dataOf = (data: Prompt.FilePart["data"]): Data => {
  if (data instanceof Uint8Array) return { type: "data", data }
  if (data instanceof URL) return { type: "url", url: data }
  const [, base64] = /^data:[^,]*;base64,(.*)$/s.exec(data) ?? []
  if (base64 !== undefined) return { type: "data", data: base64 }
  return /^https?:\/\//.test(data) ? { type: "url", url: new URL(data) } : { type: "data", data }
}

const callOf = (part: Prompt.ToolCallPart): CallPart => ({
  type: "tool-call",
  toolCallId: part.id,
  toolName: part.name,
  // Arguments that were not whole are shown to the model as the text that it wrote.
  input: typeof part.params === "string" ? { unparsed: part.params } : part.params,
  ...(part.providerExecuted ? { providerExecuted: true } : {}),
  ...optionsOf(part)
})

const resultOf = (part: Prompt.ToolResultPart): ResultPart => ({
  type: "tool-result",
  toolCallId: part.id,
  toolName: part.name,
  output: outputOf(part),
  ...optionsOf(part)
})

const outputOf = ({ isFailure, modelOutput, result }: Prompt.ToolResultPart): Output => {
  if (modelOutput !== undefined) {
    return {
      type: "content",
      value: modelOutput.map((part) =>
        part.type === "text"
          ? { type: "text", text: part.text }
          : { type: "file", mediaType: part.mediaType, data: dataOf(part.data) }
      )
    }
  }
  return typeof result === "string"
    ? { type: isFailure ? "error-text" : "text", value: result }
    : { type: isFailure ? "error-json" : "json", value: (result ?? null) as Json }
}
