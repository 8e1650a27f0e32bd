/**
 * The models of a process behind the `llm` steps of contracts, so that they ask
 * the same providers as its agents, and `ModelOverride` stands in for theirs too.
 * A question is asked once: its step says how often it is tried.
 *
 * @example
 * ```ts
 * const llm = ModelLlm.layer({ model: "claude-sonnet-5-5" }).pipe(Layer.provide(Models.layer([Anthropic.provider()])))
 * ```
 */
import { Llm, type LlmAnswer, LlmFailed, type LlmRequest } from "@fermata/contracts/Llm"
import * as AgentMessage from "@fermata/core/AgentMessage"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { defaults } from "../AgentDefaults.ts"
import * as AnswerFold from "../internal/AnswerFold.ts"
import * as Output from "../internal/Output.ts"
import * as Messages from "../Messages.ts"
import { type Model, ModelFailed, ModelOverride, Models } from "../Model.ts"

/** What is asked where a step does not say. */
export interface Options {
  /** The model; that of agents which name none, by default. */
  readonly model?: string
  /** The most tokens of an answer. */
  readonly maxTokens?: number
}

/**
 * `llm` steps on the models of this process. Where the model that is asked by
 * default cannot be, as without its key, runs with such steps are left to other
 * processes, and `Llm.why` says what is missing.
 */
export const layer = (options: Options = {}): Layer.Layer<Llm, never, Models> =>
  Layer.effect(
    Llm,
    Effect.gen(function*() {
      const models = yield* Models
      const override = yield* ModelOverride
      const usual = override ?? options.model ?? defaults.model
      const found = yield* Effect.result(models.get(usual))
      return {
        ...(Result.isFailure(found) ? { elsewhere: true, why: found.failure.message } : {}),
        invoke: Effect.fn("ModelLlm.invoke")(function*(request: LlmRequest) {
          const name = override ?? request.model ?? usual
          const model = yield* Effect.mapError(
            models.get(name),
            ({ problem }) => new LlmFailed({ model: name, problem, retryable: false })
          )
          return yield* ask(model, request, request.maxTokens ?? options.maxTokens ?? defaults.maxTokens)
        })
      }
    })
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const ask = Effect.fnUntraced(function*(
  model: Model,
  request: LlmRequest,
  maxTokens: number
): Effect.fn.Return<LlmAnswer, LlmFailed> {
  const { idempotencyKey = "", output, prompt: text, system = "" } = request
  const instructions = output === undefined ? system : `${system}\n\n${Output.instruction({ document: output })}`.trim()
  const prompt = Messages.toPrompt(instructions, [AgentMessage.user(text)], model)
  const reading = AnswerFold.empty()
  const stream = model.stream({
    prompt,
    tools: [],
    maxTokens: Math.min(maxTokens, model.maxOutput),
    idempotencyKey,
    ...(output === undefined ? {} : { output })
  })
  yield* Stream.runForEachArray(
    stream,
    (parts) => Effect.sync(() => parts.forEach((part) => AnswerFold.add(reading, part)))
  )
    .pipe(Effect.mapError(failed))
  const answer = AnswerFold.answer(reading, model, () => JSON.stringify(prompt.content).length)
  if (answer instanceof ModelFailed) return yield* failed(answer)
  const refuse = (problem: string) => new LlmFailed({ model: model.name, problem, retryable: false })
  switch (answer.finish) {
    case "length":
      return yield* refuse(`its answer was cut after ${maxTokens} tokens; "maxTokens" of the step allows more`)
    case "refused":
      return yield* refuse("it refuses to answer")
    case "unknown":
      return yield* refuse("it stopped for a reason that nobody knows")
  }
  const { cacheRead, cacheWrite, input, output: outputTokens } = answer.usage
  return {
    text: AgentMessage.textOf(answer.content),
    model: answer.model,
    usage: { inputTokens: input + cacheRead + cacheWrite, outputTokens }
  }
})

const failed = ({ code, model, problem, retryable }: ModelFailed): LlmFailed =>
  new LlmFailed({ model, problem: `${code}: ${problem}`, retryable })
