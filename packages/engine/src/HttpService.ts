/**
 * Services that answer over HTTP, as an operator configures them: where each is,
 * who asks, and how far a request goes that somebody else has made up, such as a
 * model. Nothing of who asks is in what they make up,
 * and nothing of it is in what they are told.
 *
 * Requests go the guarded way out of the process (`Egress`), to the origin of the
 * service and nowhere else: a redirect is answered as what it is.
 *
 * @example
 * ```ts
 * const services = HttpService.make({
 *   services: [{
 *     name: "crm",
 *     baseUrl: "https://crm.example.com/v2",
 *     auth: { type: "bearer", token: { secret: "CRM_TOKEN" } },
 *     allowedPaths: ["/people/.*"],
 *     allowedMethods: ["GET", "POST"],
 *     idempotency: "Idempotency-Key"
 *   }]
 * })
 * ```
 */
import { SecretRef } from "@fermata/core/SecretRef"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Rails from "./internal/http/Rails.ts"

/** The methods by which services are asked. */
export const Method = Schema.Literals(Rails.methods)
export type Method = Rails.Method

/** What a service says that says nothing else. Sizes in bytes, times in ms. */
export const defaults = {
  maxBodyBytes: 1024 * 1024,
  maxResponseBytes: 256 * 1024,
  timeoutMs: 60_000,
  /** Further attempts where a service says that it has too much to do. */
  maxRetries: 3,
  /** The longest wait before one: who is told to wait longer is told so. */
  maxRetryAfterMs: 15 * 60_000
} as const

const HeaderName = Schema.String.check(
  Schema.isPattern(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { expected: "the name of a header" })
)

/** Who asks: nobody in particular; a token; a header of any name; a user with a password; or headers that the process makes for each request. */
export const Auth = Schema.Union([
  Schema.Struct({ type: Schema.Literal("none") }),
  Schema.Struct({ type: Schema.Literal("bearer"), token: SecretRef }),
  Schema.Struct({ type: Schema.Literal("header"), name: HeaderName, value: SecretRef }),
  Schema.Struct({ type: Schema.Literal("basic"), user: SecretRef, password: SecretRef }),
  /** By the `custom` of this name. */
  Schema.Struct({ type: Schema.Literal("custom"), id: Schema.String })
])
export type Auth = typeof Auth.Type

const Positive = Schema.Int.check(Schema.isGreaterThan(0))

/** A service as it is configured. It is data, with references in the place of secrets. */
export const Entry = Schema.Struct({
  /** Letters, digits, `_`, `-` and `.`: by it the service is asked. */
  name: Schema.String.check(
    Schema.isPattern(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, { expected: "a name: a letter, then letters, digits, _ . -" })
  ),
  /** What it is for, for a model. */
  description: Schema.optionalKey(Schema.String),
  /** Where it is; paths are below it. */
  baseUrl: Schema.String,
  /** None when absent. */
  auth: Schema.optionalKey(Auth),
  /** Regular expressions, one of which means the whole of a path, decoded and without its query; all paths when absent. They are matched in linear time. */
  allowedPaths: Schema.optionalKey(Schema.Array(Schema.String)),
  /** All of `Method` when absent. */
  allowedMethods: Schema.optionalKey(Schema.Array(Method)),
  /** Bytes of a body that is sent; one with more is refused. */
  maxBodyBytes: Schema.optionalKey(Positive),
  /** Bytes of a response, decoded, that are read; the rest of a longer one is not. */
  maxResponseBytes: Schema.optionalKey(Positive),
  /** ms from a request to the last byte of its response. */
  timeoutMs: Schema.optionalKey(Positive),
  /** The header by which it knows a request that it has seen: such requests may be made again after a crash. */
  idempotency: Schema.optionalKey(HeaderName),
  /** Further attempts where it says that it has too much to do (429, 503). */
  maxRetries: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  /** The longest wait before one, in ms. */
  maxRetryAfterMs: Schema.optionalKey(Positive)
})
export type Entry = typeof Entry.Type

/** What is told of a request to who makes its headers, and to who looks on. */
export interface Sent {
  readonly service: string
  readonly method: Method
  /** Without its query. */
  readonly path: string
}

/** What is told of an answer: its status, how long it took (ms), and how many bytes of its body were read. */
export interface Answered extends Sent {
  readonly status: number
  readonly latencyMs: number
  readonly bytesIn: number
}

/** What a process brings for its services beside what they are. */
export interface Surroundings {
  /** Who asks, by the id of an `auth` of the type `custom`: headers, made anew for each request. What they say is secret. */
  readonly custom?: Readonly<
    Record<
      string,
      (request: { readonly serviceName: string; readonly method: Method; readonly path: string }) => Effect.Effect<
        Readonly<Record<string, string>>,
        unknown
      >
    >
  >
  /** Told of each request that is sent, and of each answer. What it fails with is logged, and changes nothing. */
  readonly onRequest?: (sent: Sent) => Effect.Effect<void, unknown>
  readonly onResponse?: (answered: Answered) => Effect.Effect<void, unknown>
}

/** A service that is as it must be. */
export interface HttpService {
  readonly entry: Entry
  readonly rails: Rails.Rails
  /** Whether its origin is reached whatever the policy of the process says, since who configures the process has written it. */
  readonly opens: boolean
}

/** Services by name, with what a process brings for them. */
export interface Services extends Surroundings {
  readonly list: ReadonlyArray<HttpService>
}

/** A service that cannot be configured so. */
export class HttpServiceInvalid extends Schema.TaggedError<HttpServiceInvalid>()("HttpServiceInvalid", {
  service: Schema.String,
  problem: Schema.String
}) {
  readonly code = "ERR_CONFIG"
  override get message(): string {
    return `Service "${this.service}" cannot be configured so: ${this.problem}`
  }
}

/** Services. Throws `HttpServiceInvalid` where one is none. */
export const make = (
  { services, ...surroundings }: Surroundings & { readonly services: ReadonlyArray<Entry> }
): Services => {
  const read = all(services, true)
  if (Result.isFailure(read)) throw read.failure
  const lacking = services.find(({ auth }) =>
    auth?.type === "custom" && !Object.hasOwn(surroundings.custom ?? {}, auth.id)
  )
  if (lacking !== undefined) {
    throw invalid(lacking.name, "nobody makes its headers: `custom` has no function of the id of its auth")
  }
  return { ...surroundings, list: read.success }
}

/**
 * The services that these entries are, or what is wrong with the first that is
 * none. Those of somebody else than who configures the process are reached where
 * its way out leads, and `opens` is left out.
 */
export const all = (
  entries: ReadonlyArray<unknown>,
  opens = false
): Result.Result<ReadonlyArray<HttpService>, HttpServiceInvalid> =>
  Result.gen(function*() {
    const list: Array<HttpService> = []
    for (const entry of entries) {
      const made = yield* one(entry, opens)
      if (list.some((other) => other.entry.name === made.entry.name)) {
        return yield* Result.fail(invalid(made.entry.name, "there are two of this name"))
      }
      list.push(made)
    }
    return list
  })

/** The services of the process, for whoever names none of its own. None by default. */
export const CurrentServices: Context.Reference<Services> = Context.Reference<Services>(
  "@fermata/engine/HttpServices",
  {
    defaultValue: () => ({ list: [] })
  }
)

/** The process has these services. Give it to the layers of workflows. */
export const layer = (services: Services): Layer.Layer<never> => Layer.succeed(CurrentServices, services)

/** What a crash in the middle of a request means: what only reads is asked again, and what changes something where the service knows it again. */
export const crashRule = (
  services: Services,
  asked: { readonly service: string; readonly method?: Method | undefined }
): "rerun" | "rerun-keyed" | "ask" =>
  isReading(asked.method)
    ? "rerun"
    : named(services, asked.service)?.entry.idempotency === undefined
    ? "ask"
    : "rerun-keyed"

/** Whether a method only reads. */
export const isReading = (method: Method = "GET"): boolean => method === "GET" || method === "HEAD"

/** The service of this name. */
export const named = ({ list }: Services, name: string): HttpService | undefined =>
  list.find(({ entry }) => entry.name === name)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const invalid = (service: string, problem: string) => new HttpServiceInvalid({ service, problem })

const nameOf = Schema.decodeUnknownOption(Schema.Struct({ name: Schema.String }))

const decode = Schema.decodeUnknownResult(Entry)

const one = (given: unknown, opens: boolean): Result.Result<HttpService, HttpServiceInvalid> => {
  const name = Option.match(nameOf(given), { onNone: () => "", onSome: ({ name }) => name })
  const entry = Result.mapError(decode(given), ({ message }) => invalid(name, message.replaceAll(/\s+/g, " ")))
  return Result.flatMap(entry, (entry) => {
    const base = URL.canParse(entry.baseUrl) ? new URL(entry.baseUrl) : undefined
    if (base === undefined || (base.protocol !== "https:" && base.protocol !== "http:")) {
      return Result.fail(invalid(name, "its baseUrl is no address: write scheme://host/path, by https or http"))
    }
    if (base.username !== "" || base.password !== "" || base.search !== "" || base.hash !== "") {
      return Result.fail(invalid(name, "its baseUrl has a user, a query or a # in it; who asks is said by auth"))
    }
    return Result.map(
      Result.try({
        try: () => Rails.pathsOf(entry.allowedPaths),
        catch: (error) => invalid(name, `allowedPaths: ${error instanceof Error ? error.message : String(error)}`)
      }),
      (allows): HttpService => ({
        entry,
        opens,
        rails: {
          base,
          methods: entry.allowedMethods ?? Rails.methods,
          allows,
          maxBodyBytes: entry.maxBodyBytes ?? defaults.maxBodyBytes,
          reserved: new Set(
            [entry.auth?.type === "header" ? entry.auth.name : "", entry.idempotency ?? ""].map(Rails.headerName)
          )
        }
      })
    )
  })
}
