/**
 * The models of a process: providers side by side, each of which knows the names
 * that it answers to. Nothing is chosen silently: an unknown name and a missing
 * key are errors that say what would be right.
 *
 * @example
 * ```ts
 * const models = Models.layer([Anthropic.provider(), Scripted.provider(script)])
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Model, Models, ModelUnavailable } from "../Model.ts"

/** What brings models. A client of it is made when the first of its models is asked, and not before. */
export interface Provider {
  /** Such as `anthropic`. */
  readonly name: string
  /** Names that it answers to, for people; it may know more. */
  readonly models: ReadonlyArray<string>
  /** Which names are its own, in words, such as `claude-*`. */
  readonly names: string
  /** The model of this name, or undefined where the name is not its own. */
  readonly find: (name: string) => Effect.Effect<Model, ModelUnavailable> | undefined
  /** What there must be before any of its models can be asked. */
  readonly needs?: ReadonlyArray<Need>
}

/** What a provider needs, such as a key. */
export interface Need {
  /** What it is, for people, such as `ANTHROPIC_API_KEY`. */
  readonly name: string
  /** The secret that it is, where it is one. */
  readonly secret: string | undefined
  /** Why it is not there, as a sentence without its end; undefined where it is. Asked outside of runs; what it says is told to nobody. */
  readonly lack: Effect.Effect<string | undefined>
}

/** The models of these providers; the first that knows a name answers to it. */
export const layer = (providers: ReadonlyArray<Provider>): Layer.Layer<Models> => Layer.succeed(Models, make(providers))

/** As `layer`, as a value. */
export const make = (providers: ReadonlyArray<Provider>): typeof Models.Service => {
  const names = [...new Set(providers.flatMap(({ models }) => models))]
  return {
    names,
    get: (name) => {
      for (const provider of providers) {
        const found = provider.find(name)
        if (found !== undefined) return found
      }
      const known = providers.map((provider) => `${provider.name} (${provider.names})`).join(", ")
      return Effect.fail(
        new ModelUnavailable({
          model: name,
          problem: providers.length === 0
            ? "this process has no provider of models; give `Models.layer` at least one"
            : `no provider answers to this name. Providers here: ${known}. Known models: ${
              names.join(", ")
            }. A model of another provider needs that provider in \`Models.layer\``
        })
      )
    }
  }
}
