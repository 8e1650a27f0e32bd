/** What of a request that somebody else made up goes to a service: all of it, or nothing. Pure. */
import * as LinearRegExp from "@fermata/core/LinearRegExp"
import * as StoredJson from "@fermata/core/StoredJson"
import type * as Schema from "effect/Schema"

export const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const
export type Method = (typeof methods)[number]

/** What is asked of a service. */
export interface Asked {
  /** `GET` when absent. */
  readonly method?: Method | undefined
  /** Begins with a slash, and may have a query. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean>> | undefined
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: Schema.Json | undefined
  /** Those that say who asks are left out. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** The bounds of one service. */
export interface Rails {
  /** Without a slash at its end. */
  readonly base: URL
  readonly methods: ReadonlyArray<Method>
  /** Whether a path, as a server reads it, may be asked for. */
  readonly allows: (path: string) => boolean
  readonly maxBodyBytes: number
  /** Headers that say who asks, in lower case: nobody gives them but the configuration. */
  readonly reserved: ReadonlySet<string>
}

/** A request that may be sent, but for who asks. */
export interface Ready {
  readonly method: Method
  /** As a server reads it: what rules and hooks are told. */
  readonly path: string
  readonly url: string
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: string | undefined
}

/** Whether a whole path is meant by one of these patterns; throws where one is none, or could take long. */
export const pathsOf = (patterns: ReadonlyArray<string> | undefined): Rails["allows"] => {
  if (patterns === undefined) return () => true
  const all = patterns.map((pattern) => {
    // Whatever JavaScript does not take is told by JavaScript.
    void new RegExp(pattern)
    return LinearRegExp.compile(`^(?:${pattern})$`, { ignoreCase: false, multiline: false })
  })
  return (path) => all.some((pattern) => pattern.exec(path, 0, () => {}) !== undefined)
}

/** The request, or why it is not sent. */
export const judge = (rails: Rails, asked: Asked): Ready | { readonly problem: string } => {
  const { method = "GET" } = asked
  if (!rails.methods.includes(method)) {
    return refused(`its method is ${method}, and this service may be asked by ${rails.methods.join(", ")}`)
  }
  if (asked.path.length > maxPathLength) {
    return refused(`its path has ${asked.path.length} characters, and one has at most ${maxPathLength}`)
  }
  const [given, ...rest] = asked.path.split("?")
  const segments = segmentsOf(given!)
  if ("problem" in segments) return segments
  const path = `/${segments.names.join("/")}`
  if (!rails.allows(path)) return refused(`its path ${quote(path)} is none of those that may be asked for`)
  const url = new URL(rails.base)
  url.pathname = `${rails.base.pathname.replace(/\/$/, "")}/${segments.names.map(encoded).join("/")}`
  const query = new URLSearchParams(rest.join("?"))
  for (const [name, value] of Object.entries(asked.query ?? {})) query.append(name, String(value))
  url.search = query.toString()
  const headers = headersOf(rails, asked.headers ?? {})
  if ("problem" in headers) return headers
  if (asked.body === undefined || asked.body === null) {
    return { method, path, url: url.href, headers: headers.kept, body: undefined }
  }
  if (method === "GET" || method === "HEAD") return refused(`a ${method} has no body`)
  const body = typeof asked.body === "string" ? asked.body : StoredJson.textOf(asked.body)
  const bytes = new TextEncoder().encode(body).length
  if (bytes > rails.maxBodyBytes) {
    return refused(`its body has ${bytes} bytes, and this service is sent at most ${rails.maxBodyBytes}`)
  }
  const isSaid = headers.kept.some(([name]) => name === "content-type")
  const kind: readonly [string, string] = ["content-type", isJson(asked.body) ? "application/json" : "text/plain"]
  return { method, path, url: url.href, headers: isSaid ? headers.kept : [...headers.kept, kind], body }
}

/** A path as a server reads it, without its query; nothing where it is none below a base. */
export const pathOf = (given: string): string | undefined => {
  const segments = segmentsOf(given.split("?")[0]!)
  return "problem" in segments ? undefined : `/${segments.names.join("/")}`
}

/** A name of a header as servers compare it: some take `_` for `-`. */
export const headerName = (name: string): string => name.trim().toLowerCase().replaceAll("_", "-")

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const maxPathLength = 2_048

const refused = (problem: string) => ({ problem })

const quote = (text: string): string => StoredJson.quote(text)

const isJson = (body: Schema.Json): boolean => typeof body !== "string"

/**
 * The parts of a path as a server reads them, or why it is no path below the
 * base. A server may decode it once more than it should, take a backslash for a
 * slash, or leave out what follows a semicolon: what any of them would take for a
 * way up or elsewhere is refused.
 */
const segmentsOf = (path: string): { readonly names: ReadonlyArray<string> } | { readonly problem: string } => {
  if (!path.startsWith("/")) return refused(`its path ${quote(path)} does not begin with a slash`)
  if (path.includes("#")) return refused("its path has a # in it")
  const wrong = problemOf(path)
  if (wrong !== undefined) return refused(wrong)
  const names: Array<string> = []
  for (const segment of path.slice(1).split("/")) {
    const name = decoded(segment)
    if (name === undefined) return refused(`its path ${quote(path)} has a % that encodes nothing`)
    names.push(name)
    let seen = name
    for (let round = 0;; round++) {
      if (seen.includes("/")) return refused(`its path ${quote(path)} has an encoded slash in it`)
      const wrong = problemOf(`/${seen}`)
      if (wrong !== undefined) return refused(wrong)
      const next = decoded(seen)
      if (next === undefined || next === seen) break
      if (round === 4) return refused("its path is encoded again and again")
      seen = next
    }
  }
  return { names }
}

const problemOf = (path: string): string | undefined => {
  if (/[\p{Cc}\u2028\u2029\\]/u.test(path)) return "its path has a control character or a backslash in it"
  if (!path.isWellFormed()) return "its path is no text"
  if (path.length > 1 && path.includes("//")) return `its path ${quote(path)} has two slashes in a row`
  const isUp = path.split("/").some((segment) => /^\.{1,2}$/.test(segment.split(";")[0]!.trim()))
  return isUp ? `its path ${quote(path)} has a part that leads up` : undefined
}

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Signs that stand for themselves in a part of a path. */
const encoded = (name: string): string =>
  encodeURIComponent(name).replace(/%(?:40|3A|24|26|2B|2C|3B|3D)/g, (sign) => decodeURIComponent(sign))

/** What says who asks, by whom, where to, or by which method: a server may believe it over the request itself. */
const ofNobody = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "host",
  "api-key",
  "apikey",
  "x-api-key",
  "x-apikey",
  "x-auth-token",
  "x-access-token",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-original-uri",
  "x-rewrite-url",
  "x-real-ip",
  "forwarded",
  "via",
  "idempotency-key",
  "transfer-encoding",
  "content-length",
  "content-encoding",
  "connection",
  "upgrade",
  "te",
  "trailer",
  "expect"
])

const headersOf = (
  { reserved }: Rails,
  given: Readonly<Record<string, string>>
): { readonly kept: ReadonlyArray<readonly [string, string]> } | { readonly problem: string } => {
  const kept: Array<readonly [string, string]> = []
  for (const [name, value] of Object.entries(given)) {
    const compared = headerName(name)
    if (ofNobody.has(compared) || reserved.has(compared) || compared.startsWith("x-forwarded-")) continue
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || /[^\t\u0020-\u007e\u0080-\u00ff]/.test(value)) {
      return refused("a header has a line break in it, or a name or a sign that no header has")
    }
    kept.push([name.toLowerCase(), value])
  }
  return { kept }
}
