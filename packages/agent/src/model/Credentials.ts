/**
 * What a provider is let in with: a key, and headers that are keys too. Each may
 * be a reference to a secret, which only the step of a call is told, anew for
 * each call, so that a key may be exchanged while runs are on their way. What a
 * call was let in with is cut out of whatever it leaves.
 */
import * as SecretRef from "@fermata/core/SecretRef"
import * as Secrets from "@fermata/engine/Secrets"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type ModelFailed, ModelUnavailable } from "../Model.ts"
import * as ModelErrors from "./ModelErrors.ts"
import type { Need } from "./Models.ts"

/**
 * Where a key is: in the environment variable of this name, in the secret of this
 * name, or wherever a `Config` reads it. Never the key itself.
 */
export type ApiKey = string | SecretRef.SecretRef | Config.Config<Redacted.Redacted>

/** Headers for every call, by their names; what is a secret is a reference to it. */
export type Headers = Readonly<Record<string, string | SecretRef.SecretRef>>

/** What a call is let in with. */
export interface Told {
  /** Empty for a provider that needs none. */
  readonly apiKey: string
  readonly headers: Readonly<Record<string, string>>
  /** What of it is nobody else's, by the names that stand in its place. */
  readonly secrets: ReadonlyArray<readonly [name: string, text: string]>
}

/** The key and the headers of a provider, of which nothing has been read yet. */
export interface Credentials {
  /** What there must be, for people. */
  readonly needs: ReadonlyArray<Need>
  /** Whether there is a key for this model, as far as that is known outside of a step: a secret is asked for nowhere else. */
  readonly check: (model: string) => Effect.Effect<void, ModelUnavailable>
  /** What a call of this model is let in with; in the body of a step, where a part of it is a secret. */
  readonly tell: (model: string) => Effect.Effect<Told, ModelFailed>
}

/** The credentials of a provider that may be told this. Throws where a key is given itself. */
export const make = (
  { apiKey, headers = {} }: { readonly apiKey?: ApiKey | undefined; readonly headers?: Headers | undefined }
): Credentials => {
  const key = apiKey === undefined ? undefined : partOf(apiKey)
  const others = Object.entries(headers).map(([name, value]) =>
    [name, typeof value === "string" ? value : partOf(value)] as const
  )
  const parts = [key, ...others.map(([, value]) => value)].filter((part) => typeof part === "object")
  return {
    needs: parts.map(({ lack, name, secret }) => ({ name, lack, secret })),
    check: (model) => key === undefined ? Effect.void : key.check(model),
    tell: Effect.fnUntraced(function*(model) {
      const secrets: Array<readonly [name: string, text: string]> = []
      const told = function*(part: Part) {
        const text = yield* part.tell(model)
        secrets.push([part.mark, text])
        return text
      }
      const own = key === undefined ? "" : yield* told(key)
      const sent: Record<string, string> = {}
      for (const [name, value] of others) sent[name] = typeof value === "string" ? value : yield* told(value)
      return { apiKey: own, headers: sent, secrets }
    })
  }
}

/** The failure for a key that is not there: where it was looked for, and what runs without one. */
export const missing = (model: string, problem: string): ModelUnavailable =>
  new ModelUnavailable({
    model,
    problem:
      `${problem}. Set it to a key of this provider, or run with \`--model scripted\`, which asks no provider and needs no key`
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Part extends Need {
  /** What stands in its place where it is cut out. */
  readonly mark: string
  readonly check: (model: string) => Effect.Effect<void, ModelUnavailable>
  readonly tell: (model: string) => Effect.Effect<string, ModelFailed>
}

const partOf = (given: ApiKey): Part => SecretRef.is(given) ? ofSecret(given) : ofConfig(given)

const ofSecret = (ref: SecretRef.SecretRef): Part => ({
  name: `the secret ${ref.secret}`,
  mark: ref.secret,
  secret: ref.secret,
  lack: Effect.flatMap(Secrets.CurrentSource, ({ find }) =>
    Effect.match(find(ref.secret), {
      onFailure: (problem) => problem,
      onSuccess: (text) => isBlank(text) ? `the secret ${ref.secret} is blank` : undefined
    })),
  check: () => Effect.void,
  tell: (model) =>
    Secrets.resolve(ref).pipe(
      Effect.mapError(({ message }) => ModelErrors.failed(model, "no access", message)),
      Effect.filterOrFail(
        (text) => !isBlank(text),
        () => ModelErrors.failed(model, "no access", `the secret ${ref.secret} is blank`)
      ),
      Effect.map(Redacted.value)
    )
})

const ofConfig = (given: string | Config.Config<Redacted.Redacted>): Part => {
  const config = typeof given === "string" ? Config.Redacted(variableOf(given)) : given
  const name = typeof given === "string" ? given : "the key of this provider"
  const read = Effect.mapErrorEager(config, (error) => pathOf(error) ?? name).pipe(
    Effect.filterOrFail((text) => !isBlank(text), () => name),
    Effect.mapError((name) => ({ name, problem: `${name} is not set` }))
  )
  const mark = typeof given === "string" ? given : "key"
  return {
    name,
    secret: undefined,
    mark,
    lack: Effect.match(read, { onFailure: ({ problem }) => problem, onSuccess: () => undefined }),
    check: (model) => Effect.asVoid(Effect.mapError(read, ({ problem }) => missing(model, problem))),
    tell: (model) =>
      read.pipe(
        Effect.mapError(({ problem }) => ModelErrors.failed(model, "no access", missing(model, problem).problem)),
        Effect.tap((text) =>
          // A shorter one stands for a key where a server wants none, and may be a word like any other.
          Redacted.value(text).length < 16
            ? Effect.void
            : Secrets.conceal(mark, text)
        ),
        Effect.map(Redacted.value)
      )
  }
}

const isBlank = (text: Redacted.Redacted): boolean => Redacted.value(text).trim() === ""

/** Somebody may have given the key itself, which must not be told on. */
const variableOf = (name: string): string => {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name
  throw new Error(
    "The key of a provider is given as the name of an environment variable, such as \"ANTHROPIC_API_KEY\", or as a "
      + "reference to a secret, { secret: \"NAME\" }; what was given is neither"
  )
}

/** The name of the variable that a configuration lacks. */
const pathOf = ({ cause }: Config.ConfigError): string | undefined =>
  cause._tag === "SchemaError" && "path" in cause.issue ? cause.issue.path.map(String).join("_") : undefined
