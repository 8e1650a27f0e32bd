/**
 * A model call as a step. Its outcome is the answer, once; an answer that has
 * arrived is never paid again, and a call that a crash cut short is asked again
 * under the same idempotency key.
 *
 * The conversation is not in the step's input, where the journal would hold it
 * once for every turn: it travels beside it, and is looked at by the body alone.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type { Message } from "@fermata/core/AgentMessage"
import { Chunks, type Writer } from "@fermata/engine/Chunks"
import * as Step from "@fermata/engine/Step"
import type * as Prompt from "effect/ai/Prompt"
import type * as Tool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Messages from "../Messages.ts"
import { type Model, ModelFailed, ModelOverride, Models } from "../Model.ts"
import * as AnswerFold from "./AnswerFold.ts"
import * as DailyBudget from "./DailyBudget.ts"
import * as Files from "./Files.ts"
import * as Money from "./Money.ts"

/** What a turn is for: a question of the conversation, going on after an answer that was cut, an answer that did not fit its schema, a summary, or an answer for an MCP server. */
export const Purpose = Schema.Literals(["turn", "continue", "repair", "summary", "sampling"])
export type Purpose = typeof Purpose.Type

/** What is asked, for the body of the step. */
export interface Question {
  /** The run that asks. */
  readonly run: string
  /** The first that answers is the one. */
  readonly models: ReadonlyArray<string>
  readonly instructions: string
  /** The conversation; a replay, which asks nobody, has no use for it. */
  readonly messages: () => ReadonlyArray<Message>
  readonly tools: ReadonlyArray<Tool.Any>
  readonly maxTokens: number
  readonly temperature: number | undefined
  /** JSON Schema of the answer. */
  readonly output: object | undefined
}

/** The question that the asker of a model step has. */
export const CurrentQuestion: Context.Reference<Question | undefined> = Context.Reference<Question | undefined>(
  "@fermata/agent/CurrentQuestion",
  { defaultValue: () => undefined }
)

/** How long a call may take, and how often it is tried. Times in ms. */
export interface Attempts {
  readonly turnTimeoutMs: number
  readonly maxRetries: number
  readonly maxOverloads: number
  readonly retryBaseMs: number
  readonly retryMaxMs: number
}

/** The name of the step of model calls: no tool may have it. */
export const stepName = "model"

/** The type of the chunk that says that what the step has said so far is void. */
export const restart = "restart"

/** The step of an agent's model calls. Those under another name are no turns of its conversation. */
export const make = (attempts: Attempts, name: string = stepName) =>
  Step.make(name, {
    input: { turn: Schema.Int, purpose: Purpose },
    success: AgentMessage.Answer,
    error: Schema.Union([ModelFailed, DailyBudget.DayFull]),
    onCrash: "rerun-keyed",
    label: "llm",
    retry: policyOf(attempts),
    run: Effect.fnUntraced(function*(_, context) {
      const question = yield* CurrentQuestion
      if (question === undefined) return yield* Effect.die(new Error("A model step was asked for without its question"))
      yield* DailyBudget.check(context)
      const models = yield* Models
      const override = yield* ModelOverride
      const writer = yield* (yield* Chunks).writer(question.run, context.entry)
      let failure: ModelFailed | undefined
      for (const name of override === undefined ? question.models : [override]) {
        // What another model has said before it failed is void.
        if (failure !== undefined) yield* writer.write({ type: restart })
        const asked = yield* Effect.result(askOne(models, name, question, context, writer, attempts.turnTimeoutMs))
        if (Result.isSuccess(asked)) return asked.success
        // What a second one says counts where the same again may help.
        if (failure === undefined || asked.failure.retryable && !failure.retryable) failure = asked.failure
        if (!othersMayAnswer(asked.failure)) return yield* asked.failure
      }
      return yield* failure ?? new ModelFailed({
        model: "",
        code: "ERR_CONFIG",
        problem: "the agent names no model",
        retryable: false,
        maybePaid: false
      })
    })
  })

/** The step of an agent's model calls. */
export type ModelStep = ReturnType<typeof make>

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const askOne = Effect.fnUntraced(function*(
  models: Models["Service"],
  name: string,
  question: Question,
  context: Step.StepContext,
  writer: Writer,
  turnTimeoutMs: number
) {
  const model = yield* Effect.mapError(
    models.get(name),
    ({ problem }) => failed(name, "ERR_CONFIG", problem, { retryable: false, maybePaid: false })
  )
  const messages = Messages.normalise(question.messages())
  const files = yield* Files.of(messages, model, context)
  const prompt = Messages.toPrompt(question.instructions, messages, { name, provider: model.provider, files })
  const promptCharacters = () => JSON.stringify(prompt.content, Files.counted).length
  const reading = AnswerFold.empty()
  const spend = (usage: AgentMessage.Usage) => context.spend(Money.costOf(model.price, usage))
  const answer = yield* collect(model, prompt, question, context, reading, writer).pipe(
    Effect.timeoutOrElse({
      duration: Duration.millis(turnTimeoutMs),
      orElse: () =>
        Effect.fail(
          failed(name, "ERR_TURN_TIMEOUT", `it did not answer within ${turnTimeoutMs} ms`, {
            retryable: true,
            maybePaid: true
          })
        )
    }),
    Effect.andThen(Effect.suspend(() => {
      const answer = AnswerFold.answer(reading, model, promptCharacters)
      return answer instanceof ModelFailed ? Effect.fail(answer) : Effect.succeed(answer)
    })),
    // What was asked and said before a failure has to be paid too, and nobody tells all of how much that was.
    Effect.tapError(({ maybePaid, usage }) =>
      maybePaid ? spend(AnswerFold.soFar(usage, promptCharacters(), reading.characters)) : Effect.void
    )
  )
  yield* spend(answer.usage)
  return model.price === undefined ? { ...answer, assumedPrice: true as const } : answer
})

const collect = (
  model: Model,
  prompt: Prompt.Prompt,
  question: Question,
  context: Step.StepContext,
  reading: AnswerFold.Reading,
  writer: Writer
): Effect.Effect<void, ModelFailed> =>
  Stream.runForEachArray(
    model.stream({
      prompt,
      tools: question.tools,
      maxTokens: Math.min(question.maxTokens, model.maxOutput),
      idempotencyKey: context.idempotencyKey,
      ...(question.temperature === undefined ? {} : { temperature: question.temperature }),
      ...(question.output === undefined ? {} : { output: question.output })
    }),
    (parts) =>
      Effect.forEach(parts, (part) => {
        AnswerFold.add(reading, part)
        return writer.write(part as unknown as Schema.Json)
      }, { discard: true })
  )

const failed = (
  model: string,
  code: string,
  problem: string,
  rest: { readonly retryable: boolean; readonly maybePaid: boolean }
) => new ModelFailed({ model, code, problem, ...rest })

/** Whether another model may do better: not where the question is at fault. */
const othersMayAnswer = ({ code }: ModelFailed): boolean => code !== "ERR_PROMPT_TOO_LONG" && code !== "ERR_REFUSED"

/**
 * Attempts and the waits between them, which are durable: doubling, or as long
 * as the provider said. A model that is overloaded is asked more often.
 */
const policyOf = (
  { maxOverloads, maxRetries, retryBaseMs, retryMaxMs }: Attempts
): Schedule.Schedule<unknown, ModelFailed | DailyBudget.DayFull | Step.StepTimedOut> =>
  Schedule.exponential(Duration.millis(retryBaseMs)).pipe(
    Schedule.setInputType<ModelFailed | DailyBudget.DayFull | Step.StepTimedOut>(),
    Schedule.while(({ attempt, input }) =>
      input instanceof ModelFailed && input.retryable &&
      attempt <= (input.code === "ERR_API_OVERLOADED" ? maxOverloads : maxRetries)
    ),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(
        input instanceof ModelFailed && input.retryAfterMs !== undefined
          ? Duration.millis(input.retryAfterMs)
          : Duration.min(duration, Duration.millis(retryMaxMs))
      )
    )
  )
