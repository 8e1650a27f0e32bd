/**
 * A request in the words of Anthropic's Messages API. What stands first in it —
 * system prompt, tools, the messages that were there before — has the same bytes
 * on every turn, so that the provider reads it from its cache; the marks are on
 * the last block of the system prompt, the last tool and the last block that is
 * not the model's own.
 *
 * What only this provider understands comes back to it unchanged from `options`
 * under the key `anthropic`: signatures of thinking, redacted thinking, citations,
 * and the kinds of blocks of its own tools. Thinking of other providers is left out.
 */
import type Anthropic from "@anthropic-ai/sdk"
import * as AnthropicStructuredOutput from "effect/ai/AnthropicStructuredOutput"
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Base64 from "effect/encoding/Base64"
import type { ModelRequest } from "../../Model.ts"

/** What of Anthropic's API a call may ask for beside the request. */
export interface Extras {
  readonly effort?: "low" | "medium" | "high" | "xhigh" | "max"
  readonly speed?: "standard" | "fast"
  /** Of the model when absent; a number is a budget in tokens, for models that take one. */
  readonly thinking?: "adaptive" | "between_tools" | "disabled" | number
  /** How long the provider keeps a prefix. */
  readonly cacheTtl?: "5m" | "1h"
  /** What is switched on that is not for everybody yet: names for the header `anthropic-beta`. */
  readonly betas?: ReadonlyArray<string>
}

/** The body of a request, and what of the request the API cannot take; where there is a problem it must not be sent. */
export interface Written {
  readonly body: Anthropic.MessageCreateParamsStreaming
  readonly problems: ReadonlyArray<string>
}

type Block = Anthropic.ContentBlockParam
type Cache = { readonly cache_control: Anthropic.CacheControlEphemeral }

/** Writes a request for this model. `temperature` is left out where the model takes none. */
export const write = (
  request: ModelRequest,
  options: { readonly model: string; readonly extras?: Extras; readonly takesTemperature: boolean }
): Written => {
  const { extras = {}, model, takesTemperature } = options
  const problems: Array<string> = []
  const cache: Cache = {
    cache_control: { type: "ephemeral", ...(extras.cacheTtl === undefined ? {} : { ttl: extras.cacheTtl }) }
  }
  const { messages, system } = conversation(request.prompt, cache, problems)
  const tools = request.tools.flatMap((tool) => toolOf(tool, problems))
  const last = tools.at(-1)
  if (last !== undefined) tools[tools.length - 1] = { ...last, ...cache }
  const body: Anthropic.MessageCreateParamsStreaming & { readonly temperature?: number } = {
    model,
    max_tokens: request.maxTokens,
    stream: true,
    ...(system.length === 0 ? {} : { system }),
    ...(tools.length === 0 ? {} : { tools }),
    messages,
    ...outputConfig(request, extras),
    ...(extras.speed === undefined ? {} : { speed: extras.speed }),
    ...(extras.thinking === undefined ? {} : { thinking: thinkingOf(extras.thinking) }),
    ...(request.temperature === undefined || !takesTemperature ? {} : { temperature: request.temperature })
  }
  return { body, problems }
}

const outputConfig = (request: ModelRequest, { effort }: Extras): { readonly output_config?: Anthropic.OutputConfig } =>
  effort === undefined && request.output === undefined ? {} : {
    output_config: {
      ...(effort === undefined ? {} : { effort }),
      ...(request.output === undefined
        ? {}
        : { format: { type: "json_schema" as const, schema: request.output as { [key: string]: unknown } } })
    }
  }

const thinkingOf = (thinking: NonNullable<Extras["thinking"]>): Anthropic.ThinkingConfigParam =>
  typeof thinking === "number" ? { type: "enabled", budget_tokens: thinking } : { type: thinking }

// --- tools ---

const declared = new WeakMap<Tool.Any, Anthropic.ToolUnion>()

/** A tool is written once: its schema costs more than the rest of a request, and its bytes must not change. */
const toolOf = (tool: Tool.Any, problems: Array<string>): ReadonlyArray<Anthropic.ToolUnion> => {
  const known = declared.get(tool)
  if (known !== undefined) return [known]
  const written = Tool.isProviderDefined(tool) ? serverTool(tool) : clientTool(tool)
  if (typeof written === "string") {
    problems.push(written)
    return []
  }
  declared.set(tool, written)
  return [written]
}

/** What Anthropic runs itself: `Tool.providerDefined({ id: "anthropic.web_search_20260318", … })`. */
const serverTool = (
  tool: Tool.AnyProviderDefined
): Anthropic.ToolUnion | string => {
  const [provider, type] = tool.id.split(".", 2)
  if (provider !== "anthropic" || type === undefined) {
    return `tool "${tool.name}" is one that "${provider}" runs itself; Anthropic has none of that kind`
  }
  return { type, name: tool.providerName, ...(tool.args as object) } as unknown as Anthropic.ToolUnion
}

const clientTool = (tool: Tool.Any): Anthropic.ToolUnion => {
  const strict = Tool.getStrictMode(tool) === true
  const description = Tool.getDescription(tool)
  const schema = Tool.getJsonSchema(
    tool,
    strict ? { transformer: AnthropicStructuredOutput.toCodecAnthropic } : undefined
  )
  return {
    name: tool.name,
    ...(description === undefined ? {} : { description }),
    input_schema: { ...schema, type: "object" },
    ...(strict ? { strict } : {})
  }
}

// --- messages ---

const conversation = (prompt: Prompt.Prompt, cache: Cache, problems: Array<string>) => {
  const system: Array<Anthropic.TextBlockParam> = []
  const messages: Array<{ readonly role: "user" | "assistant"; content: Array<Block> }> = []
  const push = (role: "user" | "assistant", content: ReadonlyArray<Block>) => {
    if (content.length === 0) return
    const last = messages.at(-1)
    if (last?.role !== role) return void messages.push({ role, content: [...content] })
    // Results of tools stand before all else in the message that follows their calls.
    const all = [...last.content, ...content]
    last.content = [
      ...all.filter(({ type }) => type === "tool_result"),
      ...all.filter(({ type }) => type !== "tool_result")
    ]
  }
  for (const message of prompt.content) {
    switch (message.role) {
      case "system":
        // One that comes later would change the prefix, so it is told where it stands.
        if (messages.length === 0) system.push(...textBlock(message.content))
        else push("user", textBlock(message.content))
        break
      case "user":
        push("user", message.content.flatMap((part) => userBlock(part, problems)))
        break
      case "assistant":
        push("assistant", message.content.flatMap((part) => assistantBlock(part, problems)))
        break
      case "tool":
        push("user", message.content.flatMap((part) => part.type === "tool-result" ? resultBlock(part, problems) : []))
    }
  }
  mark(system, cache)
  const asked = messages.findLast(({ role }) => role === "user")
  if (asked !== undefined) mark(asked.content, cache)
  return { system, messages }
}

const mark = <A extends object>(blocks: Array<A>, cache: Cache) => {
  const last = blocks.at(-1)
  if (last !== undefined) blocks[blocks.length - 1] = { ...last, ...cache }
}

/** The API refuses texts without a letter. */
const textBlock = (text: string): ReadonlyArray<Anthropic.TextBlockParam> =>
  text.trim() === "" ? [] : [{ type: "text", text }]

const userBlock = (part: Prompt.UserMessagePart, problems: Array<string>): ReadonlyArray<Block> =>
  part.type === "text" ? textBlock(part.text) : fileBlock(part, problems)

type Media = "image/jpeg" | "image/png" | "image/gif" | "image/webp"

const fileBlock = (
  part: Prompt.FilePart,
  problems: Array<string>
): ReadonlyArray<Anthropic.ImageBlockParam | Anthropic.DocumentBlockParam> => {
  const { mediaType } = part
  const { data, url } = contentOf(part.data)
  const title = part.fileName === undefined ? {} : { title: part.fileName }
  if (mediaType.startsWith("image/")) {
    return [{
      type: "image",
      source: url === undefined ? { type: "base64", media_type: mediaType as Media, data } : { type: "url", url }
    }]
  }
  if (mediaType === "application/pdf") {
    return [{
      type: "document",
      source: url === undefined
        ? { type: "base64", media_type: "application/pdf", data }
        : { type: "url", url },
      ...title
    }]
  }
  if (mediaType.startsWith("text/") && url === undefined) {
    const text = new TextDecoder().decode(Uint8Array.from(atob(data), (letter) => letter.codePointAt(0)!))
    return [{ type: "document", source: { type: "text", media_type: "text/plain", data: text }, ...title }]
  }
  problems.push(
    `a file of type ${mediaType}${url === undefined ? "" : " behind a URL"}; Anthropic takes images, PDFs and texts`
  )
  return []
}

const contentOf = (data: Prompt.FilePart["data"]): { readonly data: string; readonly url?: string } => {
  if (data instanceof Uint8Array) return { data: Base64.encode(data) }
  const text = String(data)
  const [, base64] = /^data:[^,]*;base64,(.*)$/s.exec(text) ?? []
  if (base64 !== undefined) return { data: base64 }
  return /^https?:\/\//.test(text) ? { data: "", url: text } : { data: text }
}

/** What this provider left with a part, or undefined where it left nothing. */
const ownOf = (part: { readonly options: Prompt.ProviderOptions }): { readonly [key: string]: unknown } | undefined =>
  part.options["anthropic"] as { readonly [key: string]: unknown } | undefined

const assistantBlock = (part: Prompt.AssistantMessagePart, problems: Array<string>): ReadonlyArray<Block> => {
  const own = ownOf(part)
  switch (part.type) {
    case "text":
      return Array.isArray(own?.["citations"])
        ? [{ type: "text", text: part.text, citations: own["citations"] }]
        : textBlock(part.text)
    case "reasoning":
      if (typeof own?.["redactedData"] === "string") return [{ type: "redacted_thinking", data: own["redactedData"] }]
      return typeof own?.["signature"] === "string"
        ? [{ type: "thinking", thinking: part.text, signature: own["signature"] }]
        : []
    case "tool-call":
      return part.providerExecuted
        ? own === undefined
          ? []
          : [{ type: "server_tool_use", id: part.id, name: own["name"] ?? part.name, input: part.params } as Block]
        : [{ type: "tool_use", id: part.id, name: part.name, input: inputOf(part.params) }]
    case "tool-result":
      return part.providerExecuted
        ? typeof own?.["block"] === "string"
          ? [{ type: own["block"], tool_use_id: part.id, content: part.result } as unknown as Block]
          : []
        : resultBlock(part, problems)
    default:
      return []
  }
}

/** Arguments that were not whole are shown to the model as the text that it wrote, for the API takes objects alone. */
const inputOf = (params: unknown): unknown =>
  typeof params === "object" && params !== null && !Array.isArray(params) ? params : { unparsed: params ?? "" }

const resultBlock = (
  part: Prompt.ToolResultPart,
  problems: Array<string>
): ReadonlyArray<Anthropic.ToolResultBlockParam> => {
  const content: string | Array<Anthropic.TextBlockParam | Anthropic.ImageBlockParam | Anthropic.DocumentBlockParam> =
    part.modelOutput === undefined
      ? typeof part.result === "string" ? part.result : JSON.stringify(part.result ?? null)
      : part.modelOutput.flatMap((
        output
      ): ReadonlyArray<Anthropic.TextBlockParam | Anthropic.ImageBlockParam | Anthropic.DocumentBlockParam> =>
        output.type === "text" ? textBlock(output.text) : fileBlock(output, problems)
      )
  return [{
    type: "tool_result",
    tool_use_id: part.id,
    ...(content.length === 0 ? {} : { content }),
    ...(part.isFailure ? { is_error: true } : {})
  }]
}
