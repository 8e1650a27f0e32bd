/**
 * The `llm` step: asks a model in its body. Its texts are rendered before, and
 * recorded as its input. An agent is a workflow by its name, whose runs are
 * given `{ id, input }` and come to `{ output, … }`: it is run as a child.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { mismatches } from "../../JsonShape.ts"
import { Llm, type LlmRequest, type LlmUsage, valueOf } from "../../Llm.ts"
import { allowed, fieldOf, recorded, render } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute, Tools } from "../../StepKind.ts"
import * as CalledChild from "./CalledChild.ts"
import { llm } from "./Llm.ts"

const run = (step: StandardStep<"llm">, tools: Tools): Execute =>
  step.agent === undefined ? asking(step, tools) : delegating(step, step.agent, tools)

/** How the kind `llm` runs. */
export const llmKind = StepKind.make({ ...llm, run })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const delegating = (step: StandardStep<"llm">, agent: string, tools: Tools): Execute => {
  const child = CalledChild.of(step, { workflow: agent }, tools, {
    payload: (input, id) => ({ id, input }),
    output: (value) => {
      const output = fieldOf(value, "output")
      if (output === undefined || fieldOf(value, "turns") === undefined) {
        const message = `workflow "${agent}" is no agent: a step of the kind "call" runs it`
        return Result.fail(new StepFailure({ reason: "call", message, retryable: false }))
      }
      const [first] = step.output === "text" ? [] : mismatches(step.output, output)
      return first === undefined ? Result.succeed(output) : Result.fail(
        new StepFailure({
          reason: "model",
          message: `what agent "${agent}" came to does not have the shape that was asked for: ${
            first.path === "" ? "it" : first.path
          } must be ${first.expected}`,
          retryable: false
        })
      )
    }
  })
  return Effect.fnUntraced(function*(visit) {
    const output = yield* child(visit, yield* render(step.input ?? step.prompt ?? null, visit.scope))
    return { output, next: step.next }
  })
}

const asking = (step: StandardStep<"llm">, { contract }: Tools): Execute => {
  const ask = recorded({
    step,
    body: Effect.fnUntraced(function*(_call, input, { idempotencyKey, key, spend }) {
      const texts = yield* Effect.fromResult(textsOf(input))
      yield* allowed(contract, { kind: "llm:invoke", model: texts.model })
      const { invoke } = yield* Llm
      const request = { ...requestOf(step, texts), idempotencyKey }
      const answer = yield* invoke(request).pipe(
        Effect.tapError(({ cost }) => cost === undefined ? Effect.void : spend(cost)),
        Effect.mapError(failed)
      )
      // What a call cost stands in the journal even when its answer is not used.
      yield* spend(answer.cost ?? { tokens: tokensOf(answer.usage) })
      yield* Workflows.note("usage", key, { model: answer.model, ...answer.usage })
      return yield* Effect.mapError(Effect.fromResult(valueOf(request, answer)), failed)
    })
  })
  const { model, prompt = "", system } = step
  const texts = { prompt, ...(system === undefined ? {} : { system }), ...(model === undefined ? {} : { model }) }
  return Effect.fnUntraced(function*({ scope }) {
    const given = yield* render(texts, scope)
    const asked = Result.flatMap(given, textsOf)
    const reserved = Result.isFailure(asked) ? undefined : (yield* Llm).reserve?.(requestOf(step, asked.success))
    const output = yield* Effect.provideService(ask(scope, given), Step.Reserved, reserved)
    return { output, next: step.next }
  })
}

const requestOf = ({ maxTokens, output }: StandardStep<"llm">, { model, prompt, system }: Texts): LlmRequest => ({
  prompt,
  ...(model === undefined ? {} : { model }),
  ...(system === undefined ? {} : { system }),
  ...(maxTokens === undefined ? {} : { maxTokens }),
  ...(output === "text" ? {} : { output })
})

/** What a model tells of its tokens comes from outside: what is no number of them counts as none. */
const tokensOf = (usage: LlmUsage | undefined): number => {
  const tokens = [usage?.inputTokens, usage?.outputTokens].filter((count) =>
    typeof count === "number" && count > 0 && Number.isSafeInteger(count)
  )
  return tokens.reduce<number>((sum, count) => Math.min(sum + (count ?? 0), Number.MAX_SAFE_INTEGER), 0)
}

const failed = (error: { readonly message: string; readonly retryable: boolean }) =>
  new StepFailure({ reason: "model", message: error.message, retryable: error.retryable })

interface Texts {
  readonly prompt: string
  readonly system?: string
  readonly model?: string
}

/** The texts of a question as they were rendered; a value that an expression gave in place of a text is shown as JSON. */
const textsOf = (input: Schema.Json): Result.Result<Texts, StepFailure> => {
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
