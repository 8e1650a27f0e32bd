/**
 * Models of Anthropic, on its own client. A call is tried once, for attempts and
 * waits are the loop's; the answer is read from the raw events; it carries the
 * caller's idempotency key; and it is aborted with the stream. The client is
 * imported and made when the first call is made.
 */
import type { Anthropic as Client, ClientOptions } from "@anthropic-ai/sdk"
import * as Egress from "@fermata/engine/Egress"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AnthropicEvents from "../internal/model/AnthropicEvents.ts"
import * as AnthropicMessages from "../internal/model/AnthropicMessages.ts"
import * as WayOut from "../internal/model/WayOut.ts"
import type { Model, ModelFailed, ModelRequest, ModelUnavailable, Price } from "../Model.ts"
import * as Credentials from "./Credentials.ts"
import * as ModelErrors from "./ModelErrors.ts"
import type { Provider } from "./Models.ts"
import * as Prices from "./Prices.ts"

export type { Extras } from "../internal/model/AnthropicMessages.ts"

/** What a call may ask for that does not change its price. */
export type CallExtras = Pick<AnthropicMessages.Extras, "effort" | "thinking">

/** Effort and thinking for the calls within; over what the provider was made with. */
export const CurrentExtras: Context.Reference<CallExtras> = Context.Reference<CallExtras>(
  "@fermata/agent/model/Anthropic/CurrentExtras",
  { defaultValue: () => ({}) }
)

/** What the loop must know of a model that the API does not tell with its answers. */
export interface Limits {
  /** Tokens of question and answer together. */
  readonly contextWindow: number
  /** The most tokens of one answer. */
  readonly maxOutput: number
  readonly price?: Price
}

/** How the models of Anthropic are asked. */
export interface Options {
  /**
   * Stands before the names of these models, as in `fast/claude-opus-5-5`, beside
   * those of another provider. With a `baseURL` too, whatever stands behind it is
   * a name that the server there knows, as in `openrouter/google/gemini-2.5-pro`.
   */
  readonly prefix?: string
  /** Where the key is, read for each call; without it in the variable `ANTHROPIC_API_KEY`. */
  readonly apiKey?: Credentials.ApiKey
  /** Sent with each call, over what the client sends by itself. */
  readonly headers?: Credentials.Headers
  /** Without it the variable `ANTHROPIC_BASE_URL`, or Anthropic itself. */
  readonly baseURL?: string
  /**
   * For recordings. Without it the way out of the process (`Egress`), which leads
   * to the base URL whatever its policy says; where there is none, that of the runtime.
   */
  readonly fetch?: typeof globalThis.fetch
  readonly extras?: AnthropicMessages.Extras
  /** Of models that are newer than this list, or that are to be limited otherwise. */
  readonly models?: Readonly<Record<string, Partial<Limits>>>
  /** How long the answer may keep silent, also before it begins; 5 minutes by default. */
  readonly idleTimeout?: Duration.Input
}

/** What the models of these options are asked with. */
interface Door {
  readonly credentials: Credentials.Credentials
  readonly client: MakeClient
}

const doorOf = (options: Options): Door => ({
  credentials: Credentials.make({ apiKey: options.apiKey ?? "ANTHROPIC_API_KEY", headers: options.headers }),
  client: lazyClient(options)
})

/** For people: the models of the day. */
const known = [
  "claude-opus-5-5",
  "claude-sonnet-5-5",
  "claude-haiku-5-5",
  "claude-fable-5-2",
  "claude-mythos-5-2"
]

/** What holds for every one of them; of windows and prices the list knows more. */
const assumed = { contextWindow: 200_000, maxOutput: 64_000 }

/** An answer in a hurry has a price of its own, which the list does not have. */
const limitsOf = (id: string, { extras, models }: Options, at: number): Limits => {
  const found = Prices.find("anthropic", id, at)
  const price = extras?.cacheTtl === "1h" ? found?.priceHour : found?.price
  return {
    ...assumed,
    ...(found?.contextWindow === undefined ? {} : { contextWindow: found.contextWindow }),
    ...(price === undefined || extras?.speed === "fast" ? {} : { price }),
    ...models?.[id]
  }
}

/** Models up to Claude 4.5 take a temperature, and those of others; later ones refuse it. */
const takesTemperature = (model: string): boolean =>
  !model.startsWith("claude-") || /^claude-(3|[a-z]+-(3|4(-[0-5])?(-\d{8})?$))/.test(model)

/** What Anthropic calls the model of a name; nothing of Anthropic's where the name is another's. */
const idOf = (name: string, { prefix }: Options): string => {
  const own = `${prefix ?? "anthropic"}/`
  return name.startsWith(own) ? name.slice(own.length) : prefix === undefined ? name : ""
}

/** Whether these options have a model of this id. */
const isOwn = (id: string, { baseURL, prefix }: Options): boolean =>
  id !== "" && (id.startsWith("claude-") || (prefix !== undefined && baseURL !== undefined))

/** `claude-*`, with or without `anthropic/` before it, or what is behind the prefix of these options. */
export const provider = (options: Options = {}): Provider => {
  const door = doorOf(options)
  const { baseURL, models = {}, prefix } = options
  const before = prefix === undefined ? "" : `${prefix}/`
  return {
    name: "anthropic",
    models: (baseURL === undefined || prefix === undefined ? known : Object.keys(models)).map((id) => `${before}${id}`),
    names: `${before}${baseURL === undefined || prefix === undefined ? "claude-" : ""}*`,
    needs: door.credentials.needs,
    find: (name) => {
      const id = idOf(name, options)
      if (!isOwn(id, options)) return undefined
      return Effect.andThen(door.credentials.check(name), Clock.currentTimeMillis).pipe(
        Effect.map((now): Model => ({
          name,
          provider: "anthropic",
          takesImages: true,
          ...limitsOf(id, options, now),
          stream: (request) => stream(name, id, options, door, request)
        }))
      )
    }
  }
}

/** How the search of Anthropic is bounded. */
export interface WebSearchOptions {
  /** Searches of one answer. */
  readonly maxUses?: number
  /** Hosts, one list or the other. */
  readonly allowedDomains?: ReadonlyArray<string>
  readonly blockedDomains?: ReadonlyArray<string>
}

/**
 * The search of the web that Anthropic carries out by itself, to be merged with
 * the tools of an agent: it needs no handler, no policy is asked about it, and what
 * it costs is not in the list of prices. Other providers refuse a request with it.
 */
export const webSearch = ({ allowedDomains, blockedDomains, maxUses }: WebSearchOptions = {}) =>
  Tool.providerDefined({
    id: "anthropic.web_search_20260318",
    customName: "web_search",
    providerName: "web_search",
    args: WebSearchArgs,
    success: Schema.Unknown,
    failure: Schema.Unknown
  })({
    ...(maxUses === undefined ? {} : { max_uses: maxUses }),
    ...(allowedDomains === undefined ? {} : { allowed_domains: allowedDomains }),
    ...(blockedDomains === undefined ? {} : { blocked_domains: blockedDomains })
  })

const WebSearchArgs = Schema.Struct({
  max_uses: Schema.optionalKey(Schema.Int),
  allowed_domains: Schema.optionalKey(Schema.Array(Schema.String)),
  blocked_domains: Schema.optionalKey(Schema.Array(Schema.String))
})

/**
 * How many tokens the prompt and the tools of a request are, as Anthropic counts
 * them; costs a call, which is free. In the body of a step, where the key is a secret.
 */
export const countTokens = (
  name: string,
  request: ModelRequest,
  options: Options = {}
): Effect.Effect<number, ModelFailed | ModelUnavailable> => {
  const { client, credentials } = doorOf(options)
  return Effect.gen(function*() {
    yield* credentials.check(name)
    const told = yield* credentials.tell(name)
    const egress = yield* Egress.CurrentEgress
    const id = idOf(name, options)
    const { max_tokens: _, stream: __, temperature: ___, speed: ____, ...body } = yield* written(
      name,
      id,
      options,
      request
    )
    const { input_tokens } = yield* attempt(
      name,
      told,
      (signal) =>
        client(told.apiKey, egress).then((client) =>
          client.messages.countTokens(body, { signal, headers: told.headers })
        )
    )
    return input_tokens
  })
}

type MakeClient = (apiKey: string, egress: Egress.Egress) => Promise<Client>

const lazyClient = ({ baseURL, fetch }: Options): MakeClient => {
  let made: { readonly apiKey: string; readonly egress: Egress.Egress; readonly client: Promise<Client> } | undefined
  return (apiKey, egress) => {
    if (made?.apiKey === apiKey && made.egress === egress) return made.client
    const client = import("@anthropic-ai/sdk").then(({ Anthropic }): Client => {
      const guarded = fetch ?? WayOut.fetchOf(egress, () => [client.baseURL])
      const given: ClientOptions = {
        apiKey,
        // A token of the environment would go before the key that was given.
        authToken: null,
        maxRetries: 0,
        // It bounds the time to the headers only; how long an answer may keep silent is bounded here.
        timeout: Duration.toMillis("1 hour"),
        // It prints lines of answers that it cannot read.
        logLevel: "off",
        ...(baseURL === undefined ? {} : { baseURL }),
        ...(guarded === undefined ? {} : { fetch: guarded })
      }
      const client = new Anthropic(given)
      return client
    })
    made = { apiKey, egress, client }
    return client
  }
}

const attempt = <A>(
  name: string,
  told: Credentials.Told,
  run: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, ModelFailed> =>
  Effect.catch(Effect.tryPromise({ try: run, catch: (error) => error }), thrown(name, told, false))

const thrown =
  (name: string, { secrets }: Credentials.Told, midway: boolean) =>
  (error: unknown): Effect.Effect<never, ModelFailed> =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => Effect.fail(ModelErrors.fromThrown(name, error, { now, midway, secrets }))
    )

const written = Effect.fnUntraced(function*(name: string, id: string, options: Options, request: ModelRequest) {
  const extras = { ...options.extras, ...yield* CurrentExtras }
  const takes = takesTemperature(id)
  if (request.temperature !== undefined && !takes) {
    yield* Effect.logWarning(`model "${name}" takes no temperature: ${request.temperature} is left out`)
  }
  const { body, problems } = AnthropicMessages.write(request, { model: id, extras, takesTemperature: takes })
  if (problems.length > 0) {
    return yield* ModelErrors.failed(name, "invalid request", `the request has ${problems.join("; ")}`)
  }
  return body as typeof body & { readonly temperature?: number }
})

const stream = (
  name: string,
  id: string,
  options: Options,
  { client, credentials }: Door,
  request: ModelRequest
): Stream.Stream<Response.StreamPartEncoded, ModelFailed> =>
  Stream.unwrap(Effect.gen(function*() {
    const body = yield* written(name, id, options, request)
    const told = yield* credentials.tell(name)
    const egress = yield* Egress.CurrentEgress
    const controller = new AbortController()
    yield* Effect.addFinalizer(() => Effect.sync(() => controller.abort()))
    const idle = options.idleTimeout ?? "5 minutes"
    const late = () =>
      Effect.fail(
        ModelErrors.failed(name, "timeout", `no sign of life for ${Duration.format(Duration.fromInputUnsafe(idle))}`)
      )
    const betas = [...options.extras?.betas ?? [], ...(body.speed === "fast" ? ["fast-mode-2026-02-01"] : [])]
    const events = yield* attempt(name, told, () =>
      client(told.apiKey, egress).then((client) =>
        client.messages.create(body, {
          signal: controller.signal,
          headers: {
            ...told.headers,
            ...(betas.length === 0 ? {} : { "anthropic-beta": betas.join(",") }),
            // The client's own option of this name does nothing any more.
            "idempotency-key": request.idempotencyKey
          }
        })
      )).pipe(Effect.timeoutOrElse({ duration: idle, orElse: late }))
    const reader = AnthropicEvents.make(serverNames(request))
    const ended = Stream.suspend(() => {
      const stop = reader.unknownStop()
      return reader.ended()
        ? stop === undefined
          ? Stream.empty
          : Stream.fail(
            ModelErrors.failed(name, "unexpected stop", `the answer ended with the reason "${stop}", which is unknown`)
          )
        : Stream.fail(
          ModelErrors.failed(name, "stream cut", "the stream ended before the answer did, without message_stop")
        )
    })
    return Stream.fromAsyncIterable(events, (error) =>
      error).pipe(
        Stream.timeoutOrElse({
          duration: idle,
          orElse: () =>
            Stream.fromEffect(late())
        }),
        Stream.mapEffect((event) =>
          Effect.try({
            try: () =>
              reader.read(event),
            catch: (error) =>
              ModelErrors.failed(name, "stream malformed", error instanceof Error ? error.message : String(error))
          })
        ),
        Stream.catch((error) => Stream.fromEffect(thrown(name, told, true)(error))),
        Stream.flattenIterable,
        Stream.concat(ended),
        Stream.mapError((failure) => ModelErrors.withUsage(failure, usageOf(reader.used())))
      )
  }))

const usageOf = (used: AnthropicEvents.Used | undefined): ModelFailed["usage"] =>
  used === undefined
    ? undefined
    : { input: used.input, cacheRead: used.cacheRead, cacheWrite: used.cacheWrite, output: used.output }

/** The names of server tools here, by what Anthropic calls them. */
const serverNames = ({ tools }: ModelRequest): ReadonlyMap<string, string> =>
  new Map(tools.flatMap((tool) => "providerName" in tool ? [[String(tool.providerName), tool.name] as const] : []))
