/**
 * What every request passes first: who it says it is for, where it comes from,
 * whether there is room for it, and what it carries. Whatever is refused here or behind it is a problem document.
 */
import { BadRequest, Forbidden, TooManyRequests, UnsupportedMediaType } from "@fermata/api/ApiErrors"
import { routeAt } from "@fermata/api/RouteTable"
import * as JsonText from "@fermata/core/JsonText"
import * as CallerSpan from "@fermata/engine/CallerSpan"
import * as EngineMetrics from "@fermata/engine/EngineMetrics"
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import { Clock } from "effect/Clock"
import * as Effect from "effect/Effect"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Tracer from "effect/Tracer"
import type { unhandled } from "effect/Types"
import { defaultMaxBody, type ServerOptions } from "../ServerOptions.ts"
import * as Callers from "./Callers.ts"
import * as Hooks from "./Hooks.ts"
import { CurrentPlace, InFlight } from "./InFlight.ts"
import * as ProblemResponse from "./ProblemResponse.ts"

/** Stands before all routes of a router. What its metrics call the route of a request, `routeOf` says. */
export const layer = (
  options: ServerOptions,
  routeOf: typeof routeAt = routeAt
): Layer.Layer<never, never, HttpRouter.HttpRouter | InFlight> => {
  const most = options.maxBody ?? defaultMaxBody
  const hosts = new Set([...loopback, ...(options.hosts ?? []).map((host) => host.toLowerCase())])
  const origins = new Set(options.origins ?? [])
  const trustedProxies = (options.proxies ?? []).map(IpNetwork.fromStringUnsafe)
  return HttpRouter.middleware(
    Effect.gen(function*() {
      const { request: tell } = yield* EngineMetrics.meters
      const inFlight = yield* InFlight
      return (
        route: Route
      ): Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled, HttpServerRequest> =>
        Effect.gen(function*() {
          const request = yield* HttpServerRequest
          const refusal = refusalOf(request, hosts, origins)
          if (refusal !== undefined) return ProblemResponse.of(refusal)
          return yield* placed(inFlight, request, answered(request, route))
        }).pipe(
          HttpMiddleware.xForwardedHeaders({ trustedProxies }),
          Effect.provideService(MaxBodySize, ByteSize.bytes(most)),
          Effect.catchCause((cause) =>
            Cause.hasInterruptsOnly(cause)
              ? Effect.failCause(cause as Cause.Cause<never>)
              : Effect.flatMap(HttpServerRequest, (request) => ProblemResponse.ofCause(request, most, cause))
          ),
          Effect.map(HttpServerResponse.setHeaders(safe)),
          measured(tell, routeOf)
        )
    }),
    { global: true }
  )
}

/** Whether whoever sent this reaches the server as its own machine. */
export const isLoopback = (request: HttpServerRequest): boolean => loopback.includes(nameOf(hostOf(request)))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** By the pattern of its route: what callers write into paths makes no metric of its own. */
const measured = (tell: Tell, routeOf: typeof routeAt) =>
<E, R>(
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest> =>
  Effect.gen(function*() {
    const { method, originalUrl } = yield* HttpServerRequest
    const clock = yield* Clock
    const begun = clock.monotonicTimeNanosUnsafe()
    const response = yield* answer
    const path = originalUrl.replace(/^https?:\/\/[^/]*/, "").split("?")[0]!
    const millis = Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6
    tell(method, routeOf(method, path) ?? (Hooks.isHook(path) ? Hooks.pattern : "(none)"), response.status, millis)
    return response
  })

/** Answers with a place, or says that there is none. Whether the server lives is told in any case. */
const placed = <E, R>(
  inFlight: InFlight["Service"],
  request: HttpServerRequest,
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  heartbeat.test(ProblemResponse.pathOf(request)) ? answer : Effect.acquireUseRelease(
    Effect.sync(() => inFlight.enter(Callers.shown(request))),
    (place) =>
      place instanceof TooManyRequests
        ? inFlight.refuse(request, place)
        : Effect.provideService(answer, CurrentPlace, place),
    (place) => place instanceof TooManyRequests ? Effect.void : Effect.sync(place.leave)
  )

const heartbeat = /^\/api\/heartbeat\/?$/

/** Looks at the body before the route does. */
const answered = Effect.fnUntraced(function*(request: HttpServerRequest, route: Route) {
  const isRead = hasBody(request) && !Hooks.isHook(ProblemResponse.pathOf(request))
  const refusal = isRead ? yield* bodyRefusal(request) : undefined
  return refusal === undefined ? yield* asked(request, route) : ProblemResponse.of(refusal)
})

/** Where no tracer makes a span for the request, what it starts is linked to that of its caller. */
const asked = <A, E, R>({ headers }: HttpServerRequest, route: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Tracer.Tracer, (tracer) => {
    return tracer === Tracer.nativeTracer ? CallerSpan.within(headers["traceparent"])(route) : route
  }) as Effect.Effect<A, E, R>

type Tell = Effect.Success<typeof EngineMetrics.meters>["request"]

type Route = Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled>

const loopback = ["localhost", "127.0.0.1", "[::1]"]

/** On every answer: it is no page, belongs in no frame, and is guessed to be nothing else. */
const safe = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer"
}

const reads = new Set(["GET", "HEAD", "OPTIONS"])

/** A Fetch request tells no length, but then the type of what it carries. */
const hasBody = ({ headers, method }: HttpServerRequest): boolean => {
  if (reads.has(method)) return false
  const length = headers["content-length"]
  return length === undefined
    ? headers["transfer-encoding"] !== undefined || headers["content-type"] !== undefined
    : length !== "0"
}

const refusalOf = (
  { headers, method, originalUrl }: HttpServerRequest,
  hosts: ReadonlySet<string>,
  origins: ReadonlySet<string>
): ProblemResponse.ApiError | undefined => {
  const { origin } = headers
  const host = hostOf({ headers, originalUrl })
  const name = nameOf(host)
  if (!hosts.has(name)) {
    return new Forbidden({
      problem: `This server is not reached as "${host.slice(0, 100)}"; it serves ${[...hosts].join(", ")}`
    })
  }
  if (reads.has(method)) return undefined
  const isOwn = origin === undefined || origins.has(origin) || origin === `http://${host}` ||
    origin === `https://${host}`
  if (!isOwn || (origin === undefined && headers["sec-fetch-site"] === "cross-site")) {
    return new Forbidden({ problem: `A page of ${origin?.slice(0, 200) ?? "another site"} may not act here` })
  }
  return undefined
}

/** A Fetch request need have no header that says it: then its whole address does. */
const hostOf = ({ headers, originalUrl }: Pick<HttpServerRequest, "headers" | "originalUrl">): string =>
  headers["host"] ?? URL.parse(originalUrl)?.host ?? ""

/** A host without its port. */
const nameOf = (host: string): string => host.toLowerCase().replace(/:\d+$/, "")

/** JSON bodies are read once here, for what `JSON.parse` would change in silence. */
const bodyRefusal = Effect.fnUntraced(function*(request: HttpServerRequest) {
  const type = (request.headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase()
  if (type !== "application/json") {
    return new UnsupportedMediaType({ contentType: type === "" ? "no name" : type.slice(0, 100) })
  }
  const parsed = JsonText.parse(yield* request.text)
  if (parsed._tag === "Json") return undefined
  if (parsed._tag === "Mistake") {
    const { column, line, problem } = parsed
    return new BadRequest({ problem: `The body is no JSON: ${problem} (line ${line}, column ${column})`, issues: [] })
  }
  return new BadRequest({
    problem: "The body says what JSON cannot keep as it is",
    issues: parsed.losses.map(({ path, problem }) => ({ path: ["body", ...path].join("."), message: problem }))
  })
})
