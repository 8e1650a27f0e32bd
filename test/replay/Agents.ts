/** An agent with one below it, both of which ask people, whose journals are kept like those of `Recordings.ts`. */
import { Agent, AgentTool } from "@fermata/agent"
import { type Model, type ModelRequest, Models, ModelUnavailable } from "@fermata/agent/Model"
import { Chunks } from "@fermata/engine/Chunks"
import { Effect, Layer, Schema, Stream } from "effect"
import { type Response, Tool, Toolkit } from "effect/ai"

const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "write" }))
const kit = Toolkit.make(Write)

const Helper = Agent.make("helper", { instructions: "helper", model: "m", toolkit: kit })
export const Boss = Agent.make("boss", { instructions: "boss", model: "m", toolkit: kit, agents: [Helper] })

const say = (text: string): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: text },
  { type: "text-end", id: "t" }
]
const call = (name: string, params: unknown): Response.StreamPartEncoded => ({
  type: "tool-call",
  id: name,
  name,
  params
})

/** The one above has the one below help, and both write. */
const answer = ({ prompt }: ModelRequest): ReadonlyArray<Response.StreamPartEncoded> => {
  const told = JSON.stringify(prompt.content)
  if (JSON.stringify(prompt.content[0]).includes("helper")) {
    return told.includes("wrote /helper") ? say("helped") : [call("Write", { path: "/helper" })]
  }
  return told.includes("wrote /boss")
    ? say("done")
    : told.includes("helped")
    ? [call("Write", { path: "/boss" })]
    : [call("helper", { prompt: "help" })]
}

const model: Model = {
  name: "m",
  provider: "scripted",
  contextWindow: 100_000,
  maxOutput: 1_000,
  price: { input: 1, output: 2, cacheRead: 1, cacheWrite: 1 },
  stream: (request) =>
    Stream.suspend(() => {
      const parts = answer(request)
      const calls = parts.some(({ type }) => type === "tool-call")
      const usage = { inputTokens: { uncached: 50, total: 50 }, outputTokens: { total: 10 } }
      return Stream.fromIterable([...parts, { type: "finish", reason: calls ? "tool-calls" : "stop", usage } as const])
    })
}
const models = Layer.succeed(Models, {
  names: ["m"],
  get: (name) =>
    name === "m" ? Effect.succeed(model) : Effect.fail(new ModelUnavailable({ model: name, problem: "there is none" }))
})

/** Serves both. */
export const layer = Layer.mergeAll(Boss.layer, Helper.layer).pipe(
  Layer.provide(
    Layer.mergeAll(
      kit.toLayer({ Write: ({ path }) => Effect.succeed(`wrote ${path}`) }),
      models,
      Chunks.layerMemory
    )
  )
)

/** One run waits for its own question, and one is over. */
export const start = Effect.forEach(["asks", "ends"], (id) => Boss.start("go", { id }))
