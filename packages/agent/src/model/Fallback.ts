/**
 * Several models for one question: which of them fit it, in which order they are
 * asked, and when the next one is. By price, an unknown price counts as dear and
 * an answer is taken to be as long as it may be.
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { type Model, type ModelFailed, type ModelRequest, type Models, ModelUnavailable } from "../Model.ts"
import * as Prices from "./Prices.ts"

/** Whether models are asked in the order in which they are named, or the cheapest for this question first. */
export type Order = "given" | "cheapest"

/** How large a question is, in tokens: what is sent, and what the answer may have. */
export interface Size {
  readonly input: number
  readonly output: number
}

/** The models for a question, the first to be asked first, and why the others are none. */
export interface Chosen {
  readonly models: ReadonlyArray<Model>
  readonly left: ReadonlyArray<{ readonly name: string; readonly why: string }>
}

/** The models of these names that are here and whose window holds the question. */
export const choose = Effect.fnUntraced(function*(
  models: Models["Service"],
  names: ReadonlyArray<string>,
  size: Size,
  order: Order = "given"
): Effect.fn.Return<Chosen> {
  const chosen: Array<{ readonly model: Model; readonly micros: number }> = []
  const left: Array<{ readonly name: string; readonly why: string }> = []
  for (const name of new Set(names)) {
    const found = yield* Effect.result(models.get(name))
    if (Result.isFailure(found)) {
      left.push({ name, why: found.failure.problem })
      continue
    }
    const model = found.success
    const output = Math.min(size.output, model.maxOutput)
    if (size.input + output > model.contextWindow) {
      left.push({
        name,
        why: `it takes ${model.contextWindow} tokens, and the question may come to ${size.input + output}`
      })
    } else chosen.push({ model, micros: Prices.atMost(model.price, { input: size.input, output }).micros })
  }
  if (order === "cheapest") chosen.sort((a, b) => a.micros - b.micros)
  return { models: chosen.map(({ model }) => model), left }
})

/** How large a request is: rather too large than too small, since it is made of the lengths of texts. */
export const sizeOf = (request: ModelRequest): Size => {
  const characters = request.prompt.content.reduce((sum, message) => sum + charactersOf(message), 0) +
    request.tools.reduce((sum, tool) => sum + schemaLength(tool), 0)
  return { input: Math.ceil(characters / 3), output: request.maxTokens }
}

/** The characters of a file stand for the tokens that it is counted as; past this they say nothing. */
const mostOfFile = 60_000

const charactersOf = (message: Prompt.Message): number =>
  typeof message.content === "string"
    ? message.content.length
    : message.content.reduce((sum, part) =>
      sum + (part.type === "file"
        ? Math.min(
          typeof part.data === "string" || part.data instanceof Uint8Array ? part.data.length : mostOfFile,
          mostOfFile
        )
        : JSON.stringify(part).length), 0)

const schemas = new WeakMap<Tool.Any, number>()
const schemaLength = (tool: Tool.Any): number => {
  const known = schemas.get(tool)
  if (known !== undefined) return known
  const length = tool.name.length + (Tool.getDescription(tool)?.length ?? 0) +
    JSON.stringify(Tool.getJsonSchema(tool)).length
  schemas.set(tool, length)
  return length
}

/**
 * Whether another model may answer where one failed so: one with a larger window
 * where the question was too long for it, and none where the question is wrong.
 */
const mayOther = (failure: ModelFailed, failed: Model, other: Model): boolean => {
  switch (failure.code) {
    case "ERR_PROMPT_TOO_LONG":
      return other.contextWindow > failed.contextWindow
    case "ERR_REQUEST":
      return other.provider !== failed.provider
    case "ERR_AUTH":
      return other.provider !== failed.provider
    default:
      return true
  }
}

/**
 * The answer of the first model that gives one. Its first part says whose it is:
 * `metadata.fermata` with `model` and `provider`, beside the provider's own name
 * in `modelId`. The next model is asked while nothing of an answer has been heard;
 * after that a failure is a failure, for what two models say does not fit together.
 * With no model that fits, it fails and says of each why.
 */
export const stream = (
  models: Models["Service"],
  names: ReadonlyArray<string>,
  request: ModelRequest,
  order: Order = "given"
): Stream.Stream<Response.StreamPartEncoded, ModelFailed | ModelUnavailable> =>
  Stream.unwrap(Effect.gen(function*() {
    const { left, models: chosen } = yield* choose(models, names, sizeOf(request), order)
    const [first, ...others] = chosen
    if (first === undefined) {
      return yield* new ModelUnavailable({
        model: names.join(", "),
        problem: names.length === 0
          ? "no model is named"
          : `none of them can be asked. ${left.map(({ name, why }) => `${name}: ${why}`).join(". ")}`
      })
    }
    return from(first, others, request)
  }))

const from = (
  model: Model,
  others: ReadonlyArray<Model>,
  request: ModelRequest
): Stream.Stream<Response.StreamPartEncoded, ModelFailed> =>
  Stream.suspend(() => {
    const { maxOutput, name, provider } = model
    let heard = false
    // Who answers is told with the first of the answer, since a model that fails before it has not answered.
    let own: Response.ResponseMetadataPartEncoded = { type: "response-metadata" }
    const told = (part: Response.StreamPartEncoded): ReadonlyArray<Response.StreamPartEncoded> => {
      if (heard) return [part]
      if (part.type === "response-metadata") {
        own = part
        return []
      }
      heard = true
      return [{ ...own, metadata: { ...own.metadata, fermata: { model: name, provider } } }, part]
    }
    return model.stream({ ...request, maxTokens: Math.min(request.maxTokens, maxOutput) }).pipe(
      Stream.map(told),
      Stream.flattenIterable,
      Stream.catch((failure) => {
        const next = heard ? -1 : others.findIndex((other) => mayOther(failure, model, other))
        return next < 0 ? Stream.fail(failure) : from(others[next]!, others.slice(next + 1), request)
      })
    )
  })
