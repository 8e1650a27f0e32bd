/**
 * The models of a process behind the `llm` steps of contracts, so that they ask
 * the same providers as its agents, and `ModelOverride` stands in for theirs too.
 * A question is asked once: its step says how often it is tried. What it may cost
 * is reserved before, and what it has cost is spent by its run, by the same prices
 * and the same rules as a call of an agent's.
 *
 * @example
 * ```ts
 * const llm = ModelLlm.layer({ model: "claude-sonnet-5-5" }).pipe(Layer.provide(Models.layer([Anthropic.provider()])))
 * ```
 */
import { Llm, type LlmAnswer, LlmFailed, type LlmRequest } from "@fermata/contracts/Llm"
import * as AgentMessage from "@fermata/core/AgentMessage"
import type { Amount } from "@fermata/core/Amount"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { defaults } from "../AgentDefaults.ts"
import * as AnswerFold from "../internal/AnswerFold.ts"
import * as Money from "../internal/Money.ts"
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
      // A body that asks what to reserve cannot wait until a model is there; of one that is not, the most is reserved.
      const known = new Map(Result.isSuccess(found) ? [[usual, found.success]] : [])
      const nameOf = (request: LlmRequest) => override ?? request.model ?? usual
      const maxTokensOf = (request: LlmRequest) => request.maxTokens ?? options.maxTokens ?? defaults.maxTokens
      return {
        ...(Result.isFailure(found) ? { elsewhere: true, why: found.failure.message } : {}),
        invoke: Effect.fn("ModelLlm.invoke")(function*(request: LlmRequest) {
          const name = nameOf(request)
          const model = yield* Effect.mapError(
            models.get(name),
            ({ problem }) => new LlmFailed({ model: name, problem, retryable: false })
          )
          known.set(name, model)
          return yield* ask(model, request, maxTokensOf(request))
        }),
        reserve: (request: LlmRequest) => {
          const model = known.get(nameOf(request))
          const characters = instructionsOf(request).length + request.prompt.length
          return Money.atMost(
            model?.price,
            AnswerFold.tokensOf(characters + beside),
            Math.min(maxTokensOf(request), model?.maxOutput ?? Infinity)
          )
        }
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
  const { idempotencyKey = "", output, prompt: text } = request
  const prompt = Messages.toPrompt(instructionsOf(request), [AgentMessage.user(text)], model)
  const characters = () => JSON.stringify(prompt.content).length
  const reading = AnswerFold.empty()
  const costOf = (usage: AgentMessage.Usage) => Money.costOf(model.price, usage)
  const costOfFailure = ({ usage }: ModelFailed) => costOf(AnswerFold.soFar(usage, characters(), reading.characters))
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
    .pipe(Effect.mapError((failure) => failed(failure, costOfFailure)))
  const answer = AnswerFold.answer(reading, model, characters)
  if (answer instanceof ModelFailed) return yield* failed(answer, costOfFailure)
  const cost = costOf(answer.usage)
  const refuse = (problem: string) => new LlmFailed({ model: model.name, problem, retryable: false, cost })
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
    usage: { inputTokens: input + cacheRead + cacheWrite, outputTokens },
    cost
  }
})

/** Characters that stand beside the texts of a question, rather too many than too few. */
const beside = 300

const instructionsOf = ({ output, system = "" }: LlmRequest): string =>
  output === undefined ? system : `${system}\n\n${Output.instruction({ document: output })}`.trim()

/** What was asked and said before a failure has to be paid too. */
const failed = (failure: ModelFailed, costOf: (failure: ModelFailed) => Amount): LlmFailed => {
  const { code, maybePaid, model, problem, retryable } = failure
  return new LlmFailed({
    model,
    problem: `${code}: ${problem}`,
    retryable,
    ...(maybePaid ? { cost: costOf(failure) } : {})
  })
}
