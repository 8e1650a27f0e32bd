/**
 * The keys that the providers of a configuration need: which of them are not
 * there. What they say is looked at by nobody else, and printed nowhere.
 */
import type * as Agent from "@fermata/agent/Agent"
import type { Need, Provider } from "@fermata/agent/model/Models"
import * as Effect from "effect/Effect"
import type { FermataConfig } from "./Config.ts"
import type { Finding } from "./Finding.ts"
import * as Words from "./Words.ts"

/** The providers of a configuration: Anthropic's where it names none. The scripted one is none of them. */
export const providersOf = ({ models }: FermataConfig): Effect.Effect<ReadonlyArray<Provider>> =>
  models === undefined
    ? Effect.promise(() => import("@fermata/agent/model/Anthropic").then(({ provider }) => [provider()]))
    : Effect.succeed(models)

/** What the provider of this model needs and has not here; undefined where nothing is missing. */
export const lackOf = (config: FermataConfig, model: string): Effect.Effect<string | undefined> =>
  Effect.gen(function*() {
    const provider = (yield* providersOf(config)).find(({ find }) => find(model) !== undefined)
    const [first] = provider === undefined ? [] : yield* missing(provider, config)
    return first
  })

/** For each provider that needs something, whether it is there. A key may be on another machine alone, so that none is a problem. */
export const findings = (
  config: FermataConfig,
  override: string | undefined
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function*() {
    const { agents = [], llm } = config
    if (agents.length === 0 && llm === undefined) return []
    const all = (yield* providersOf(config)).filter(({ needs = [] }) => needs.length > 0)
    return yield* Effect.forEach(all, (provider) =>
      Effect.map(missing(provider, config), (lacks): Finding => {
        const what = `${provider.name} (${provider.names})`
        if (lacks.length > 0) {
          const asking = agents.flatMap(({ agent }) => asks(agent, override, provider) ? [agent.name] : [])
          return {
            name: "models",
            level: "info",
            message: `${what} cannot be asked here: ${lacks.join("; ")}${
              asking.length === 0 ? "" : `. It is asked by ${Words.list(asking)}`
            }`
          }
        }
        const known = (provider.needs ?? []).filter((need) => isKnown(need, config))
        return known.length === 0
          ? {
            name: "models",
            level: "info",
            message: `${what} needs ${
              Words.list((provider.needs ?? []).map(({ name }) => name))
            }, which only its agents know of: "secrets" of the configuration says where secrets are`
          }
          : { name: "models", level: "ok", message: `${what} has ${Words.list(known.map(({ name }) => name))}` }
      }))
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Whether it can be known here: an agent may say by its own layer where its secrets are. */
const isKnown = ({ secret }: Need, { secrets }: FermataConfig): boolean => secret === undefined || secrets !== undefined

const missing = ({ needs = [] }: Provider, config: FermataConfig): Effect.Effect<ReadonlyArray<string>> => {
  const looked = Effect.forEach(
    needs.filter((need) => isKnown(need, config)),
    ({ lack, secret }) =>
      Effect.map(
        lack,
        (lack) => lack === undefined ? [] : [secret === undefined ? lack : `there is no secret "${secret}": ${lack}`]
      )
  )
  const lacks = Effect.map(looked, (lacks) => lacks.flat())
  return config.secrets === undefined ? lacks : Effect.provide(lacks, config.secrets)
}

const asks = ({ models }: Agent.Any, override: string | undefined, { find }: Provider): boolean =>
  (override === undefined ? models : [override]).some((model) => find(model) !== undefined)
