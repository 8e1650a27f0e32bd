/**
 * Models of any provider of the AI SDK, by its provider interface (specification
 * v4), of which only the shape is needed: neither the package `ai` nor a provider
 * comes with this one. The same rules hold as for every model: one attempt, calls
 * whole or text, and no end without `finish`.
 *
 * @example
 * ```ts
 * const openai = AiSdk.provider({
 *   name: "openai",
 *   apiKey: "OPENAI_API_KEY",
 *   model: (id, apiKey) => import("@ai-sdk/openai").then(({ createOpenAI }) => createOpenAI({ apiKey })(id)),
 *   models: { "gpt-5.5": { maxOutput: 128_000 } }
 * })
 * ```
 *
 * A provider that is made by `@ai-sdk/openai-compatible` tells no usage unless it
 * is made with `includeUsage: true`; without it every cost is an estimate.
 */
import * as Egress from "@fermata/engine/Egress"
import type * as Response from "effect/ai/Response"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as AiSdkParts from "../internal/model/AiSdkParts.ts"
import * as AiSdkPrompt from "../internal/model/AiSdkPrompt.ts"
import * as WayOut from "../internal/model/WayOut.ts"
import type { Model, ModelFailed, ModelRequest, Price } from "../Model.ts"
import * as Credentials from "./Credentials.ts"
import * as ModelErrors from "./ModelErrors.ts"
import type { Provider } from "./Models.ts"
import * as Prices from "./Prices.ts"

/** A model of the AI SDK, as far as it is used here: `LanguageModelV4` fits. */
export interface SdkModel {
  readonly specificationVersion: "v4"
  doStream(options: AiSdkPrompt.CallOptions): PromiseLike<{ readonly stream: ReadableStream<AiSdkParts.SdkPart> }>
}

/** A provider of the AI SDK. */
export interface Options {
  /** Stands before the names of its models, as in `openai/gpt-5.5`; also the key of its metadata, and of its prices. */
  readonly name: string
  /**
   * The model of an id; made when it is first asked, and anew for another key.
   * `fetch` is for the provider, so that it takes the way out of the process
   * (`Egress`); where there is none, it is that of the runtime.
   */
  readonly model: (id: string, apiKey: string, fetch: typeof globalThis.fetch) => SdkModel | PromiseLike<SdkModel>
  /** Where its servers are, such as `https://api.openai.com`: the way out leads there whatever its policy says. */
  readonly origins?: ReadonlyArray<string>
  /** Where its key is, read for each call, for providers that need one. */
  readonly apiKey?: Credentials.ApiKey
  /** Sent with each call. */
  readonly headers?: Credentials.Headers
  /** What is known of its models, beside the list of prices: by their ids. */
  readonly models?: Readonly<
    Record<
      string,
      {
        readonly contextWindow?: number
        readonly maxOutput?: number
        readonly price?: Price
        /** Of the provider when absent: `openai`, `google` and `anthropic` take them in results of tools, others are taken not to. */
        readonly takesImages?: boolean
      }
    >
  >
  /** What of its own a provider is asked for with every call, such as `{ reasoningEffort: "high" }`. */
  readonly providerOptions?: AiSdkPrompt.JsonObject
  /** How long the answer may keep silent, also before it begins; 5 minutes by default. */
  readonly idleTimeout?: Duration.Input
}

/** What is assumed of a model that nobody told of. */
const assumed = { contextWindow: 128_000, maxOutput: 16_000 }

/** Whose models are shown pictures in results of tools; adapters of others write their bytes as text. */
const takeImages = new Set(["openai", "google", "anthropic"])

/** The models of this provider, under `name/`. */
export const provider = (options: Options): Provider => {
  const { name: own } = options
  const credentials = Credentials.make(options)
  const made = new Map<
    string,
    { readonly apiKey: string; readonly egress: Egress.Egress; readonly model: Promise<SdkModel> }
  >()
  const make = (id: string, apiKey: string, egress: Egress.Egress): Promise<SdkModel> => {
    const known = made.get(id)
    if (known?.apiKey === apiKey && known.egress === egress) return known.model
    const fetch = WayOut.fetchOf(egress, () => options.origins ?? []) ?? globalThis.fetch
    const one = { apiKey, egress, model: Promise.resolve().then(() => options.model(id, apiKey, fetch)) }
    made.set(id, one)
    // A model that could not be made is made again at the next call.
    one.model.catch(() => made.get(id) === one && made.delete(id))
    return one.model
  }
  return {
    name: own,
    models: Object.keys(options.models ?? {}).map((id) => `${own}/${id}`),
    names: `${own}/*`,
    needs: credentials.needs,
    find: (name) => {
      if (!name.startsWith(`${own}/`)) return undefined
      const id = name.slice(own.length + 1)
      return Effect.gen(function*() {
        yield* credentials.check(name)
        const listed = Prices.find(own, id, yield* Clock.currentTimeMillis)
        const {
          contextWindow = listed?.contextWindow,
          maxOutput,
          price = listed?.price,
          takesImages = takeImages.has(own)
        } = options.models?.[id] ?? {}
        return {
          name,
          provider: own,
          contextWindow: contextWindow ?? assumed.contextWindow,
          maxOutput: maxOutput ?? assumed.maxOutput,
          takesImages,
          ...(price === undefined ? {} : { price }),
          stream: (request) => stream(name, options, credentials, (...given) => make(id, ...given), request)
        } satisfies Model
      })
    }
  }
}

const stream = (
  name: string,
  options: Options,
  credentials: Credentials.Credentials,
  model: (apiKey: string, egress: Egress.Egress) => Promise<SdkModel>,
  request: ModelRequest
): Stream.Stream<Response.StreamPartEncoded, ModelFailed> =>
  Stream.unwrap(Effect.gen(function*() {
    const { call, problems } = AiSdkPrompt.write(request, options.name, options.providerOptions)
    if (problems.length > 0) {
      return yield* ModelErrors.failed(name, "invalid request", `the request has ${problems.join("; ")}`)
    }
    const { apiKey, headers, secrets } = yield* credentials.tell(name)
    const egress = yield* Egress.CurrentEgress
    const idle = options.idleTimeout ?? "5 minutes"
    const late = () =>
      ModelErrors.failed(name, "timeout", `no sign of life for ${Duration.format(Duration.fromInputUnsafe(idle))}`)
    const thrown = (midway: boolean) => (error: unknown) =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (now) => Effect.fail(ModelErrors.fromThrown(name, error, { now, midway, secrets }))
      )
    const controller = new AbortController()
    yield* Effect.addFinalizer(() => Effect.sync(() => controller.abort()))
    const { stream } = yield* Effect.tryPromise({
      try: () =>
        model(apiKey, egress).then((model) =>
          model.doStream({ ...call, headers: { ...headers, ...call.headers }, abortSignal: controller.signal })
        ),
      catch: (error) => error
    }).pipe(
      Effect.catch(thrown(false)),
      Effect.timeoutOrElse({ duration: idle, orElse: () => Effect.fail(late()) })
    )
    const reader = AiSdkParts.make()
    return Stream.fromReadableStream({ evaluate: () => stream, onError: (error) => error }).pipe(
      Stream.timeoutOrElse({ duration: idle, orElse: () => Stream.fail(late()) }),
      Stream.tap((part) =>
        part.type === "stream-start" && part.warnings.length > 0
          ? Effect.logWarning(`model "${name}": ${part.warnings.map((warning) => JSON.stringify(warning)).join(", ")}`)
          : Effect.void
      ),
      Stream.mapEffect((part) => part.type === "error" ? Effect.fail(part.error) : Effect.succeed(reader.read(part))),
      Stream.catch((error) => Stream.fromEffect(thrown(true)(error))),
      Stream.flattenIterable,
      Stream.concat(Stream.suspend(() => {
        const reason = reader.brokenBy()
        return reason === undefined
          ? Stream.empty
          : Stream.fail(ModelErrors.failed(name, "stream cut", reason))
      }))
    )
  }))
