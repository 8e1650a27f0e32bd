/** A request as it goes out, and what becomes of it at a redirect (RFC 9110, section 15.4). Pure. */
import type { Refusal } from "../../EgressPolicy.ts"

/** A request without its URL. Names of headers are in lower case. */
export interface Message {
  readonly method: string
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: Uint8Array | undefined
}

/** The message, or what is wrong with it. Where a connection is kept and how long a body is are said by whoever sends it. */
export const of = (
  method: string,
  headers: Iterable<readonly [string, string]>,
  body: Uint8Array | undefined
): Message | Refusal => {
  if (!token.test(method) || method === "CONNECT" || method === "TRACE") {
    return refusal(`its method is "${method}"`, "a request has a method such as GET or POST")
  }
  if (body !== undefined && (method === "GET" || method === "HEAD")) {
    return refusal(`it is a ${method} with a body`, "what has a body is a POST, a PUT or a PATCH")
  }
  const kept: Array<readonly [string, string]> = []
  for (const [given, value] of headers) {
    const name = given.toLowerCase()
    if (!token.test(name)) return refusal("a header has a name that is none", "a name is made of letters, digits and -")
    if (/[^\t\u0020-\u007e\u0080-\u00ff]/.test(value)) {
      return refusal(`its header "${name}" has a line break or a sign that no header has`, "a header is one line")
    }
    if (ofSender.has(name)) continue
    if (ofConnection.has(name)) {
      return refusal(`its header "${name}" is about the connection`, "whoever sends it says that; leave it out")
    }
    kept.push([name, value.trim()])
  }
  return { method, headers: kept, body }
}

/** Whether a response says that what is asked for is elsewhere. */
export const isRedirect = (status: number): boolean =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308

/** What is asked where a response redirects to. With another origin goes nothing that says who asks. */
export const redirected = (message: Message, status: number, isSameOrigin: boolean): Message => {
  const { method } = message
  const becomesGet = (status === 303 && method !== "GET" && method !== "HEAD") ||
    ((status === 301 || status === 302) && method === "POST")
  const headers = message.headers.filter(([name]) =>
    (isSameOrigin || telling.has(name)) && !(becomesGet && (ofBody.has(name) || name.startsWith("content-")))
  )
  return becomesGet ? { method: "GET", headers, body: undefined } : { method, headers, body: message.body }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const refusal = (problem: string, remedy: string): Refusal => ({ rule: "header", problem, remedy })

/** RFC 9110, section 5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** What programs say out of habit, and only who sends the message knows. */
const ofSender = new Set(["connection", "keep-alive", "content-length", "accept-encoding"])

const ofConnection = new Set([
  "host",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "proxy-authorization",
  "proxy-connection",
  "http2-settings"
])

const ofBody = new Set(["digest", "repr-digest", "last-modified"])

/** What says how an answer is wanted, or what the body is, and nothing of who asks. */
const telling = new Set([
  "accept",
  "accept-language",
  "cache-control",
  "content-encoding",
  "content-language",
  "content-type",
  "idempotency-key",
  "if-modified-since",
  "if-none-match",
  "range",
  "user-agent"
])
