/**
 * Conversations with a provider, recorded once with a key and played again without
 * one, byte for byte: in place of the `fetch` of a client. A recording is data;
 * where it is kept is the caller's. No key gets into it: of headers only those are
 * kept that say something about an answer, and what a request authenticates itself
 * with, in whichever header, is cut out of everything else, in the forms that `Secrets` knows.
 *
 * @example
 * ```ts
 * const recorder = Cassette.recorder()
 * const anthropic = Anthropic.provider({ fetch: recorder.fetch })
 * // … afterwards
 * const text = Cassette.encode(recorder.tape())
 * // … and from then on
 * const again = Anthropic.provider({ fetch: Cassette.player(Cassette.decode(text)).fetch })
 * ```
 */
import * as SecretRef from "@fermata/core/SecretRef"
import * as Secrets from "@fermata/engine/Secrets"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const Bytes = Schema.Union([
  Schema.Struct({ text: Schema.String }),
  // Of what is no text.
  Schema.Struct({ base64: Schema.String })
])

/** A request and its answer. */
export const Exchange = Schema.Struct({
  request: Schema.Struct({
    method: Schema.String,
    /** Without the host, which may be another when it is played. */
    path: Schema.String,
    body: Schema.String
  }),
  response: Schema.Struct({
    status: Schema.Int,
    headers: Schema.Record(Schema.String, Schema.String),
    body: Bytes,
    /** The connection broke behind these bytes. */
    broken: Schema.optionalKey(Schema.Literal(true))
  })
})
/** A request and its answer. */
export type Exchange = typeof Exchange.Type

/** What was said, in order. */
export const Tape = Schema.Struct({ version: Schema.Literal(1), exchanges: Schema.Array(Exchange) })
/** What was said, in order. */
export type Tape = typeof Tape.Type

/** A tape as text, for a file: the same tape is the same text. */
export const encode = (tape: Tape): string => `${JSON.stringify(tape, undefined, 2)}\n`

/** The tape of a text; throws an Error that says what is wrong with it. */
export const decode: (text: string) => Tape = Schema.decodeUnknownSync(Schema.fromJsonString(Tape))

type Fetch = typeof globalThis.fetch

/** Headers of an answer that say something about it. */
const told =
  /^(content-type|request-id|x-request-id|retry-after|retry-after-ms|x-should-retry|anthropic-ratelimit-.*|x-ratelimit-.*)$/

/** Headers that a request authenticates itself with. */
const authenticating = /^(authorization|x-api-key|x-goog-api-key|api-key)$/

/** Headers in which nobody has a secret. Any other may be one, where it is as long as one. */
const plain =
  /^(accept|accept-.*|anthropic-.*|connection|content-.*|host|idempotency-key|openai-.*|sec-fetch-mode|user-agent|x-stainless-.*)$/
const shortest = 16

const cut = SecretRef.mark("KEY")

/** Records what is said through its `fetch`. `secrets` are cut out too, beside those that requests authenticate themselves with. */
export const recorder = (
  options: { readonly fetch?: Fetch; readonly secrets?: ReadonlyArray<string> } = {}
): { readonly fetch: Fetch; readonly tape: () => Tape } => {
  const { fetch = globalThis.fetch } = options
  const secrets = new Set(options.secrets)
  // One place for each request, in the order in which they were made, whenever their answers are whole.
  const exchanges: Array<Exchange | undefined> = []
  return {
    tape: () => ({ version: 1, exchanges: exchanges.filter((exchange) => exchange !== undefined) }),
    fetch: async (input, init) => {
      const request = new Request(input, init)
      for (const secret of secretsOf(request)) secrets.add(secret)
      const asked = await requestOf(request.clone(), secrets)
      const place = exchanges.push(undefined) - 1
      const response = await fetch(request)
      const headers: Record<string, string> = {}
      response.headers.forEach((value, name) => {
        if (told.test(name)) headers[name] = without(value, secrets)
      })
      const done = (bytes: ReadonlyArray<Uint8Array>, isBroken: boolean) => {
        exchanges[place] = {
          request: asked,
          response: {
            status: response.status,
            headers,
            body: stored(bytes, secrets),
            ...(isBroken ? { broken: true } : {})
          }
        }
      }
      if (response.body === null) {
        done([], false)
        return response
      }
      return new Response(overheard(response.body, done), { status: response.status, headers: response.headers })
    }
  }
}

/**
 * Plays a tape: each of its answers once, to the first request that is the same as
 * the recorded one. A request that was not recorded is answered with status 400
 * and says where it differs, which no client tries again. `left` are the answers
 * that nobody has asked for.
 */
export const player = (tape: Tape): { readonly fetch: Fetch; readonly left: () => ReadonlyArray<Exchange> } => {
  const left = [...tape.exchanges]
  return {
    left: () => left,
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const asked = await requestOf(request.clone(), secretsOf(request))
      const at = left.findIndex(({ request }) =>
        request.method === asked.method && request.path === asked.path && request.body === asked.body
      )
      if (at < 0) return unknown(asked, left)
      const [{ response }] = left.splice(at, 1) as [Exchange]
      return new Response(played(response), { status: response.status, headers: response.headers })
    }
  }
}

const secretsOf = ({ headers }: Request): ReadonlySet<string> =>
  new Set(
    Array.from(headers).flatMap(([name, sent]) => {
      const value = sent.replace(/^Bearer /i, "")
      const isSecret = authenticating.test(name) || (!plain.test(name) && value.length >= shortest)
      return isSecret && value !== "" ? [value] : []
    })
  )

const requestOf = async (request: Request, secrets: ReadonlySet<string>): Promise<Exchange["request"]> => {
  const { pathname, searchParams } = new URL(request.url)
  // Some providers take their key in the address.
  const keys = Array.from(searchParams.keys()).filter((name) => /key|token|secret/i.test(name))
  for (const name of keys) searchParams.set(name, cut)
  const query = searchParams.toString()
  return {
    method: request.method,
    path: without(query === "" ? pathname : `${pathname}?${query}`, secrets),
    body: without(await request.text(), secrets)
  }
}

const cutterOf = (secrets: ReadonlySet<string>): Secrets.Cutter =>
  Secrets.cutter(Array.from(secrets, (secret) => ["KEY", secret] as const))

const without = (text: string, secrets: ReadonlySet<string>): string => cutterOf(secrets).text(text)

/** An answer of events tells a text piece by piece, and with it perhaps a secret. */
const withoutInEvents = (text: string, secrets: ReadonlySet<string>): string => {
  const lines = text.split("\n")
  const events = lines.flatMap((line, at) => {
    const data = eventOf(line)
    return data === undefined ? [] : [{ at, data }]
  })
  const left = cutterOf(secrets).pieces(events.map(({ data }) => data))
  for (const [index, { at, data }] of events.entries()) {
    if (left[index] !== data) lines[at] = `data: ${JSON.stringify(left[index])}`
  }
  return lines.join("\n")
}

const eventOf = (line: string): unknown => {
  if (!line.startsWith("data:")) return undefined
  try {
    return JSON.parse(line.slice(5)) as unknown
  } catch {
    return undefined
  }
}

/** Hands the bytes on as they come, and tells them when they have ended, or broken off. */
const overheard = (
  body: ReadableStream<Uint8Array>,
  done: (bytes: ReadonlyArray<Uint8Array>, isBroken: boolean) => void
): ReadableStream<Uint8Array> => {
  const reader = body.getReader()
  const bytes: Array<Uint8Array> = []
  return new ReadableStream({
    pull: async (controller) => {
      try {
        const { done: isDone, value } = await reader.read()
        if (isDone) {
          done(bytes, false)
          return controller.close()
        }
        bytes.push(value)
        controller.enqueue(value)
      } catch (error) {
        done(bytes, true)
        controller.error(error)
      }
    },
    cancel: (reason) => {
      done(bytes, true)
      return reader.cancel(reason)
    }
  })
}

const stored = (bytes: ReadonlyArray<Uint8Array>, secrets: ReadonlySet<string>): typeof Bytes.Type => {
  const all = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const one of bytes) {
    all.set(one, at)
    at += one.length
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(all)
    return { text: without(withoutInEvents(text, secrets), secrets) }
  } catch {
    return { base64: Base64.encode(all) }
  }
}

const played = ({ body, broken }: Exchange["response"]): ReadableStream<Uint8Array> => {
  const bytes = "text" in body ? new TextEncoder().encode(body.text) : Result.getOrThrow(Base64.decode(body.base64))
  let isSaid = false
  return new ReadableStream({
    pull: (controller) => {
      if (!isSaid && bytes.length > 0) {
        isSaid = true
        controller.enqueue(bytes)
      } else if (broken === true) controller.error(new TypeError("terminated", { cause: { code: "UND_ERR_SOCKET" } }))
      else controller.close()
    }
  })
}

const unknown = (asked: Exchange["request"], left: ReadonlyArray<Exchange>): Response => {
  const next = left.find(({ request }) => request.path === asked.path)?.request
  const message = next === undefined
    ? `nothing is recorded any more for ${asked.method} ${asked.path}`
    : `this request was not recorded; it differs from the next one that was at character ${
      differenceOf(asked.body, next.body)
    } of its body. Recorded: ${excerpt(next.body, asked.body)} Asked: ${excerpt(asked.body, next.body)}`
  return new Response(JSON.stringify({ type: "error", error: { type: "invalid_request_error", message } }), {
    status: 400,
    headers: { "content-type": "application/json" }
  })
}

const differenceOf = (a: string, b: string): number => {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  return at
}

const excerpt = (text: string, other: string): string => {
  const at = differenceOf(text, other)
  return JSON.stringify(text.slice(Math.max(0, at - 20), at + 40))
}
