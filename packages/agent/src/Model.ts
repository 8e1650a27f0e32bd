/**
 * What the loop asks of a model, whichever provider answers. A provider is an
 * adapter from a request to the parts of `effect/ai`'s `Response`, in their
 * encoded form and in the order in which they arrive; it tries once, and says in
 * one table of codes why it failed. Attempts, waits and fallbacks are the loop's.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import type * as Tool from "effect/ai/Tool"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"

/**
 * Why a model call failed, and what that means for the next: whether the same
 * call may succeed, when (ms from the answer), and whether tokens were paid for
 * an answer that did not arrive whole.
 */
export class ModelFailed extends Schema.TaggedError<ModelFailed>()("ModelFailed", {
  model: Schema.String,
  /** Of one closed list, such as `ERR_RATE_LIMIT`. */
  code: Schema.String,
  problem: Schema.String,
  retryable: Schema.Boolean,
  retryAfterMs: Schema.optionalKey(Schema.Int),
  maybePaid: Schema.Boolean,
  /** What the provider had told of its tokens before it failed. */
  usage: Schema.optionalKey(AgentMessage.Usage)
}) {
  override get message(): string {
    return `Model "${this.model}" failed with ${this.code}: ${this.problem}`
  }
}

/** No provider in this process answers to the name of a model, or it lacks what it needs, such as a key. */
export class ModelUnavailable extends Schema.TaggedError<ModelUnavailable>()("ModelUnavailable", {
  model: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `Model "${this.model}" cannot be asked: ${this.problem}`
  }
}

/** One question to a model. */
export interface ModelRequest {
  readonly prompt: Prompt.Prompt
  /** What the model may call, in the order in which it is told of them. */
  readonly tools: ReadonlyArray<Tool.Any>
  /** The most tokens of the answer. */
  readonly maxTokens: number
  /** Of the provider when absent; told of where the model takes none. */
  readonly temperature?: number
  /** The shape of the answer as JSON Schema, where the provider can hold a model to one. */
  readonly output?: object
  /** The same for every attempt of one call: a provider that knows such keys answers twice and bills once. */
  readonly idempotencyKey: string
}

/** US dollars for a million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
  readonly cacheRead: number
  readonly cacheWrite: number
  /** What a question of more input tokens than `above`, cached ones included, costs instead, in whole. */
  readonly long?: Omit<Price, "long"> & { readonly above: number }
}

/** A model of a provider, ready to be asked. */
export interface Model {
  /** As it is asked for, such as `claude-opus-5-5` or `openai/gpt-5.5`. */
  readonly name: string
  /** Keys its marks in messages, such as `anthropic`: they go back to no other. */
  readonly provider: string
  /** Tokens of question and answer together. */
  readonly contextWindow: number
  /** The most tokens of one answer. */
  readonly maxOutput: number
  /** Absent where nobody knows it. */
  readonly price?: Price
  /** Whether results of tools may have pictures: PNG, JPEG, GIF or WebP. One that takes none is told of them in words. */
  readonly takesImages?: boolean
  /**
   * The parts of the answer as they arrive. The last is `finish`, with usage as
   * far as the provider tells it; input tokens are told apart as uncached, read
   * from and written to the cache. A tool call whose arguments are not whole JSON
   * is given as `params` of the type string. The request is aborted with the
   * stream.
   */
  readonly stream: (request: ModelRequest) => Stream.Stream<Response.StreamPartEncoded, ModelFailed>
}

/** The models of a process, by name. */
export class Models extends Context.Service<Models, {
  readonly get: (name: string) => Effect.Effect<Model, ModelUnavailable>
  /** The names that are known to answer, for people. */
  readonly names: ReadonlyArray<string>
}>()("@fermata/agent/Models") {}

/**
 * The model that every agent asks in place of its own, for a process that is to
 * ask no other. Models are not recorded, so that a replay does not care.
 */
export const ModelOverride: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "@fermata/agent/ModelOverride",
  { defaultValue: () => undefined }
)
