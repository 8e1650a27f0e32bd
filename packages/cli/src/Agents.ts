/**
 * The agents of a configuration, and the models that they ask in this process.
 * A model is never chosen silently: an agent whose models cannot be asked here
 * is not served here, and whoever wants its runs is told why.
 */
import type * as Agent from "@fermata/agent/Agent"
import { type Model, ModelOverride, Models, type ModelUnavailable } from "@fermata/agent/Model"
import type { AgentHead } from "@fermata/api/AgentsGroup"
import { didYouMean } from "@fermata/core/Suggestion"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as SchemaAST from "effect/SchemaAST"
import { type CommandFailed, refused } from "./CommandFailed.ts"
import type { ConfiguredAgent, FermataConfig, Loaded } from "./Config.ts"
import { fileLabel } from "./ContractFile.ts"
import { below } from "./internal/AgentsBelow.ts"
import * as ProviderKeys from "./ProviderKeys.ts"

/** The agents of a process, with the models that they ask. */
export interface Agents {
  /** What the layers of agents are given beside the host. */
  readonly context: Context.Context<Models>
  /** The same, where nobody is told which model is asked. */
  readonly untold: Context.Context<Models>
  /** Why runs of this agent cannot go on here; undefined when they can. */
  readonly lack: (agent: Agent.Any) => Effect.Effect<string | undefined>
}

/** Makes the models of a configuration. `override` is the model that all agents ask in place of their own; it must be one that can be asked. `asked` is told of each model when it is asked first. */
export const open = (
  config: FermataConfig,
  override: string | undefined,
  asked: (model: Model) => void
): Effect.Effect<Agents, CommandFailed> =>
  Effect.gen(function*() {
    const untold = yield* modelsOf(config)
    const models = telling(untold, asked)
    const given = (models: typeof Models.Service) => Context.add(Context.make(Models, models), ModelOverride, override)
    if (override !== undefined) {
      yield* Effect.mapError(models.get(override), (problem) => unavailable(override, problem))
    }
    const lack = Effect.fnUntraced(function*(agent: Agent.Any): Effect.fn.Return<string | undefined> {
      for (const one of [agent, ...below(agent)]) {
        const problem = yield* unasked(one, one === agent ? "its" : `${one.name}'s`, override, models, config)
        if (problem !== undefined) return problem
      }
      return undefined
    })
    return { context: given(models), untold: given(untold), lack }
  })

/** Refuses an agent whose models cannot be asked here. */
export const check = (
  { config }: Loaded,
  { agent }: ConfiguredAgent,
  override: string | undefined
): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    const { lack } = yield* open(config, override, () => {})
    const lacked = yield* lack(agent)
    if (lacked !== undefined) {
      return yield* refused("ModelUnavailable", `Agent "${agent.name}" cannot run here: ${lacked}`)
    }
  })

/** Whether the agent is given text, so that nobody has to write it as JSON. */
export const takesText = ({ agent }: ConfiguredAgent): boolean => SchemaAST.toEncoded(agent.input.ast)._tag === "String"

/** An agent as others need to know it. */
export const headOf = (configured: ConfiguredAgent): AgentHead => {
  const { agents, budget, dailyBudget, description, models, name, tools } = configured.agent
  return {
    name,
    description,
    models,
    tools,
    agents: agents.map(({ name }) => name),
    takesText: takesText(configured),
    ...(budget === undefined ? {} : { budget }),
    ...(dailyBudget === undefined ? {} : { dailyBudget })
  }
}

/** The agent of this name among those that a server has, or the refusal that says which ones there are. */
export const namedThere = (
  agents: ReadonlyArray<AgentHead>,
  name: string,
  url: string
): Effect.Effect<AgentHead, CommandFailed> => {
  const found = agents.find((agent) => agent.name === name)
  return found === undefined ? Effect.fail(notFound(agents, name, url, [])) : Effect.succeed(found)
}

/** The agent of this name, or the refusal that says which ones there are. */
export const named = ({ config, file }: Loaded, name: string): Effect.Effect<ConfiguredAgent, CommandFailed> => {
  const { agents = [] } = config
  const found = agents.find(({ agent }) => agent.name === name)
  if (found !== undefined) return Effect.succeed(found)
  return Effect.fail(
    notFound(
      agents.map(({ agent }) => agent),
      name,
      file === undefined ? "no fermata.config.ts was found" : fileLabel(file),
      ["declare it in the configuration: agents: [{ agent: Reviewer, layer: Reviewer.layer }]"]
    )
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const notFound = (
  agents: ReadonlyArray<{ readonly name: string }>,
  name: string,
  place: string,
  whereThereAreNone: ReadonlyArray<string>
): CommandFailed => {
  const names = agents.map((agent) => agent.name)
  const meant = didYouMean(name, names)
  return refused(
    "AgentNotFound",
    `There is no agent "${name}" (${place})${
      meant === undefined
        ? names.length === 0 ? "" : `; there is ${names.join(", ")}`
        : `; did you mean "${meant}"?`
    }`,
    names.length > 0 ? [] : whereThereAreNone
  )
}

/** The models of a configuration, those of Anthropic where it names none, and the scripted one, which nobody gets who does not ask for it. */
const modelsOf = (config: FermataConfig): Effect.Effect<typeof Models.Service> =>
  Effect.gen(function*() {
    const { agents = [], scripted } = config
    const load = yield* Effect.cached(Effect.gen(function*() {
      const providers = yield* ProviderKeys.providersOf(config)
      const { make } = yield* Effect.promise(() => import("@fermata/agent/model/Models"))
      const Scripted = yield* Effect.promise(() => import("@fermata/agent/model/Scripted"))
      return make([...providers, Scripted.provider(scripted)])
    }))
    // The body of an agent's run asks for models, and must not wait there for what a replay does not know of.
    if (agents.length > 0) return yield* load
    return { names: [], get: (name) => Effect.flatMap(load, ({ get }) => get(name)) }
  })

const telling = (models: typeof Models.Service, asked: (model: Model) => void): typeof Models.Service => {
  const told = new Set<string>()
  return {
    names: models.names,
    get: (name) =>
      Effect.map(models.get(name), (model) => ({
        ...model,
        stream: (request) => {
          if (!told.has(model.name)) {
            told.add(model.name)
            asked(model)
          }
          return model.stream(request)
        }
      }))
  }
}

const unavailable = (model: string, { problem }: ModelUnavailable): CommandFailed =>
  refused("ModelUnavailable", `--model ${model}: ${problem}`)

/** Why none of an agent's models can be asked. */
const unasked = Effect.fnUntraced(function*(
  { models: own }: Agent.Any,
  whose: string,
  override: string | undefined,
  models: typeof Models.Service,
  config: FermataConfig
) {
  let first: string | undefined
  for (const model of override === undefined ? own : [override]) {
    const found = yield* Effect.result(models.get(model))
    // A secret is asked for by the step of a call alone.
    const problem = Result.isFailure(found) ? found.failure.problem : yield* ProviderKeys.lackOf(config, model)
    if (problem === undefined) return undefined
    first ??= `${whose} model "${model}" cannot be asked: ${problem}`
  }
  return first ?? `${whose} list of models is empty; --model NAME gives it one`
})
