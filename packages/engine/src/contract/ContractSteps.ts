/**
 * The seven step kinds, each as what a hand-written workflow would do.
 *
 * Every executed step is one `Step` of the run under the id of the contract's
 * step (then `id~2`, `id~3`): `task` and `llm` work in its body; `branch` and
 * `transform` evaluate in it, so that what was decided stands in the journal;
 * `emit` checks in it and publishes after it; `wait` and `approval` wait before
 * it and record what came. Texts of `task`, `llm`, `emit` and `approval` are
 * rendered in the body of the workflow and recorded as the step's input.
 */
import type * as Contract from "@fermata/core/contract/Contract"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as EventsModule from "../Events.ts"
import { Events } from "../Events.ts"
import { CurrentRun, type Place } from "../internal/ExecutorTypes.ts"
import * as Expression from "./Expression.ts"
import { Llm, type LlmAnswer, type LlmRequest, valueOf } from "./Llm.ts"
import { allowed, type Execute, fieldOf, recorded, refused, render } from "./RecordedStep.ts"
import { StepFailure } from "./StepFailure.ts"
import { task } from "./TaskStep.ts"
import { approval, wait } from "./WaitingSteps.ts"

export { type HostServices, type Services, StepPolicy } from "./RecordedStep.ts"

/** Makes a step of a contract executable. */
export const compile = (contract: Contract.Contract, step: Contract.Step): Execute => {
  switch (step.kind) {
    case "task":
      return task(contract, step)
    case "llm":
      return llm(contract, step)
    case "emit":
      return emit(contract, step)
    case "wait":
      return wait(step)
    case "branch":
      return branch(step)
    case "transform":
      return transform(step)
    case "approval":
      return approval(step)
  }
}

// ----------------------------------------------------------------------------
// llm
// ----------------------------------------------------------------------------

const llm = (contract: Contract.Contract, step: Contract.StepOf<"llm">): Execute => {
  const ask = recorded({
    step,
    body: Effect.fnUntraced(function*(_call, input, { key }) {
      const { model, prompt, system } = yield* Effect.fromResult(textsOf(input))
      yield* allowed(contract, { kind: "llm:invoke", model })
      const { invoke } = yield* Llm
      const request: LlmRequest = {
        prompt,
        ...(model === undefined ? {} : { model }),
        ...(system === undefined ? {} : { system }),
        ...(step.maxTokens === undefined ? {} : { maxTokens: step.maxTokens }),
        ...(step.output === "text" ? {} : { output: step.output })
      }
      const answer = yield* Effect.mapError(invoke(request), failed)
      noteUsage(yield* CurrentRun, key, answer)
      return yield* Effect.mapError(Effect.fromResult(valueOf(request, answer)), failed)
    })
  })
  const { model, prompt, system } = step
  const texts = { prompt, ...(system === undefined ? {} : { system }), ...(model === undefined ? {} : { model }) }
  return Effect.fnUntraced(function*(scope) {
    const output = yield* ask(scope, yield* render(texts, scope))
    return { output, next: step.next }
  })
}

const failed = (error: { readonly message: string; readonly retryable: boolean }) =>
  new StepFailure({ reason: "model", message: error.message, retryable: error.retryable })

/** The texts of a question as they were rendered; a value that an expression gave in place of a text is shown as JSON. */
const textsOf = (
  input: Schema.Json
): Result.Result<{ readonly prompt: string; readonly system?: string; readonly model?: string }, StepFailure> => {
  const text = (name: string): string | undefined => {
    const value = fieldOf(input, name)
    return value === undefined || value === null || typeof value === "string"
      ? value ?? undefined
      : StoredJson.textOf(value)
  }
  const prompt = text("prompt")
  const system = text("system")
  const model = text("model")
  if (prompt === undefined || prompt === "") {
    return Result.fail(
      new StepFailure({ reason: "expression", message: "its prompt came out empty", retryable: false })
    )
  }
  return Result.succeed({
    prompt,
    ...(system === undefined ? {} : { system }),
    ...(model === undefined ? {} : { model })
  })
}

/** What a call cost stands in the journal even when its answer is not used. */
const noteUsage = (place: Place | undefined, key: string, { model, usage }: LlmAnswer): void => {
  const data = StoredJson.of({ model, ...usage })
  place?.executor.append({ _tag: "Note", kind: "usage", text: key, data: Result.isSuccess(data) ? data.success : null })
}

// ----------------------------------------------------------------------------
// emit
// ----------------------------------------------------------------------------

const emit = (contract: Contract.Contract, step: Contract.StepOf<"emit">): Execute => {
  const prepare = recorded({
    step,
    body: Effect.fnUntraced(function*({ scope }, input, { key }) {
      yield* allowed(contract, { kind: "event:emit", event: step.event })
      yield* Effect.mapError(EventsModule.check(step.event, input), unpublishable)
      return `${scope.run?.id}:emit:${key}`
    })
  })
  return Effect.fnUntraced(function*(scope) {
    const payload = yield* render(step.payload, scope)
    const id = yield* prepare(scope, payload)
    const events = yield* Events
    yield* events.emit(step.event, Result.getOrElse(payload, () => null), { id: String(id) }).pipe(
      Effect.catchTags({ EventRefused: (error) => Effect.fail(unpublishable(error)), StorageFailed: Effect.die })
    )
    return { output: id, next: step.next }
  })
}

const unpublishable = (error: EventsModule.EventRefused) =>
  new StepFailure({ reason: "event", message: error.message, retryable: false })

// ----------------------------------------------------------------------------
// branch, transform
// ----------------------------------------------------------------------------

const branch = (step: Contract.StepOf<"branch">): Execute => {
  const decide = recorded({
    step,
    body: Effect.fnUntraced(function*({ scope }) {
      for (let index = 0; index < step.cases.length; index++) {
        if (yield* Effect.mapError(Expression.evaluateCondition(step.cases[index]!.when, scope), refused)) {
          return index + 1
        }
      }
      return null
    })
  })
  return Effect.fnUntraced(function*(scope) {
    const output = yield* decide(scope, Result.succeed(null))
    const taken = typeof output === "number" ? step.cases[output - 1] : undefined
    return { output, next: taken === undefined ? step.default : taken.next }
  })
}

const transform = (step: Contract.StepOf<"transform">): Execute => {
  const evaluate = recorded({
    step,
    body: ({ scope }) => Effect.mapError(Expression.evaluate(step.set, scope), refused)
  })
  return Effect.fnUntraced(function*(scope) {
    const output = yield* evaluate(scope, Result.succeed(null))
    return { output, next: step.next }
  })
}
