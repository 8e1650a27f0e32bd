/**
 * One request to a service (`HttpService`): judged, let in, sent by the guarded
 * way out, and read as far as it may be.
 */
import * as JsonText from "@fermata/core/JsonText"
import type { SecretRef } from "@fermata/core/SecretRef"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Egress from "./Egress.ts"
import * as EgressPolicy from "./EgressPolicy.ts"
import * as HttpService from "./HttpService.ts"
import * as Rails from "./internal/http/Rails.ts"
import * as Secrets from "./Secrets.ts"
import type { StepContext } from "./Step.ts"

/** What is asked of a service: of this name, and the rest as in `Rails`. */
export interface Asked extends Rails.Asked {
  readonly service: string
}

/** What a service answered. */
export const Reply = Schema.Struct({
  status: Schema.Int,
  /** Of its headers those that say how to go on. Names are in lower case. */
  headers: Schema.Record(Schema.String, Schema.String),
  /** JSON where it is that, and whole; else a text. */
  body: Schema.Json,
  /** Only the first bytes were read, this many. */
  cutAt: Schema.optionalKey(Schema.Int)
})
export type Reply = typeof Reply.Type

/** A request that came to nothing. */
export class RequestFailed extends Schema.TaggedError<RequestFailed>()("HttpRequestFailed", {
  service: Schema.String,
  /** Nothing was sent; it cannot be reached or was cut off; or it says that it has too much to do. */
  reason: Schema.Literals(["refused", "unreachable", "busy"]),
  problem: Schema.String,
  /** The service may have done what it was asked. */
  maybeDone: Schema.Boolean,
  /** What it answered. */
  reply: Schema.optionalKey(Reply),
  /** Whether the same may be asked again, and after how long (ms) where the service has said so. */
  retryable: Schema.Boolean,
  retryAfterMs: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    return this.reason === "refused"
      ? `Nothing was sent to service "${this.service}": ${this.problem}`
      : `Service "${this.service}" ${this.problem}${this.maybeDone ? "; it may have done what it was asked" : ""}`
  }
}

/** A path as a server reads it, without its query: what rules go by. Nothing where it is one that is never sent. */
export const pathOf = (path: string): string | undefined => Rails.pathOf(path)

/**
 * Asks a service, in the body of a step: what it was let in with is cut out of
 * what the step leaves. Asked again by another attempt, it is sent the same
 * idempotency key, where it knows one.
 */
export const request = Effect.fnUntraced(function*(
  services: HttpService.Services,
  asked: Asked,
  { idempotencyKey }: Pick<StepContext, "idempotencyKey">
): Effect.fn.Return<Reply, RequestFailed | Secrets.SecretMissing> {
  const service = HttpService.named(services, asked.service)
  if (service === undefined) {
    const names = services.list.map(({ entry }) => entry.name)
    return yield* refused(
      asked.service,
      `there is no such service; there ${names.length === 0 ? "is none" : `is ${names.join(", ")}`}`
    )
  }
  const { entry } = service
  const ready = Rails.judge(service.rails, asked)
  if ("problem" in ready) return yield* refused(entry.name, ready.problem)
  const { method, path } = ready
  const sent = { service: entry.name, method, path }
  const own = [...yield* headersOf(services, entry, sent)]
  if (entry.idempotency !== undefined && !HttpService.isReading(method)) own.push([entry.idempotency, idempotencyKey])
  const names = new Set(own.map(([name]) => Rails.headerName(name)))
  const headers = [...ready.headers.filter(([name]) => !names.has(Rails.headerName(name))), ...own]
  yield* told(services.onRequest?.(sent))
  const began = yield* Clock.currentTimeMillis
  const { bytes, reply, retryAfter } = yield* send(service, ready, headers)
  const latencyMs = (yield* Clock.currentTimeMillis) - began
  yield* told(services.onResponse?.({ ...sent, status: reply.status, latencyMs, bytesIn: bytes }))
  if (reply.status !== 429 && reply.status !== 503) return reply
  // Who has too much to do has not begun, and says so by 429; a 503 may come of anything in between.
  const maybeDone = reply.status === 503 && !HttpService.isReading(method)
  const mayAsk = reply.status === 429 || retryAfter !== undefined || HttpService.crashRule(services, asked) !== "ask"
  const longest = entry.maxRetryAfterMs ?? HttpService.defaults.maxRetryAfterMs
  return yield* new RequestFailed({
    service: entry.name,
    reason: "busy",
    problem: `answers with status ${reply.status}`,
    maybeDone,
    reply,
    retryable: mayAsk && (retryAfter ?? 0) <= longest,
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter })
  })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const refused = (service: string, problem: string) =>
  new RequestFailed({ service, reason: "refused", problem, maybeDone: false, retryable: false })

const told = (hook: Effect.Effect<void, unknown> | undefined): Effect.Effect<void> =>
  hook === undefined ? Effect.void : Effect.catchCause(
    hook,
    (cause) => Effect.logWarning("A hook of an HTTP service failed", cause)
  )

const textOf = (ref: SecretRef): Effect.Effect<string, Secrets.SecretMissing> =>
  Effect.map(Secrets.resolve(ref), Redacted.value)

/** What says who asks. */
const headersOf = Effect.fnUntraced(function*(
  services: HttpService.Services,
  { auth = { type: "none" }, name }: HttpService.Entry,
  { method, path }: HttpService.Sent
): Effect.fn.Return<ReadonlyArray<readonly [string, string]>, RequestFailed | Secrets.SecretMissing> {
  switch (auth.type) {
    case "none":
      return []
    case "bearer":
      return [["authorization", `Bearer ${yield* textOf(auth.token)}`]]
    case "header":
      return [[auth.name, yield* textOf(auth.value)]]
    case "basic": {
      const pair = Base64.encode(`${yield* textOf(auth.user)}:${yield* textOf(auth.password)}`)
      yield* Secrets.conceal(auth.password.secret, Redacted.make(pair))
      return [["authorization", `Basic ${pair}`]]
    }
    case "custom": {
      const make = services.custom !== undefined && Object.hasOwn(services.custom, auth.id)
        ? services.custom[auth.id]
        : undefined
      if (make === undefined) return yield* refused(name, "nobody makes its headers here")
      // What went wrong may tell what nobody is to see.
      const made = yield* Effect.catchCause(
        make({ serviceName: name, method, path }),
        () => refused(name, "its headers could not be made")
      )
      const headers = Object.entries(made)
      for (const [header, value] of headers) {
        yield* Secrets.conceal(`${name}.${header}`, Redacted.make(value))
        // A scheme and what it says, of which a server may say back the second.
        const said = value.slice(value.indexOf(" ") + 1)
        if (said !== value) yield* Secrets.conceal(`${name}.${header}`, Redacted.make(said))
      }
      return headers
    }
  }
})

const send = Effect.fnUntraced(function*(
  { entry, opens, rails }: HttpService.HttpService,
  { body, method, url }: Rails.Ready,
  headers: ReadonlyArray<readonly [string, string]>
) {
  const egress = yield* Egress.CurrentEgress
  const most = entry.maxResponseBytes ?? HttpService.defaults.maxResponseBytes
  const timeoutMs = entry.timeoutMs ?? HttpService.defaults.timeoutMs
  const policy = EgressPolicy.extend(egress.policy, {
    // What is longer is cut here, and read no further.
    maxResponseBytes: Number.MAX_SAFE_INTEGER,
    timeoutMs,
    idleTimeoutMs: timeoutMs,
    ...(opens ? { origins: [rails.base.origin] } : {})
  })
  const response = yield* egress.request(
    { url, method, headers, redirect: "manual", ...(body === undefined ? {} : { body }) },
    policy
  )
  const { bytes, isCut, size } = yield* read(response.body, most)
  const found = (name: string) => response.headers.find(([header]) => header === name)?.[1]
  const reply: Reply = {
    status: response.status,
    headers: Object.fromEntries(telling.flatMap((name) => {
      const value = found(name)
      return value === undefined ? [] : [[name, value]]
    })),
    body: bodyOf(bytes, isCut, found("content-type") ?? ""),
    ...(isCut ? { cutAt: most } : {})
  }
  const retryAfter = waitOf(found("retry-after"), yield* Clock.currentTimeMillis)
  return { reply, bytes: size, retryAfter }
}, (sent, { entry }, { method }) =>
  Effect.scoped(sent).pipe(
    Effect.catchTags({
      EgressRefused: ({ message }) => refused(entry.name, message),
      EgressFailed: ({ message, sent }) =>
        new RequestFailed({
          service: entry.name,
          reason: "unreachable",
          problem: `cannot be asked: ${message}`,
          maybeDone: sent && !HttpService.isReading(method),
          retryable: false
        })
    })
  ))

/** The headers that say how to go on. */
const telling = ["content-type", "location", "link", "etag", "last-modified", "retry-after"]

/** As many bytes as may be read. The part that goes beyond them is the last that is asked for. */
const read = <E>(body: Stream.Stream<Uint8Array, E>, most: number) =>
  Effect.gen(function*() {
    const parts: Array<Uint8Array> = []
    let size = 0
    yield* Stream.runForEachWhile(body, (part) =>
      Effect.sync(() => {
        parts.push(part.subarray(0, Math.max(0, most - size)))
        size += part.length
        return size <= most
      }))
    const bytes = new Uint8Array(Math.min(size, most))
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    return { bytes, isCut: size > most, size: bytes.length }
  })

const bodyOf = (bytes: Uint8Array, isCut: boolean, type: string): Schema.Json => {
  if (bytes.length === 0) return null
  const text = new TextDecoder("utf-8").decode(bytes, { stream: isCut })
  if (text.includes("\u0000")) return `[${bytes.length} bytes${type === "" ? "" : ` of ${type}`}, which are no text]`
  if (isCut || !/^[^;]*[/+]json\b/i.test(type)) return text
  // A number that would become another one stays as it was written.
  const parsed = JsonText.parse(text)
  return parsed._tag === "Json" ? parsed.value as Schema.Json : text
}

/** How long to wait, in ms, by a number of seconds or a date. */
const waitOf = (text: string | undefined, now: number): number | undefined => {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text.trim())) return Number(text.trim()) * 1_000
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
