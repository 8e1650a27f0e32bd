/** A world for agents: a host on the test's clock, models that say what scripts say, and what they were asked. */
import { Agent } from "@fermata/agent"
import type { ModelFailed, ModelRequest, Models as ModelsService, Price } from "@fermata/agent/Model"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer, type Schema, Stream } from "effect"
import type { Response, Tool, Toolkit } from "effect/ai"

/** A piece of an answer. */
export type Part = Scripted.Said
export type Asked = ModelRequest & { readonly model: string }

/** What a model says to a request, where `turn` counts the answers before. */
export type Script = (
  asked: Asked,
  turn: number
) => ReadonlyArray<Part> | Effect.Effect<ReadonlyArray<Part>, ModelFailed>

/** A model whose price is known. */
export interface Priced {
  readonly script: Script
  readonly price: Price
}

export const say = (text: string): ReadonlyArray<Part> => [Scripted.text(text)]
export const call = (id: string, name: string, params: unknown): Part => Scripted.call(name, params, id)
export const stop = (reason: Response.FinishReason = "stop", input = 100, output = 50): Part =>
  Scripted.end(reason, { input, output })
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

type Services = TestHost | Runs | ModelsService | Wire | Chunks | Layer.Success<typeof TestHost.layer>

/** The world, with an agent and the handlers of its tools. Nobody knows the price of a model that says none. */
export const world = (
  scripts: Script | Readonly<Record<string, Script | Priced>>,
  ...agents: ReadonlyArray<Layer.Layer<never, never, Services>>
): Layer.Layer<Services, unknown> => over(scripts, TestHost.layer, agents)

/** The world over a host that is given. */
export const over = (
  scripts: Script | Readonly<Record<string, Script | Priced>>,
  host: typeof TestHost.layer,
  agents: ReadonlyArray<Layer.Layer<never, never, Services>>
): Layer.Layer<Services, unknown> => {
  const asked: Array<Asked> = []
  const byName = typeof scripts === "function" ? { m: scripts } : scripts
  const models = Models.layer(
    Object.entries(byName).map(([name, given]) => {
      const { price, script } = typeof given === "function" ? { script: given, price: undefined } : given
      return provider(name, script, price, asked)
    })
  )
  const base = Layer.mergeAll(models, Layer.succeed(Wire, asked), Chunks.layerMemory).pipe(
    Layer.provideMerge(Layer.provideMerge(Runs.layer, host))
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

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The scripted model under a name, whose script may take its time and fail in its own ways. */
const provider = (
  name: string,
  script: Script,
  price: Price | undefined,
  asked: Array<Asked>
): Models.Provider => {
  const scripted = (said: ReadonlyArray<Part>) => Scripted.provider(() => said, { name })
  const { find, ...rest } = scripted([])
  const stream = (request: ModelRequest) =>
    Stream.unwrap(Effect.gen(function*() {
      asked.push({ ...request, model: name })
      const said = script({ ...request, model: name }, request.prompt.content.filter(isAnswer).length)
      const model = yield* Effect.orDie(scripted(Effect.isEffect(said) ? yield* said : said).find(name)!)
      return model.stream(request)
    }))
  return {
    ...rest,
    find: (wanted) => {
      const found = find(wanted)
      return found === undefined
        ? undefined
        : Effect.map(
          found,
          ({ price: _, ...model }) => ({ ...model, stream, ...(price === undefined ? {} : { price }) })
        )
    }
  }
}

const isAnswer = ({ role }: { readonly role: string }): boolean => role === "assistant"
