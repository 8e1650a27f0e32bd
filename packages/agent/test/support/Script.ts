/** A model that says what a function of the conversation says, for tests of the loop. */
import { type Model, type ModelRequest, Models, ModelUnavailable } from "@fermata/agent/Model"
import { Effect, Layer, Stream } from "effect"
import type { Response } from "effect/ai"

/** The parts of one answer. */
export type Said = ReadonlyArray<Response.StreamPartEncoded>

/** What a model says to a request: `turn` counts the answers before, from 0. */
export type Script = (
  request: ModelRequest,
  turn: number
) =>
  | Said
  | Effect.Effect<
    Said,
    Model extends { readonly stream: (request: ModelRequest) => Stream.Stream<infer _, infer E> } ? E : never
  >

export const text = (text: string, parts = 3): Said => [
  { type: "text-start", id: "0" },
  ...Array.from({ length: parts }, (_, part) => ({
    type: "text-delta" as const,
    id: "0",
    delta: text.slice(Math.floor(part * text.length / parts), Math.floor((part + 1) * text.length / parts))
  })),
  { type: "text-end", id: "0" }
]

export const call = (id: string, name: string, params: unknown): Response.StreamPartEncoded => ({
  type: "tool-call",
  id,
  name,
  params
})

export const end = (
  reason: Response.FinishReason = "stop",
  { input = 100, output = 50 }: { readonly input?: number; readonly output?: number } = {}
): Response.StreamPartEncoded => ({
  type: "finish",
  reason,
  usage: {
    inputTokens: { uncached: input, total: input, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: output, text: output, reasoning: 0 }
  }
})

/** The answers before this request. */
export const turnOf = ({ prompt }: ModelRequest): number =>
  prompt.content.filter(({ role }) => role === "assistant").length

/** What stands first in a request: the instructions of the agent. */
export const instructionsOf = ({ prompt }: ModelRequest): string => {
  const [first] = prompt.content
  return first?.role === "system" ? first.content : ""
}

/** What the latest message of a request says, as text. */
export const lastOf = ({ prompt }: ModelRequest): string => JSON.stringify(prompt.content.at(-1)?.content)

/** Models of these names, each with a script; `asked` takes down the requests. */
export const layer = (
  scripts: Readonly<Record<string, Script>>,
  asked: Array<ModelRequest & { readonly model: string }> = []
): Layer.Layer<Models> =>
  Layer.succeed(Models, {
    names: Object.keys(scripts),
    get: (name) => {
      const script = scripts[name]
      if (script === undefined) {
        return Effect.fail(new ModelUnavailable({ model: name, problem: "there is no such model" }))
      }
      return Effect.succeed<Model>({
        name,
        provider: "scripted",
        contextWindow: 200_000,
        maxOutput: 64_000,
        stream: (request) =>
          Stream.unwrap(Effect.suspend(() => {
            asked.push({ ...request, model: name })
            const said = script(request, turnOf(request))
            return Effect.map(Effect.isEffect(said) ? said : Effect.succeed(said), Stream.fromIterable)
          }))
      })
    }
  })
