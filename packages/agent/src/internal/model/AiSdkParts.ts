/** The stream of a model of the AI SDK (specification v4), as parts of `effect/ai`. */
import type * as Response from "effect/ai/Response"
import * as HeldCalls from "./HeldCalls.ts"

type Metadata = { readonly [provider: string]: { readonly [key: string]: unknown } | undefined }
type Marked = { readonly providerMetadata?: Metadata | undefined }

/** A part as the AI SDK gives it, as far as it is read here. */
export type SdkPart =
  & Marked
  & (
    | { readonly type: "stream-start"; readonly warnings: ReadonlyArray<unknown> }
    | {
      readonly type: "response-metadata"
      readonly id?: string | undefined
      readonly modelId?: string | undefined
    }
    | { readonly type: "text-start" | "reasoning-start" | "text-end" | "reasoning-end"; readonly id: string }
    | { readonly type: "text-delta" | "reasoning-delta"; readonly id: string; readonly delta: string }
    | {
      readonly type: "tool-input-start"
      readonly id: string
      readonly toolName: string
      readonly providerExecuted?: boolean | undefined
    }
    | { readonly type: "tool-input-delta"; readonly id: string; readonly delta: string }
    | { readonly type: "tool-input-end"; readonly id: string }
    | {
      readonly type: "tool-call"
      readonly toolCallId: string
      readonly toolName: string
      readonly input: string
      readonly providerExecuted?: boolean | undefined
    }
    | {
      readonly type: "tool-result"
      readonly toolCallId: string
      readonly toolName: string
      readonly result: unknown
      readonly isError?: boolean | undefined
      readonly preliminary?: boolean | undefined
    }
    | {
      readonly type: "finish"
      readonly finishReason: { readonly unified: string; readonly raw: string | undefined }
      readonly usage: {
        readonly inputTokens: {
          readonly total: number | undefined
          readonly noCache: number | undefined
          readonly cacheRead: number | undefined
          readonly cacheWrite: number | undefined
        }
        readonly outputTokens: {
          readonly total: number | undefined
          readonly text: number | undefined
          readonly reasoning: number | undefined
        }
      }
    }
    | { readonly type: "error"; readonly error: unknown }
    // What is not passed on.
    | {
      readonly type:
        | "ping"
        | "raw"
        | "source"
        | "file"
        | "reasoning-file"
        | "custom"
        | "tool-approval-request"
    }
  )

/** Reads the parts of one answer in their order. */
export interface Reader {
  readonly read: (part: SdkPart) => ReadonlyArray<Response.StreamPartEncoded>
  /** Why the answer that has ended is none; undefined where it is whole. */
  readonly brokenBy: () => string | undefined
}

type Part = Response.StreamPartEncoded
type Finish = Extract<SdkPart, { readonly type: "finish" }>

const reasons: Readonly<Record<string, Response.FinishReason>> = {
  stop: "stop",
  length: "length",
  "content-filter": "content-filter",
  "tool-calls": "tool-calls",
  other: "other"
}

/** Calls hold where a model stopped by itself; some providers give `stop` or `other` as the reason beside calls. */
const mayCall = new Set(["tool-calls", "stop", "other"])

export const make = (): Reader => {
  const held = HeldCalls.make()
  let ended: Finish | undefined
  const read = (part: SdkPart): ReadonlyArray<Part> => {
    if (part.type !== "finish") return held.pass(translate(part))
    ended = part
    const { unified } = part.finishReason
    const calls = held.release(mayCall.has(unified))
    return reasons[unified] === undefined ? calls : [...calls, finishOf(part, reasons[unified])]
  }
  return {
    read,
    brokenBy: () => {
      if (ended === undefined) return "the stream ended before the answer did"
      const { raw, unified } = ended.finishReason
      return reasons[unified] === undefined
        ? `the provider ended its answer as "${unified}"${raw === undefined ? "" : ` (${raw})`}`
        : undefined
    }
  }
}

const translate = (part: SdkPart): ReadonlyArray<Part> => {
  const own = metadataOf(part)
  switch (part.type) {
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-end":
      return [{ type: part.type, id: part.id, ...own }]
    case "text-delta":
    case "reasoning-delta":
      return [{ type: part.type, id: part.id, delta: part.delta, ...own }]
    case "tool-input-start":
      return [{
        type: "tool-params-start",
        id: part.id,
        name: part.toolName,
        ...(part.providerExecuted === true ? { providerExecuted: true } : {}),
        ...own
      }]
    case "tool-input-delta":
      return [{ type: "tool-params-delta", id: part.id, delta: part.delta, ...own }]
    case "tool-input-end":
      return [{ type: "tool-params-end", id: part.id, ...own }]
    case "tool-call": {
      const { input, providerExecuted, toolCallId: id, toolName: name } = part
      return [
        providerExecuted === true
          ? { type: "tool-call", id, name, params: HeldCalls.parsed(input), providerExecuted: true, ...own }
          : { type: "tool-call", id, name, params: input, ...own }
      ]
    }
    case "tool-result":
      // Only tools of the provider have results in its answer.
      return [{
        type: "tool-result",
        id: part.toolCallId,
        name: part.toolName,
        result: part.result,
        isFailure: part.isError === true,
        providerExecuted: true,
        ...(part.preliminary === true ? { preliminary: true } : {}),
        ...own
      }]
    case "response-metadata":
      return [{
        type: "response-metadata",
        ...(part.id === undefined ? {} : { id: part.id }),
        ...(part.modelId === undefined ? {} : { modelId: part.modelId })
      }]
    default:
      return []
  }
}

const finishOf = (part: Finish, reason: Response.FinishReason): Part => {
  const { usage: { inputTokens: { cacheRead, cacheWrite, noCache, total }, outputTokens } } = part
  return {
    type: "finish",
    reason,
    usage: {
      inputTokens: {
        // The total counts cached tokens in.
        uncached: noCache ??
          (total === undefined ? undefined : Math.max(0, total - (cacheRead ?? 0) - (cacheWrite ?? 0))),
        total,
        cacheRead,
        cacheWrite
      },
      outputTokens: { total: outputTokens.total, text: outputTokens.text, reasoning: outputTokens.reasoning }
    },
    ...metadataOf(part)
  }
}

/** Metadata as JSON: providers leave out what they do not know by giving it as undefined. */
const metadataOf = ({ providerMetadata }: Marked): { readonly metadata?: Response.ProviderMetadata } =>
  providerMetadata === undefined
    ? {}
    : { metadata: JSON.parse(JSON.stringify(providerMetadata)) as Response.ProviderMetadata }
