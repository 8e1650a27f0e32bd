/** A world for agents: a host on the test's clock, models that say what scripts say, and what they were asked. */
import { Agent } from "@fermata/agent"
import { type Model, type ModelFailed, type ModelRequest, Models, ModelUnavailable } from "@fermata/agent/Model"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer, type Schema, Stream } from "effect"
import type { Response, Tool, Toolkit } from "effect/ai"

export type Part = Response.StreamPartEncoded
export type Asked = ModelRequest & { readonly model: string }

/** What a model says to a request, where `turn` counts the answers before. */
export type Script = (
  asked: Asked,
  turn: number
) => ReadonlyArray<Part> | Effect.Effect<ReadonlyArray<Part>, ModelFailed>

export const say = (text: string): ReadonlyArray<Part> => [
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: text },
  { type: "text-end", id: "t" }
]

export const call = (id: string, name: string, params: unknown): Part => ({ type: "tool-call", id, name, params })

export const stop = (reason: Response.FinishReason = "stop", input = 100, output = 50): Part => ({
  type: "finish",
  reason,
  usage: {
    inputTokens: { uncached: input, total: input, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: output, text: output, reasoning: 0 }
  }
})

export const calls = (...parts: ReadonlyArray<Part>): ReadonlyArray<Part> => [...parts, stop("tool-calls")]
export const answer = (text: string): ReadonlyArray<Part> => [...say(text), stop()]

/** A model that says these answers in turn, and the last one again and again. */
export const inTurn = (...answers: ReadonlyArray<ReadonlyArray<Part>>): Script => (_, turn) =>
  answers[Math.min(turn, answers.length - 1)]!

/** What a request says, message by message, as JSON. */
export const said = ({ prompt }: Asked): ReadonlyArray<string> =>
  prompt.content.map((message) => JSON.stringify({ role: message.role, content: message.content }))

/** What was asked of all models of a world. */
export class Wire extends Context.Service<Wire, ReadonlyArray<Asked>>()("parity/Wire") {}

type Services = TestHost | Runs | Models | Wire | Chunks | Layer.Success<typeof TestHost.layer>

/** The world, with an agent and the handlers of its tools. */
export const world = (
  scripts: Script | Readonly<Record<string, Script>>,
  ...agents: ReadonlyArray<Layer.Layer<never, never, Services>>
): Layer.Layer<Services, unknown> => {
  const asked: Array<Asked> = []
  const byName: Readonly<Record<string, Script>> = typeof scripts === "function" ? { m: scripts } : scripts
  const models = Layer.succeed(Models, {
    names: Object.keys(byName),
    get: (name) => {
      const script = byName[name]
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
            const turn = request.prompt.content.filter(({ role }) => role === "assistant").length
            const parts = script({ ...request, model: name }, turn)
            return Effect.map(Effect.isEffect(parts) ? parts : Effect.succeed(parts), Stream.fromIterable)
          }))
      })
    }
  })
  const base = Layer.mergeAll(models, Layer.succeed(Wire, asked), Chunks.layerMemory).pipe(
    Layer.provideMerge(Layer.provideMerge(Runs.layer, TestHost.layer))
  )
  return agents.reduce<Layer.Layer<Services, unknown>>((served, agent) => Layer.provideMerge(agent, served), base)
}

/** An agent on the model `m`, with a toolkit and its handlers. */
export const withTools = <Tools extends Record<string, Tool.Any>>(
  toolkit: Toolkit.Toolkit<Tools>,
  handlers: Toolkit.HandlersFrom<Tools>,
  options: Partial<Agent.Options<typeof Schema.String, typeof Schema.String, Tools>> = {}
) => {
  const agent = Agent.make("agent", { instructions: "Do it.", model: "m", toolkit, ...options })
  return { agent, layer: Layer.provide(agent.layer, toolkit.toLayer(handlers)) }
}
