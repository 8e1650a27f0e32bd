/**
 * The events of one answer of Anthropic's Messages API, as parts of `effect/ai`.
 *
 * Arguments of calls are gathered here and parsed strictly (`HeldCalls`), since the
 * client mends what was cut.
 *
 * What only Anthropic understands is in `metadata` under the key `anthropic`.
 */
import type Anthropic from "@anthropic-ai/sdk"
import type * as Response from "effect/ai/Response"
import * as HeldCalls from "./HeldCalls.ts"

/** What an answer was told to have used so far. */
export interface Used {
  input: number
  output: number
  thinking: number | undefined
  cacheRead: number
  cacheWrite: number
  /** Of `cacheWrite`, what is kept for an hour. */
  cacheWriteHour: number
}

/** Reads the events of one answer in their order. */
export interface Reader {
  /** The parts of an event, perhaps none. Throws an Error that says what does not fit the protocol. */
  readonly read: (event: Anthropic.RawMessageStreamEvent) => ReadonlyArray<Response.StreamPartEncoded>
  /** What the answer was told to have used so far; undefined before it began. */
  readonly used: () => Used | undefined
  /** Whether the answer has come to its end. */
  readonly ended: () => boolean
  /** A reason to stop that no version of this code knows. */
  readonly unknownStop: () => string | undefined
}

type Part = Response.StreamPartEncoded
type Block = Anthropic.ContentBlock

interface Open {
  readonly block: Block
  readonly id: string
  json: string
  signature: string
  readonly citations: Array<unknown>
}

const stops: Readonly<Record<string, Response.FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  tool_use: "tool-calls",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  refusal: "content-filter",
  pause_turn: "pause"
}

/** A reader for one answer. `names` gives the names of tools by what the provider calls them. */
export const make = (names: ReadonlyMap<string, string> = new Map()): Reader => {
  const used: Used = { input: 0, output: 0, thinking: undefined, cacheRead: 0, cacheWrite: 0, cacheWriteHour: 0 }
  const open = new Map<number, Open>()
  const serverCalls = new Map<string, string>()
  const held = HeldCalls.make()
  let facts: { [key: string]: unknown } = {}
  let stop: string | null = null
  let begun = false
  let ended = false

  const began = (index: number, block: Block): ReadonlyArray<Part> => {
    const id = block.type === "tool_use" || block.type === "server_tool_use" ? block.id : String(index)
    open.set(index, { block, id, json: "", signature: "", citations: [] })
    switch (block.type) {
      case "text":
        return [
          { type: "text-start", id },
          ...(block.text === "" ? [] : [{ type: "text-delta", id, delta: block.text } as const])
        ]
      case "thinking":
        return [{ type: "reasoning-start", id }]
      case "redacted_thinking":
        return [{ type: "reasoning-start", id, metadata: { anthropic: { redactedData: block.data } } }]
      case "tool_use":
        return [{ type: "tool-params-start", id, name: block.name }]
      case "server_tool_use":
        return [{ type: "tool-params-start", id, name: names.get(block.name) ?? block.name, providerExecuted: true }]
      default:
        return []
    }
  }

  const went = (at: Open, delta: Anthropic.RawContentBlockDelta): ReadonlyArray<Part> => {
    switch (delta.type) {
      case "text_delta":
        return [{ type: "text-delta", id: at.id, delta: delta.text }]
      case "thinking_delta":
        return [{ type: "reasoning-delta", id: at.id, delta: delta.thinking }]
      case "signature_delta":
        at.signature += delta.signature
        return []
      case "citations_delta":
        at.citations.push(delta.citation)
        return []
      case "input_json_delta":
        at.json += delta.partial_json
        return [{ type: "tool-params-delta", id: at.id, delta: delta.partial_json }]
      default:
        return []
    }
  }

  const closed = ({ block, citations, id, json, signature }: Open): ReadonlyArray<Part> => {
    switch (block.type) {
      case "text":
        return [{ type: "text-end", id, ...(citations.length === 0 ? {} : own({ citations })) }]
      case "thinking":
        return [{ type: "reasoning-end", id, ...own({ signature: signature === "" ? block.signature : signature }) }]
      case "redacted_thinking":
        return [{ type: "reasoning-end", id }]
      case "tool_use":
        return [{ type: "tool-params-end", id }, { type: "tool-call", id, name: block.name, params: json }]
      case "server_tool_use": {
        const name = names.get(block.name) ?? block.name
        serverCalls.set(id, name)
        return [
          { type: "tool-params-end", id },
          {
            type: "tool-call",
            id,
            name,
            params: json === "" ? block.input : HeldCalls.parsed(json),
            providerExecuted: true,
            ...own({ name: block.name })
          }
        ]
      }
      default: {
        if (!("tool_use_id" in block)) return []
        const content: unknown = block.content
        return [{
          type: "tool-result",
          id: block.tool_use_id,
          name: serverCalls.get(block.tool_use_id) ?? block.type,
          result: content,
          isFailure: String((content as { readonly type?: unknown }).type ?? "").endsWith("_error"),
          providerExecuted: true,
          ...own({ block: block.type })
        }]
      }
    }
  }

  const atBlock = (index: number, event: string): Open => {
    const at = open.get(index)
    if (at === undefined) throw new Error(`${event} for block ${index}, which has not begun`)
    return at
  }

  const read = (event: Anthropic.RawMessageStreamEvent): ReadonlyArray<Part> => {
    switch (event.type) {
      case "message_start": {
        const { id, model, usage } = event.message
        begun = true
        count(used, usage)
        facts = { ...facts, speed: usage.speed ?? null, serviceTier: usage.service_tier ?? null }
        return [{ type: "response-metadata", id, modelId: model }]
      }
      case "content_block_start":
        return held.pass(began(event.index, event.content_block))
      case "content_block_delta":
        return held.pass(went(atBlock(event.index, event.type), event.delta))
      case "content_block_stop": {
        const at = atBlock(event.index, event.type)
        open.delete(event.index)
        return held.pass(closed(at))
      }
      case "message_delta": {
        stop = event.delta.stop_reason
        count(used, event.usage)
        facts = {
          ...facts,
          stopReason: stop,
          stopDetails: event.delta.stop_details ?? null,
          serverToolUse: event.usage.server_tool_use ?? null
        }
        return held.release(stop === "tool_use")
      }
      case "message_stop":
        ended = true
        return [...held.release(stop === "tool_use"), finish()]
      default:
        // An event of a later version of the protocol.
        return []
    }
  }

  const finish = (): Part => ({
    type: "finish",
    reason: stops[stop ?? ""] ?? "unknown",
    usage: {
      inputTokens: {
        uncached: used.input,
        total: used.input + used.cacheRead + used.cacheWrite,
        cacheRead: used.cacheRead,
        cacheWrite: used.cacheWrite
      },
      outputTokens: {
        total: used.output,
        text: used.thinking === undefined ? undefined : used.output - used.thinking,
        reasoning: used.thinking
      }
    },
    ...own({ ...facts, cacheWriteHour: used.cacheWriteHour })
  })

  return {
    read,
    used: () => begun ? used : undefined,
    ended: () => ended,
    unknownStop: () => ended && stops[stop ?? ""] === undefined ? String(stop) : undefined
  }
}

const own = (metadata: { readonly [key: string]: unknown }): { readonly metadata: Response.ProviderMetadata } => ({
  metadata: { anthropic: metadata } as Response.ProviderMetadata
})

type Told = {
  readonly input_tokens?: number | null
  readonly output_tokens?: number | null
  readonly cache_read_input_tokens?: number | null
  readonly cache_creation_input_tokens?: number | null
  readonly cache_creation?: Anthropic.CacheCreation | null
  readonly output_tokens_details?: Anthropic.OutputTokensDetails | null
}

/** Usage is told as totals so far, so that what comes later overwrites what came before. */
const count = (used: Used, told: Told | null | undefined): void => {
  used.input = told?.input_tokens ?? used.input
  used.output = told?.output_tokens ?? used.output
  used.thinking = told?.output_tokens_details?.thinking_tokens ?? used.thinking
  used.cacheRead = told?.cache_read_input_tokens ?? used.cacheRead
  used.cacheWrite = told?.cache_creation_input_tokens ?? used.cacheWrite
  used.cacheWriteHour = told?.cache_creation?.ephemeral_1h_input_tokens ?? used.cacheWriteHour
}
