/**
 * Signatures of webhooks: made for those that go out, held against those that
 * come in.
 *
 * A signature covers the body byte by byte, so it is made and verified before
 * anything reads it. Whatever a caller sends is either accepted or refused with
 * `SignatureRefused`; nothing of it throws, and how long that takes says nothing
 * of a secret. Several secrets hold at once, which is how one is exchanged: what
 * is signed carries a signature by each where the scheme has room for it, and
 * what is signed by any of them is accepted.
 */
import { GitHub, Hmac, Scheme, Slack, Standard } from "@fermata/core/SignatureScheme"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Hex from "effect/encoding/Hex"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Webhook } from "standardwebhooks"

export { GitHub, Hmac, Scheme, Slack, Standard }

/** A message that is not by who knows the secret, or not now: `reason` is a sentence for its sender, and says nothing of a secret. */
export class SignatureRefused extends Schema.TaggedError<SignatureRefused>()("SignatureRefused", {
  scheme: Schema.Literals(["standard", "github", "slack", "hmac"]),
  kind: Schema.Literals(["missing", "malformed", "expired", "mismatch"]),
  reason: Schema.String
}) {
  override get message(): string {
    return `The signature (${this.scheme}) was refused: ${this.reason}`
  }
}

/** A secret that no signature can be made of; `place` is its place among those given, from 1. */
export class SecretUnusable extends Schema.TaggedError<SecretUnusable>()("SecretUnusable", {
  scheme: Schema.Literals(["standard", "github", "slack", "hmac"]),
  place: Schema.Int,
  problem: Schema.String
}) {
  override get message(): string {
    return `No signature (${this.scheme}) can be made with secret ${this.place}: ${this.problem}`
  }
}

/** What is signed. The body is taken as it is; text as UTF-8. */
export interface Message {
  /** Names the message, the same each time that it is sent. Standard Webhooks signs it, and it holds no dot. */
  readonly id: string
  /** When it is sent, in ms. */
  readonly at: number
  readonly body: string | Uint8Array
}

/** What came in: headers by names in any case, and the body as it came. */
export interface Received {
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string | Uint8Array
}

/** What a signature vouches for beside the body. */
export interface Verified {
  /** The id of the message, where the scheme signs it. */
  readonly id?: string
  /** When it was sent, in ms, where the scheme signs it. */
  readonly at?: number
}

/** How far the time of a message may be from now, in ms: 5 minutes. */
export const defaultToleranceMs = 300_000

/**
 * The headers that sign a message, by their names. Standard Webhooks has a
 * signature by each secret; the others have room for one, and take the first.
 * Without secrets there is no signature, and only what tells id and time.
 */
export const sign = (
  scheme: Scheme,
  secrets: ReadonlyArray<Redacted.Redacted<string>>,
  message: Message
): Effect.Effect<Readonly<Record<string, string>>, SecretUnusable> =>
  Effect.gen(function*() {
    const keys = yield* keysOf(scheme, secrets)
    const { at, header, timestamp } = shapeOf(scheme)
    const stamp = String(timestamp === "ms" ? message.at : Math.floor(message.at / 1000))
    const signatures: Array<string> = []
    for (const key of scheme.type === "standard" ? keys : keys.slice(0, 1)) {
      signatures.push(yield* signatureBy(scheme, key, message.id, stamp, message.body))
    }
    return {
      ...(scheme.type === "standard" ? { "webhook-id": message.id } : {}),
      ...(at === undefined ? {} : { [at]: stamp }),
      ...(signatures.length === 0 ? {} : { [header]: signatures.join(" ") })
    }
  })

/**
 * That what came in was signed by one of the secrets, and not longer ago (nor
 * further ahead) than the tolerance, where the scheme knows a time.
 */
export const verify = (
  scheme: Scheme,
  secrets: ReadonlyArray<Redacted.Redacted<string>>,
  received: Received,
  options: { readonly toleranceMs?: number } = {}
): Effect.Effect<Verified, SignatureRefused | SecretUnusable> =>
  Effect.gen(function*() {
    const refuse = (kind: SignatureRefused["kind"], reason: string) =>
      Effect.fail(new SignatureRefused({ scheme: scheme.type, kind, reason }))
    const keys = yield* keysOf(scheme, secrets)
    const shape = shapeOf(scheme)
    const headers = lowerCase(received.headers)
    const told = headers.get(shape.header)
    if (told === undefined || told === "") return yield* refuse("missing", `there is no header ${shape.header}`)
    if (told.length > longest) return yield* refuse("malformed", `${shape.header} is longer than ${longest} characters`)
    const id = scheme.type === "standard" ? headers.get("webhook-id") : undefined
    if (scheme.type === "standard" && (id === undefined || id === "" || id.length > longest)) {
      return yield* refuse("missing", "there is no header webhook-id of at most 4096 characters")
    }
    const stamp = shape.at === undefined ? undefined : headers.get(shape.at)
    let at: number | undefined
    if (shape.at !== undefined) {
      if (stamp === undefined || stamp === "") return yield* refuse("missing", `there is no header ${shape.at}`)
      if (!/^(0|[1-9]\d{0,12})$/.test(stamp)) {
        return yield* refuse("malformed", `${shape.at} is no time in ${shape.timestamp === "ms" ? "ms" : "seconds"}`)
      }
      at = Number(stamp) * (shape.timestamp === "ms" ? 1 : 1000)
      const tolerance = options.toleranceMs ?? defaultToleranceMs
      const ahead = at - (yield* Clock.currentTimeMillis)
      if (Math.abs(ahead) > tolerance) {
        return yield* refuse(
          "expired",
          `it was signed more than ${tolerance / 1000} s ${ahead < 0 ? "ago" : "ahead of now"}`
        )
      }
    }
    const offered = scheme.type === "standard" ? told.split(" ") : [told]
    let matches = 0
    for (const key of keys) {
      const expected = yield* signatureBy(scheme, key, id ?? "", stamp ?? "", received.body)
      for (const one of offered) matches |= equal(canonical(scheme, one), canonical(scheme, expected))
    }
    if (matches === 0) {
      return yield* refuse("mismatch", `${shape.header} was not made over this body by a secret that is known here`)
    }
    return { ...(id === undefined ? {} : { id }), ...(at === undefined ? {} : { at }) }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** More than any signature, and any list of some. */
const longest = 4096

const encoder = new TextEncoder()

/** Which headers have the signature and the time, in lower case, and what the time is told in. */
const shapeOf = (scheme: Scheme): {
  readonly header: string
  readonly at?: string
  readonly timestamp?: "s" | "ms"
} => {
  switch (scheme.type) {
    case "standard":
      return { header: "webhook-signature", at: "webhook-timestamp", timestamp: "s" }
    case "github":
      return { header: "x-hub-signature-256" }
    case "slack":
      return { header: "x-slack-signature", at: "x-slack-request-timestamp", timestamp: "s" }
    case "hmac": {
      const { header, timestamp } = scheme
      return {
        header: header.toLowerCase(),
        ...(timestamp === undefined ? {} : { at: timestamp.header.toLowerCase(), timestamp: timestamp.unit })
      }
    }
  }
}

/** The bytes of each secret. Standard Webhooks says them in base64; all others are taken as UTF-8. */
const keysOf = (
  scheme: Scheme,
  secrets: ReadonlyArray<Redacted.Redacted<string>>
): Effect.Effect<ReadonlyArray<Uint8Array<ArrayBuffer>>, SecretUnusable> =>
  Effect.forEach(secrets, (secret, index) => {
    const unusable = (problem: string) =>
      Effect.fail(new SecretUnusable({ scheme: scheme.type, place: index + 1, problem }))
    const text = Redacted.value(secret)
    if (scheme.type !== "standard") {
      return text === "" ? unusable("it is empty") : Effect.succeed(Uint8Array.from(encoder.encode(text)))
    }
    const decoded = Base64.decode(text.startsWith("whsec_") ? text.slice("whsec_".length) : text)
    if (Result.isFailure(decoded)) {
      return unusable(
        "it is not base64; Standard Webhooks has secrets such as whsec_ and 24 random bytes or more in it"
      )
    }
    return decoded.success.length === 0 ? unusable("it is empty") : Effect.succeed(Uint8Array.from(decoded.success))
  })

/** The signature as its header has it. */
const signatureBy = (
  scheme: Scheme,
  key: Uint8Array<ArrayBuffer>,
  id: string,
  stamp: string,
  body: string | Uint8Array
): Effect.Effect<string> => {
  switch (scheme.type) {
    case "standard":
      // The package signs text; a body that is none has no signature that anybody could have made.
      return Effect.sync(() => {
        const text = typeof body === "string" ? body : decoded(body)
        if (text === undefined) return ""
        const time = DateTime.toDateUtc(DateTime.makeUnsafe(Number(stamp) * 1000))
        return new Webhook(key, { format: "raw" }).sign(id, time, text)
      })
    case "github":
      return Effect.map(mac("SHA-256", key, bytesOf(body)), (bytes) => `sha256=${Hex.encode(bytes)}`)
    case "slack":
      return Effect.map(mac("SHA-256", key, joined(`v0:${stamp}:`, body)), (bytes) => `v0=${Hex.encode(bytes)}`)
    case "hmac": {
      const { algorithm = "sha256", encoding = "hex", prefix = "", timestamp } = scheme
      return Effect.map(
        mac(algorithms[algorithm], key, timestamp === undefined ? bytesOf(body) : joined(`${stamp}.`, body)),
        (bytes) => prefix + (encoding === "hex" ? Hex.encode(bytes) : Base64.encode(bytes))
      )
    }
  }
}

const algorithms = { sha1: "SHA-1", sha256: "SHA-256", sha512: "SHA-512" } as const

const mac = (hash: string, key: Uint8Array<ArrayBuffer>, data: Uint8Array<ArrayBuffer>): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const imported = await globalThis.crypto.subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"])
    return new Uint8Array(await globalThis.crypto.subtle.sign("HMAC", imported, data))
  })

const bytesOf = (body: string | Uint8Array): Uint8Array<ArrayBuffer> =>
  typeof body === "string" ? encoder.encode(body) : Uint8Array.from(body)

const joined = (before: string, body: string | Uint8Array): Uint8Array<ArrayBuffer> => {
  const [head, tail] = [encoder.encode(before), bytesOf(body)]
  const all = new Uint8Array(head.length + tail.length)
  all.set(head)
  all.set(tail, head.length)
  return all
}

/** The text of these bytes, every one of them; undefined where they are none. */
const decoded = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Hex is the same in capitals. */
const canonical = (scheme: Scheme, signature: string): string => {
  const isHex = scheme.type !== "standard" && !(scheme.type === "hmac" && scheme.encoding === "base64")
  return isHex ? signature.toLowerCase() : signature
}

/** 1 where they are the same and there is anything, in a time that says only how long they are. */
const equal = (told: string, expected: string): number => {
  if (told.length !== expected.length || expected === "") return 0
  let difference = 0
  for (let index = 0; index < expected.length; index++) {
    difference |= told.charCodeAt(index) ^ expected.charCodeAt(index)
  }
  return difference === 0 ? 1 : 0
}

const lowerCase = (headers: Received["headers"]): ReadonlyMap<string, string> =>
  new Map(Object.entries(headers).flatMap(([name, value]) => value === undefined ? [] : [[name.toLowerCase(), value]]))
