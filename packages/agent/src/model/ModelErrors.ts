/**
 * Why a model call failed, and what follows: one table for all providers, by the
 * status, the type and the words of an answer, and by what the network said. What
 * `effect/ai` calls retryable is not asked, for it would buy an answer again that
 * has been paid for and did not fit.
 */
import { EgressRefused } from "@fermata/engine/Egress"
import { cutter } from "@fermata/engine/Secrets"
import { ModelFailed } from "../Model.ts"

/** What follows from a failure. */
export interface Consequence {
  /** One of a closed list; each is retryable, or is not, wherever it stands. */
  readonly code: Code
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  /** Whether tokens may have been billed for an answer that did not arrive whole. */
  readonly maybePaid: boolean
}

/** The codes of failed model calls. */
export type Code =
  | "ERR_API"
  | "ERR_API_OVERLOADED"
  | "ERR_AUTH"
  | "ERR_PROMPT_TOO_LONG"
  | "ERR_RATE_LIMIT"
  | "ERR_REQUEST"
  | "ERR_STREAM_INCOMPLETE"
  | "ERR_STREAM_PARSE"
  | "ERR_UNEXPECTED_STOP"

/** The table: why, and what follows. */
export const consequences = {
  /** 429. */
  "rate limit": { code: "ERR_RATE_LIMIT", retryable: true, maybePaid: false },
  /** 529. */
  overloaded: { code: "ERR_API_OVERLOADED", retryable: true, maybePaid: false },
  /** 500, 503. */
  "server error": { code: "ERR_API", retryable: true, maybePaid: false },
  /** 408, 502, 504: somebody in between gave up, and the provider may have gone on. */
  "gateway error": { code: "ERR_API", retryable: true, maybePaid: true },
  /** 409: a call with the same key is going on. */
  conflict: { code: "ERR_API", retryable: true, maybePaid: true },
  /** Nothing was sent. */
  unreachable: { code: "ERR_API", retryable: true, maybePaid: false },
  /** Sent, and the connection was lost before the answer began. */
  "connection lost": { code: "ERR_API", retryable: true, maybePaid: true },
  timeout: { code: "ERR_API", retryable: true, maybePaid: true },
  /** 401. */
  "no access": { code: "ERR_AUTH", retryable: false, maybePaid: false },
  /** 403. */
  forbidden: { code: "ERR_AUTH", retryable: false, maybePaid: false },
  /** 402: the account has no money left. */
  "no credit": { code: "ERR_AUTH", retryable: false, maybePaid: false },
  /** 404: no such model. */
  "not found": { code: "ERR_REQUEST", retryable: false, maybePaid: false },
  /** 400, 422 and what else is wrong with a request. */
  "invalid request": { code: "ERR_REQUEST", retryable: false, maybePaid: false },
  /** 400 for too many tokens, 413 for too many bytes. */
  "prompt too long": { code: "ERR_PROMPT_TOO_LONG", retryable: false, maybePaid: false },
  /** The answer broke off. */
  "stream cut": { code: "ERR_STREAM_INCOMPLETE", retryable: true, maybePaid: true },
  /** What came is not what the provider's protocol says. */
  "stream malformed": { code: "ERR_STREAM_PARSE", retryable: false, maybePaid: true },
  /** The answer is whole, and ended for a reason that nobody knows. */
  "unexpected stop": { code: "ERR_UNEXPECTED_STOP", retryable: false, maybePaid: true },
  /** Nothing of this table: tried again as a fault of the network would be. */
  unknown: { code: "ERR_API", retryable: true, maybePaid: true }
} as const satisfies Record<string, Consequence>

/** Why a call failed: a line of the table. */
export type Reason = keyof typeof consequences

/** A failure by its line of the table. `midway`: the answer had begun, so it may have been paid for. */
export const failed = (
  model: string,
  reason: Reason,
  problem: string,
  options: { readonly midway?: boolean; readonly retryAfterMs?: number | undefined } = {}
): ModelFailed => {
  const { code, maybePaid, retryable } = consequences[reason]
  return new ModelFailed({
    model,
    code,
    problem,
    retryable,
    maybePaid: maybePaid || options.midway === true,
    ...(options.retryAfterMs === undefined || !retryable ? {} : { retryAfterMs: options.retryAfterMs })
  })
}

/** The failure with what the provider had told of its tokens before; as it is where it had told nothing. */
export const withUsage = (failure: ModelFailed, usage: ModelFailed["usage"]): ModelFailed => {
  if (usage === undefined) return failure
  const { code, maybePaid, model, problem, retryAfterMs, retryable } = failure
  return new ModelFailed({
    model,
    code,
    problem,
    retryable,
    maybePaid,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    usage
  })
}

/** What is known of a failure, whichever client threw it. */
export interface Evidence {
  /** Of HTTP. */
  readonly status?: number | undefined
  /** The provider's word, such as `overloaded_error` or `insufficient_quota`. */
  readonly types?: ReadonlyArray<string>
  readonly text?: string
  /** Of the network, such as `ECONNREFUSED`. */
  readonly networkCodes?: ReadonlyArray<string>
  /** What came could not be read as what it should be. */
  readonly malformed?: boolean
  /** The answer had begun. */
  readonly midway?: boolean
}

const byType: Readonly<Record<string, Reason>> = {
  api_error: "server error",
  authentication_error: "no access",
  billing_error: "no credit",
  billing_not_active: "no credit",
  context_length_exceeded: "prompt too long",
  insufficient_quota: "no credit",
  invalid_api_key: "no access",
  invalid_request_error: "invalid request",
  model_not_found: "not found",
  not_found_error: "not found",
  overloaded_error: "overloaded",
  permission_error: "forbidden",
  rate_limit_error: "rate limit",
  rate_limit_exceeded: "rate limit",
  request_too_large: "prompt too long",
  server_error: "server error",
  timeout_error: "gateway error"
}

const byStatus: Readonly<Record<number, Reason>> = {
  401: "no access",
  402: "no credit",
  403: "forbidden",
  404: "not found",
  408: "gateway error",
  409: "conflict",
  413: "prompt too long",
  429: "rate limit",
  499: "gateway error",
  502: "gateway error",
  504: "gateway error",
  529: "overloaded"
}

/** As providers say it: what helps is a shorter prompt, and nothing else. */
const tooLong =
  /prompt (is|was) too long|too many (input )?tokens|context (length|window|size)|exceeds? the (maximum|max|limit).{0,40}tokens|input (is too long|token count)/i

const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "UND_ERR_CONNECT_TIMEOUT"
])
const lateCodes = new Set(["ETIMEDOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"])

/** The line of the table for what is known of a failure. */
export const reasonOf = (evidence: Evidence): Reason => {
  const { malformed, midway = false, networkCodes = [], status, text = "", types = [] } = evidence
  // The more telling word first: a quota that is used up comes with the status of a rate limit.
  const told = types.map((type) => byType[type]).filter((reason) => reason !== undefined)
  const special = told.find((reason) => reason === "no credit" || reason === "prompt too long")
  const plain = special ?? (status === undefined ? undefined : byStatus[status]) ?? told[0] ??
    (status === undefined ? undefined : status >= 500 ? "server error" : "invalid request")
  if (plain === "invalid request") {
    if (/credit balance/i.test(text)) return "no credit"
    return tooLong.test(text) ? "prompt too long" : plain
  }
  if (plain !== undefined) return plain
  if (malformed === true) return "stream malformed"
  if (midway) {
    return networkCodes.length > 0 || /terminated|aborted|socket|network/i.test(text)
      ? "stream cut"
      : "unknown"
  }
  if (networkCodes.some((code) => neverSent.has(code))) return "unreachable"
  if (networkCodes.some((code) => lateCodes.has(code)) || /timed out/i.test(text)) return "timeout"
  return networkCodes.length > 0 || /terminated|socket|fetch failed|connection error/i.test(text)
    ? "connection lost"
    : "unknown"
}

/**
 * How long a provider asks to wait: ms, from `retry-after-ms`, or from
 * `retry-after` as seconds or as a date; undefined where it says nothing that can
 * be read. `now` is in ms of the epoch.
 */
export const retryAfterMs = (header: (name: string) => string | null | undefined, now: number): number | undefined => {
  const precise = Number.parseFloat(header("retry-after-ms") ?? "")
  if (Number.isFinite(precise)) return Math.max(0, Math.ceil(precise))
  const text = header("retry-after")?.trim() ?? ""
  if (text === "") return undefined
  const seconds = Number(text)
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds * 1000))
  const at = Date.parse(text)
  return Number.isFinite(at) ? Math.max(0, at - now) : undefined
}

/**
 * The failure that a client threw, by its shape: the errors of Anthropic's client
 * and of the AI SDK, of `fetch` and of JSON. A server may repeat what it was sent,
 * so the keys that the call was made with are cut out of what it says.
 */
export const fromThrown = (
  model: string,
  error: unknown,
  options: {
    readonly now: number
    readonly midway?: boolean
    readonly secrets?: Iterable<readonly [name: string, text: string]>
  }
): ModelFailed => {
  if (error instanceof ModelFailed) return error
  const refused = causesOf(error).find((cause) => cause instanceof EgressRefused)
  if (refused !== undefined) return failed(model, "forbidden", refused.message)
  const thrown = isObject(error) ? error : {}
  const told = numberOf(thrown["status"]) ?? numberOf(thrown["statusCode"])
  // An error with a status that is none: the answer had begun, and broke while its beginning was read.
  const status = told === undefined || told >= 400 ? told : undefined
  const body = bodyOf(thrown)
  const inner = isObject(body?.["error"]) ? body["error"] : body
  const said = textOf(inner?.["message"]) ?? textOf(thrown["message"]) ?? String(error)
  const cut = cutter(options.secrets ?? []).text
  const text = cut(said)
  const midway = options.midway === true || (told !== undefined && told >= 200 && told < 300)
  const reason = reasonOf({
    status,
    types: [thrown["type"], inner?.["type"], inner?.["code"], inner?.["status"]].filter((type) =>
      typeof type === "string"
    ),
    text,
    networkCodes: codesOf(error),
    malformed: error instanceof SyntaxError,
    midway
  })
  const header = headersOf(thrown)
  const request = header("request-id") ?? header("x-request-id")
  return failed(
    model,
    reason,
    `${reason}${status === undefined ? "" : ` (${status})`}: ${text}${
      typeof request === "string" && request !== "" ? ` [${cut(request)}]` : ""
    }`,
    { midway, retryAfterMs: retryAfterMs(header, options.now) }
  )
}

type Fields = { readonly [key: string]: unknown }
const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null
const numberOf = (value: unknown): number | undefined => typeof value === "number" ? value : undefined
const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

/** What the provider said: `error` of Anthropic's client, `data` or the text of the body with the AI SDK. */
const bodyOf = (thrown: Fields): Fields | undefined => {
  for (const key of ["error", "data"]) {
    const body = thrown[key]
    if (isObject(body)) return body
  }
  const text = thrown["responseBody"]
  if (typeof text !== "string") return undefined
  try {
    const body: unknown = JSON.parse(text)
    return isObject(body) ? body : undefined
  } catch {
    return undefined
  }
}

const headersOf = (thrown: Fields): (name: string) => string | null | undefined => {
  const headers = thrown["headers"] ?? thrown["responseHeaders"]
  if (headers instanceof Headers) return (name) => headers.get(name)
  return (name) => isObject(headers) ? textOf(headers[name]) : undefined
}

/** The codes of the network, as deep as `fetch` hides them. */
const codesOf = (error: unknown): ReadonlyArray<string> => {
  const codes: Array<string> = []
  for (const { code, errors } of causesOf(error)) {
    if (typeof code === "string" && /^(E[A-Z_]+|UND_ERR_[A-Z_]+)$/.test(code)) codes.push(code)
    for (const one of Array.isArray(errors) ? errors : []) codes.push(...codesOf(one))
  }
  return codes
}

/** The error, and what is behind it. */
const causesOf = (error: unknown): ReadonlyArray<Fields> => {
  const causes = new Set<Fields>()
  for (let at = error; isObject(at) && !causes.has(at); at = at["cause"]) causes.add(at)
  return [...causes]
}
