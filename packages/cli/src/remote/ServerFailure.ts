/** What stands between a command and a server, in sentences: it is not up, does not let in, or is of another version. */
import type {
  AnswerToldOnce,
  BadRequest,
  Forbidden,
  KeyReused,
  RangeNotSatisfiable,
  ServerFailed,
  TooManyRequests,
  Unauthorized
} from "@fermata/api/ApiErrors"
import * as Effect from "effect/Effect"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as Predicate from "effect/Predicate"
import type { SchemaError } from "effect/Schema"
import { type CommandFailed, failed, refused } from "../CommandFailed.ts"
import { label } from "../ConfigFile.ts"
import type { ServerPlace } from "../ServerPlace.ts"

/** Whatever a call of a server may fail with that is no answer of its verb. */
export type Between =
  | HttpClientError
  | SchemaError
  | AnswerToldOnce
  | BadRequest
  | Unauthorized
  | Forbidden
  | KeyReused
  | RangeNotSatisfiable
  | TooManyRequests
  | ServerFailed

/** What a failure is called where no answer came. */
export const unreachableCode = "ServerUnreachable"

const tags: ReadonlySet<string> = new Set<Between["_tag"]>([
  "HttpClientError",
  "SchemaError",
  "AnswerToldOnce",
  "BadRequest",
  "Unauthorized",
  "Forbidden",
  "KeyReused",
  "RangeNotSatisfiable",
  "TooManyRequests",
  "ServerFailed"
])

/** Whether an error is none of the verb that was asked. */
export const isBetween = (error: unknown): error is Between =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string" && tags.has(error._tag)

/** Whether the server could not be reached, or broke off: trying again may help. */
export const isLost = (error: unknown): boolean =>
  Predicate.isTagged(error, "HttpClientError") && lostIn((error as HttpClientError).reason) !== undefined

/** The failure of a command whose server answered so. Of a look nothing is lost; of an act it is said that nobody knows. */
export const of = (place: ServerPlace, error: Between): Effect.Effect<CommandFailed> => {
  switch (error._tag) {
    case "Unauthorized":
      return Effect.succeed(unauthorized(place, error.reason))
    case "Forbidden":
      return Effect.succeed(
        refused(
          "Forbidden",
          `The server at ${place.url} refuses: ${error.message}`,
          error.scope === undefined ? [] : [tokenWith(error.scope)]
        )
      )
    case "AnswerToldOnce":
    case "BadRequest":
    case "KeyReused":
    case "RangeNotSatisfiable":
      return Effect.succeed(refused(error._tag, error.message))
    case "TooManyRequests":
      return Effect.succeed(
        refused("TooManyRequests", `The server at ${place.url} has enough to do: ${error.message}`, [
          "nothing was done of it, and may be asked for again later",
          ...error.limit?.startsWith("requests") === true
            ? [
              "whoever runs the server says how much it takes at once (serve --max-requests, --max-requests-of-caller)"
            ]
            : []
        ])
      )
    case "ServerFailed":
      return Effect.succeed(failed("ServerFailed", `${error.message} (${place.url})`))
    case "SchemaError":
      return Effect.succeed(failed(
        "NoServer",
        `What answers at ${place.url} is no server of Fermata, or one of another version than this command`,
        ["name the URL that the server says it serves at", sameVersion]
      ))
    case "HttpClientError": {
      const { reason } = error
      const lost = lostIn(reason)
      if (lost !== undefined) return Effect.succeed(unreachable(place, reason.request.method, lost.cause))
      if (!("response" in reason)) return Effect.succeed(failed("ServerFailed", error.message))
      const { request: { method, url }, response } = reason
      return Effect.map(Effect.orElseSucceed(response.json, () => undefined), (body) => {
        const path = url.replace(/[?#].*$/s, "").slice(place.url.length)
        const type = Predicate.hasProperty(body, "type") ? String(body.type) : ""
        if (type === "urn:fermata:problem:RouteNotFound" || type === "urn:fermata:problem:MethodNotAllowed") {
          return otherVersion(place, `it knows no ${method} ${path}`)
        }
        if (type.startsWith("urn:fermata:problem:") && Predicate.hasProperty(body, "detail")) {
          return refused(type.slice("urn:fermata:problem:".length), String(body.detail))
        }
        return refused(
          "NoServer",
          `What answers at ${place.url} is no server of Fermata: it says ${response.status} to ${method} ${path}`,
          ["name the URL that the server says it serves at, or that of the proxy in front of it"]
        )
      })
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const otherVersion = ({ url }: ServerPlace, how: string): CommandFailed =>
  failed("OtherVersion", `The server at ${url} is of another version than this command: ${how}`, [
    sameVersion
  ])

const sameVersion = "install the same version of @fermata/cli on both"

const tokenWith = (scope: string): string => `whoever runs the server makes one with the scope ${scope} (token create)`

const unauthorized = ({ config, token, url }: ServerPlace, reason: Unauthorized["reason"]): CommandFailed =>
  token === undefined || reason === "missing"
    ? refused("Unauthorized", `The server at ${url} asks for a token`, [
      "give it in FERMATA_TOKEN, or in a file: --token-file FILE, or FERMATA_TOKEN_FILE",
      ...config === undefined
        ? []
        : [`or say in ${label(config)} where it is: server: { url: …, token: { env: "RUNS_TOKEN" } }`],
      tokenWith("read")
    ])
    : refused(
      "Unauthorized",
      reason === "expired" ? `The token for ${url} has run out` : `The server at ${url} does not know the token`,
      [tokenWith("read")]
    )

/** Why no answer came, by the codes of Node. */
const unreachable = ({ config, url }: ServerPlace, method: string, cause: unknown): CommandFailed => {
  const code = codeOf(cause)
  const { hostname, protocol } = new URL(url)
  const fail = (message: string, ...details: ReadonlyArray<string>) =>
    failed(unreachableCode, message, [
      ...details,
      ...config === undefined
        ? []
        : [`it is the server of ${label(config)}; --db FILE names a database of this machine`]
    ])
  if (code === "ECONNREFUSED") {
    return fail(
      `No server answers at ${url}: nothing listens there`,
      "start the server on its machine (serve), or name another URL"
    )
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return fail(`No server answers at ${url}: there is no host ${hostname}`)
  }
  if (protocol === "https:" && /WRONG_VERSION_NUMBER|EPROTO|PACKET_LENGTH/.test(code)) {
    return fail(`What answers at ${url} speaks no TLS`, `if it is meant so, its URL begins with http://`)
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)) {
    return fail(
      `The certificate of ${url} is not trusted: ${textOf(cause)}`,
      /ALTNAME/.test(code)
        ? "name the server by one of the names that its certificate has"
        : /EXPIRED|NOT_YET/.test(code)
        ? "have it renewed where the server is, or set the clock of this machine right"
        : "where it is your own, name the file with it, or with that of its authority: NODE_EXTRA_CA_CERTS=cert.pem"
    )
  }
  if (/TIMEDOUT|TIMEOUT|UNREACH/.test(code)) return fail(`No server answers at ${url}: ${textOf(cause)}`)
  if (textOf(cause) === "bad port") {
    return fail(`No server is asked at ${url}: its port is one of those that no client of HTTP connects to`)
  }
  const told = `The server at ${url} broke off: ${textOf(cause)}`
  const isLook = method === "GET" || method === "HEAD"
  return fail(
    isLook ? told : `${told}; whether it has recorded what was asked is not known`,
    ...protocol === "http:" ? ["if it has TLS, its URL begins with https://"] : []
  )
}

/** How an answer was lost: none came, or it broke off on the way, which the connection says by a code. Text that is no answer has none. */
const lostIn = (reason: HttpClientError["reason"]): { readonly cause: unknown } | undefined =>
  reason._tag === "TransportError" || (reason._tag === "DecodeError" && codeOf(reason.cause) !== "")
    ? { cause: reason.cause }
    : undefined

const causes = (cause: unknown): ReadonlyArray<object> => {
  const found: Array<object> = []
  for (
    let at = cause;
    Predicate.isObject(at) && found.length < 8;
    at = Predicate.hasProperty(at, "cause") ? at.cause : undefined
  ) {
    found.push(at)
    // Where a name has several addresses, each has failed for itself.
    if (Predicate.hasProperty(at, "errors") && Array.isArray(at.errors)) {
      found.push(...at.errors.filter(Predicate.isObject))
    }
  }
  return found
}

const codeOf = (cause: unknown): string => {
  for (const one of causes(cause).toReversed()) {
    if (Predicate.hasProperty(one, "code") && typeof one.code === "string") return one.code
  }
  return ""
}

const textOf = (cause: unknown): string => {
  const last = causes(cause).findLast((one) => one instanceof Error && one.message !== "")
  return last instanceof Error ? last.message.split("\n")[0]! : "no more is known"
}
