/** Refusals that no route has written, as problem documents. */
import * as ApiErrors from "@fermata/api/ApiErrors"
import * as Problem from "@fermata/api/Problem"
import * as RouteTable from "@fermata/api/RouteTable"
import * as Cause from "effect/Cause"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import { HttpApiSchemaError } from "effect/http-api/HttpApiError"
import * as HttpServerError from "effect/http/HttpServerError"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { longestName } from "../ServerOptions.ts"

const writers = {
  BadRequest: Schema.encodeSync(Problem.of(ApiErrors.BadRequest)),
  Unauthorized: Schema.encodeSync(Problem.of(ApiErrors.Unauthorized)),
  Forbidden: Schema.encodeSync(Problem.of(ApiErrors.Forbidden)),
  RouteNotFound: Schema.encodeSync(Problem.of(ApiErrors.RouteNotFound)),
  MethodNotAllowed: Schema.encodeSync(Problem.of(ApiErrors.MethodNotAllowed)),
  UnsupportedMediaType: Schema.encodeSync(Problem.of(ApiErrors.UnsupportedMediaType)),
  BodyTooLarge: Schema.encodeSync(Problem.of(ApiErrors.BodyTooLarge)),
  AnswerToldOnce: Schema.encodeSync(Problem.of(ApiErrors.AnswerToldOnce)),
  KeyReused: Schema.encodeSync(Problem.of(ApiErrors.KeyReused)),
  BlobNotFound: Schema.encodeSync(Problem.of(ApiErrors.BlobNotFound)),
  RangeNotSatisfiable: Schema.encodeSync(Problem.of(ApiErrors.RangeNotSatisfiable)),
  TooManyRequests: Schema.encodeSync(Problem.of(ApiErrors.TooManyRequests)),
  QueueFull: Schema.encodeSync(Problem.of(ApiErrors.QueueFull)),
  QuotaReached: Schema.encodeSync(Problem.of(ApiErrors.QuotaReached)),
  ServerFailed: Schema.encodeSync(Problem.of(ApiErrors.ServerFailed))
}

type Errors = typeof ApiErrors
/** What may be refused before a route has its say. */
export type ApiError = InstanceType<Errors[keyof Errors]>

/** Whether an error of this tag is one. */
export const knows = (tag: string): boolean => Object.hasOwn(writers, tag)

/** Whether this is one. */
export const isApiError = (error: unknown): error is ApiError =>
  typeof error === "object" && error !== null && "_tag" in error && knows(String(error._tag))

/** The response that says so. */
export const of = (error: ApiError): HttpServerResponse.HttpServerResponse => {
  const write = writers[error._tag] as (error: ApiError) => Problem.Problem
  const problem = write(error)
  return HttpServerResponse.jsonUnsafe(problem, {
    status: problem.status,
    contentType: Problem.contentType,
    headers: headersOf(error)
  })
}

/** What its response says beside the problem. */
export const headersOf = (error: ApiError): Record<string, string> => {
  if (error._tag === "MethodNotAllowed") return { allow: error.allowed.join(", ") }
  if (error._tag === "TooManyRequests" || error._tag === "QuotaReached" || error._tag === "QueueFull") {
    return { "retry-after": String(error.retryAfter) }
  }
  if (error._tag === "Unauthorized") return challenge(error.reason === "missing" ? {} : { error: "invalid_token" })
  if (error._tag === "Forbidden" && error.scope !== undefined) {
    return challenge({ error: "insufficient_scope", scope: error.scope })
  }
  return {}
}

/** What a request came to that ended otherwise than with a response. Written to the log where it is nobody's fault but the server's. */
export const ofCause = (
  request: HttpServerRequest,
  most: number,
  cause: Cause.Cause<unknown>
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const error = Cause.squash(cause)
  if (HttpApiSchemaError.is(error) && isOfRequest(error)) return Effect.succeed(of(badRequest(error)))
  if (error instanceof HttpServerError.HttpServerError) {
    const { reason } = error
    if (reason._tag === "RouteNotFound") return Effect.succeed(of(missing(request)))
    if (reason._tag === "RequestParseError") {
      return Effect.succeed(
        of(
          reason.reason === "BodyTooLarge"
            ? new ApiErrors.BodyTooLarge({ most })
            : new ApiErrors.BadRequest({ problem: "The body could not be read", issues: [] })
        )
      )
    }
  }
  return Effect.gen(function*() {
    const id = (yield* WebCrypto).randomUUID()
    yield* Effect.logError(`request ${id} failed: ${request.method} ${pathOf(request)}`, cause)
    return of(new ApiErrors.ServerFailed({ id }))
  })
}

/** The path that a request names, without its query. */
export const pathOf = ({ url }: HttpServerRequest): string => url.replace(/[?#].*$/s, "")

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What a caller has to show (RFC 6750, section 3). */
const challenge = (parameters: Readonly<Record<string, string>>): Record<string, string> => ({
  "www-authenticate": `Bearer ${
    Object.entries({ realm: "fermata", ...parameters }).map(([name, value]) => `${name}="${value}"`).join(", ")
  }`
})

const missing = (request: HttpServerRequest): ApiError => {
  const path = pathOf(request)
  const allowed = RouteTable.methodsAt(path)
  const refuse = (message: string) =>
    new ApiErrors.BadRequest({ problem: `path: ${message}`, issues: [{ path: "path", message }] })
  if (!isEncoded(path)) return refuse("a % begins the two hex digits of a byte, and the bytes are UTF-8")
  // The route is there, so what it was not taken for is the length of what stands in it.
  if (allowed.includes(request.method)) return refuse(`one of its names is longer than ${longestName} characters`)
  return allowed.length === 0
    ? new ApiErrors.RouteNotFound({ method: request.method, path })
    : new ApiErrors.MethodNotAllowed({ method: request.method, path, allowed })
}

const isEncoded = (path: string): boolean => {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

const slots = { Params: "path", Query: "query", Headers: "header", Payload: "body" } as const

const isOfRequest = (error: HttpApiSchemaError): boolean => error.kind in slots

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const badRequest = (error: HttpApiSchemaError): ApiErrors.BadRequest => {
  const slot = slots[error.kind as keyof typeof slots]
  const issues = format(error.cause.issue).issues.map(({ message, path = [] }) => ({
    path: [slot, ...path.map((segment) => String(typeof segment === "object" ? segment.key : segment))].join("."),
    message
  }))
  const [first] = issues
  return new ApiErrors.BadRequest({
    problem: first === undefined ? `The ${slot} is not as it must be` : `${first.path}: ${first.message}`,
    issues
  })
}
