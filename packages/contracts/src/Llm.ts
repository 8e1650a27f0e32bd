/**
 * The model behind `llm` steps: a prompt in, an answer out.
 */
import { Amount } from "@fermata/core/Amount"
import * as JsonText from "@fermata/core/JsonText"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { JsonShape } from "./JsonShape.ts"
import { mismatches } from "./JsonShape.ts"

/** A question to a model. `output` is the shape that its answer must have as JSON; text when absent. */
export interface LlmRequest {
  /** The host's default when absent. */
  readonly model?: string
  readonly system?: string
  readonly prompt: string
  readonly maxTokens?: number
  readonly output?: JsonShape
  /** The same for every attempt of one step, so that a provider that knows such keys answers twice and bills once. */
  readonly idempotencyKey?: string
}

/** Tokens that a call has used. */
export interface LlmUsage {
  readonly inputTokens: number
  readonly outputTokens: number
}

/** The answer of a model. `value` is there when the model gave structured output by itself. */
export interface LlmAnswer {
  readonly text: string
  readonly value?: Schema.Json
  /** The model that answered. */
  readonly model: string
  readonly usage?: LlmUsage
  /** What the call has cost: its run has spent that. Without it, the tokens of its usage. */
  readonly cost?: Amount
}

/** A model did not answer. `retryable` says whether the same again may succeed. */
export class LlmFailed extends Schema.TaggedError<LlmFailed>()("LlmFailed", {
  model: Schema.optionalKey(Schema.String),
  problem: Schema.String,
  retryable: Schema.Boolean,
  /** What it has cost all the same. */
  cost: Schema.optionalKey(Amount)
}) {
  override get message(): string {
    return this.model === undefined ? this.problem : `Model "${this.model}" failed: ${this.problem}`
  }
}

/** What the scripted model answers, and to what. Values that are no text are answered as JSON. */
export interface Rule {
  /** A part of the prompt, a pattern that it matches, or a decision over the whole question. */
  readonly when: string | RegExp | ((request: LlmRequest) => boolean)
  readonly reply: Schema.Json | ((request: LlmRequest) => Schema.Json)
}

/** Invokes models. */
export class Llm extends Context.Service<Llm, {
  /** Asks once. */
  readonly invoke: (request: LlmRequest) => Effect.Effect<LlmAnswer, LlmFailed>
  /** The most that asking this may cost: it is reserved before, and counts as spent where no outcome says otherwise. Without it nothing is. */
  readonly reserve?: (request: LlmRequest) => Amount
  /** True says that models are elsewhere: runs of contracts with `llm` steps are left to processes that have one. */
  readonly elsewhere?: boolean
  /** Why they are, where there is more to say, such as which key is missing. */
  readonly why?: string
}>()("@fermata/contracts/Llm") {
  /** No model anywhere: `llm` steps are come to, and every question fails. */
  static readonly layerNone: Layer.Layer<Llm> = Layer.succeed(Llm, {
    invoke: () => Effect.fail(new LlmFailed({ problem: "no model is configured", retryable: false }))
  })

  /** No model in this process: runs of contracts with `llm` steps are left to others. */
  static readonly layerElsewhere: Layer.Layer<Llm> = Layer.succeed(Llm, {
    elsewhere: true,
    invoke: () => Effect.fail(new LlmFailed({ problem: "this process has no model", retryable: false }))
  })

  /**
   * A model that follows a script: the first rule that fits answers. It calls
   * nobody, answers the same every time, and gives its name as `scripted`.
   */
  static readonly layerScripted = (rules: ReadonlyArray<Rule>): Layer.Layer<Llm> =>
    Layer.succeed(Llm, {
      invoke: Effect.fn("Llm.invoke")(function*(request) {
        const rule = rules.find(({ when }) => fits(when, request))
        if (rule === undefined) {
          return yield* new LlmFailed({
            model: scripted,
            problem: "no rule of its script fits the prompt",
            retryable: false
          })
        }
        const reply = typeof rule.reply === "function" ? rule.reply(request) : rule.reply
        const text = typeof reply === "string" ? reply : StoredJson.textOf(reply)
        return {
          text,
          model: scripted,
          usage: { inputTokens: words(`${request.system ?? ""} ${request.prompt}`), outputTokens: words(text) }
        }
      })
    })
}

/** The value of an answer: its text, or JSON of the shape that was asked for. */
export const valueOf = (request: LlmRequest, answer: LlmAnswer): Result.Result<Schema.Json, LlmFailed> => {
  if (request.output === undefined) return Result.succeed(answer.text)
  const refuse = (problem: string) => Result.fail(new LlmFailed({ model: answer.model, problem, retryable: true }))
  const value = answer.value === undefined ? parse(answer.text) : Result.succeed(answer.value)
  if (Result.isFailure(value)) return refuse(value.failure)
  const [first] = mismatches(request.output, value.success)
  return first === undefined
    ? value as Result.Result<Schema.Json, never>
    : refuse(
      `its answer does not have the shape that was asked for: ${
        first.path === "" ? "it" : first.path
      } must be ${first.expected}`
    )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const scripted = "scripted"

const fits = (when: Rule["when"], request: LlmRequest): boolean => {
  if (typeof when === "string") return request.prompt.includes(when)
  if (typeof when === "function") return when(request)
  when.lastIndex = 0
  return when.test(request.prompt)
}

/** The script counts words for tokens. */
const words = (text: string): number => text.split(/\s+/).filter((word) => word !== "").length

/** JSON as models write it: alone, or in a fence. */
const parse = (text: string): Result.Result<Schema.Json, string> => {
  const fenced = /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text)
  const parsed = JsonText.parse(fenced?.[1] ?? text)
  // The value is JSON by how it was read.
  return parsed._tag === "Json"
    ? Result.succeed(parsed.value as Schema.Json)
    : Result.fail(
      parsed._tag === "Lossy"
        ? `its answer would become another: ${parsed.losses[0].problem}`
        : "it was asked for JSON, and its answer is none"
    )
}
