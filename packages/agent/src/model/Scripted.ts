/**
 * A model that says what a script says: for the first hour without a key, for
 * tests, and for simulations of what happens when a model says this. The same
 * conversation always gets the same answer, with the same ids and the same usage,
 * and costs nothing. It is never chosen silently: somebody asks for `scripted`.
 *
 * @example
 * ```ts
 * const models = Models.layer([Scripted.provider([
 *   [Scripted.text("I look."), Scripted.call("Read", { path: "a.txt" })],
 *   [Scripted.text("It says hello.")]
 * ])])
 * ```
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Model, ModelFailed, type ModelRequest, type Price } from "../Model.ts"
import * as ModelErrors from "./ModelErrors.ts"
import type { Provider } from "./Models.ts"

/** A piece of an answer. */
export type Said =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Thought"; readonly text: string }
  | { readonly _tag: "Call"; readonly tool: string; readonly params: unknown; readonly id: string | undefined }
  | { readonly _tag: "End"; readonly reason: Response.FinishReason; readonly usage: Usage | undefined }
  | { readonly _tag: "Fail"; readonly failure: (model: string) => ModelFailed }

/** Tokens that an answer is told to have used, where it is not by its length. */
export interface Usage {
  readonly input: number
  readonly output: number
  readonly cacheRead?: number
  readonly cacheWrite?: number
}

/** What the model says to a request: `turn` counts the answers in the conversation, from 0. */
export type Script = (request: ModelRequest, turn: number) => ReadonlyArray<Said> | string

/** What the scripted model is taken to be. */
export interface Options {
  /** The name that it is asked for by; `scripted` by default. */
  readonly name?: string
  readonly contextWindow?: number
  readonly maxOutput?: number
  /** Nothing by default. */
  readonly price?: Price
  /** Whether it is shown pictures in results of tools; it is not by default. */
  readonly takesImages?: boolean
}

/** Says a text, in several pieces. */
export const text = (text: string): Said => ({ _tag: "Text", text })
/** Thinks, with a signature that is wanted back. */
export const thought = (text: string): Said => ({ _tag: "Thought", text })
/** Wants a tool called. `params` that are a string are arguments that are not whole. */
export const call = (tool: string, params: unknown, id?: string): Said => ({ _tag: "Call", tool, params, id })
/** Ends otherwise than by itself, or with a usage of its own. */
export const end = (reason: Response.FinishReason, usage?: Usage): Said => ({ _tag: "End", reason, usage })
/** Fails for a reason of the table, after what was said before it. */
export const fail = (reason: ModelErrors.Reason, options: { readonly retryAfterMs?: number } = {}): Said => ({
  _tag: "Fail",
  failure: (model) => ModelErrors.failed(model, reason, `the script fails here: ${reason}`, options)
})

/** Says what it was told last, and that nobody was asked. */
export const echo: Script = (request) =>
  `This is the scripted model; no provider was asked. You said: ${lastText(request)}`

/** What the latest message of people or tools in a request says. */
export const lastText = ({ prompt }: ModelRequest): string => {
  const last = prompt.content.findLast(({ role }) => role === "user" || role === "tool")
  return last === undefined ? "" : textOf(last)
}

/**
 * The scripted model. A list holds one answer for each turn of a conversation; to
 * go on behind its end is an error, for the script does not fit the program.
 */
export const provider = (
  script: Script | ReadonlyArray<ReadonlyArray<Said> | string> = echo,
  options: Options = {}
): Provider => {
  const { contextWindow = 200_000, maxOutput = 64_000, name: own = "scripted", price = free, takesImages = false } =
    options
  const model: Model = {
    name: own,
    provider: "scripted",
    contextWindow,
    maxOutput,
    price,
    takesImages,
    stream: (request) =>
      Stream.suspend(() => {
        const turn = request.prompt.content.filter(({ role }) => role === "assistant").length
        const said = typeof script === "function" ? script(request, turn) : script[turn]
        if (said === undefined) {
          return Stream.fail(
            ModelErrors.failed(
              own,
              "invalid request",
              `its script has ${script.length} answers, and this conversation wants another`
            )
          )
        }
        const { failure, parts } = answer(own, request, turn, typeof said === "string" ? [text(said)] : said)
        return failure === undefined
          ? Stream.fromIterable(parts)
          : Stream.concat(Stream.fromIterable(parts), Stream.fail(failure))
      })
  }
  return {
    name: "scripted",
    models: [own],
    names: own,
    find: (name) => name === own ? Effect.succeed(model) : undefined
  }
}

const free: Price = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }

type Part = Response.StreamPartEncoded

const answer = (model: string, request: ModelRequest, turn: number, said: ReadonlyArray<Said>) => {
  const parts: Array<Part> = [{ type: "response-metadata", id: `scripted-${turn}`, modelId: model }]
  let characters = 0
  let ended: Extract<Said, { readonly _tag: "End" }> | undefined
  for (const [index, one] of said.entries()) {
    const id = `${turn}-${index}`
    switch (one._tag) {
      case "Text":
        characters += one.text.length
        parts.push({ type: "text-start", id }, ...deltas("text-delta", id, one.text), { type: "text-end", id })
        break
      case "Thought":
        characters += one.text.length
        parts.push(
          { type: "reasoning-start", id },
          ...deltas("reasoning-delta", id, one.text),
          { type: "reasoning-end", id, metadata: { scripted: { signature: `signed-${id}` } } }
        )
        break
      case "Call": {
        const json = typeof one.params === "string" ? one.params : JSON.stringify(one.params)
        characters += json.length
        const callId = one.id ?? `call-${id}`
        parts.push(
          { type: "tool-params-start", id: callId, name: one.tool },
          { type: "tool-params-delta", id: callId, delta: json },
          { type: "tool-params-end", id: callId },
          { type: "tool-call", id: callId, name: one.tool, params: one.params }
        )
        break
      }
      case "End":
        ended = one
        break
      case "Fail":
        return { parts, failure: one.failure(model) }
    }
  }
  const hasCalls = said.some(({ _tag }) => _tag === "Call")
  const usage = ended?.usage ?? { input: tokens(told(request)), output: tokens(characters) }
  const { cacheRead = 0, cacheWrite = 0, input, output } = usage
  parts.push({
    type: "finish",
    reason: ended?.reason ?? (hasCalls ? "tool-calls" : "stop"),
    usage: {
      inputTokens: { uncached: input, total: input + cacheRead + cacheWrite, cacheRead, cacheWrite },
      outputTokens: { total: output, text: output, reasoning: undefined }
    }
  })
  return { parts, failure: undefined }
}

/** Words, as models send them. */
const deltas = (type: "text-delta" | "reasoning-delta", id: string, text: string): ReadonlyArray<Part> =>
  (text.match(/\S*\s*/g) ?? []).filter((word) => word !== "").map((delta) => ({ type, id, delta }))

const tokens = (characters: number): number => Math.ceil(characters / 4)

const told = ({ prompt, tools }: ModelRequest): number =>
  prompt.content.reduce((sum, message) => sum + textOf(message).length, 0) +
  tools.reduce((sum, { name }) => sum + name.length, 0)

const textOf = (message: Prompt.Message): string => {
  if (message.role === "system") return message.content
  return message.content.map((part) => {
    switch (part.type) {
      case "text":
      case "reasoning":
        return part.text
      case "tool-call":
        return JSON.stringify(part.params ?? null)
      case "tool-result":
        return typeof part.result === "string" ? part.result : JSON.stringify(part.result ?? null)
      default:
        return ""
    }
  }).join("\n")
}
