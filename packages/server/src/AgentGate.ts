/**
 * Who may ask an agent over HTTP: what the program that mounts `AgentHttp` decides,
 * by one of these layers or one of its own.
 */
import { Unauthorized } from "@fermata/api/ApiErrors"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

/** Lets a request in under a name, or says why not. */
export class AgentGate extends Context.Service<AgentGate, {
  /** The request, whose body has been read, and the bytes of that body. */
  readonly admit: (request: Request, body: Uint8Array<ArrayBuffer>) => Effect.Effect<string, Unauthorized>
}>()("@fermata/server/AgentGate") {
  /** Lets in whoever asks, as this person: for a host that has looked at the request already. */
  static readonly layerOpen = ({ person }: { readonly person: string }): Layer.Layer<AgentGate> =>
    Layer.succeed(AgentGate, { admit: () => Effect.succeed(person) })

  /** Lets in who shows one of these tokens (`Authorization: Bearer …`), under the name that it belongs to. */
  static readonly layerTokens = (tokens: Readonly<Record<string, Redacted.Redacted>>): Layer.Layer<AgentGate> =>
    Layer.succeed(AgentGate, {
      admit: Effect.fnUntraced(function*({ headers }) {
        const [, shown] = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? []
        if (shown === undefined) return yield* refused("missing", "Show a token: Authorization: Bearer …")
        const hash = yield* hashOf(shown)
        // Hashes are compared, so that how long it takes says nothing of a token.
        const known = yield* Effect.forEach(
          Object.entries(tokens),
          ([name, token]) => Effect.map(hashOf(Redacted.value(token)), (own) => ({ name, own }))
        )
        const found = known.find(({ own }) => own === hash)
        return found?.name ?? (yield* refused("unknown", "The token is not known here"))
      })
    })

  /**
   * Lets in requests that a provider of webhooks has signed: the header holds the
   * HMAC-SHA-256 of the body in hex, behind `prefix` (such as `sha256=`).
   */
  static readonly layerSigned = ({ header, person, prefix = "", secret }: {
    readonly header: string
    readonly prefix?: string
    readonly secret: Redacted.Redacted
    /** The name under which such requests act. */
    readonly person: string
  }): Layer.Layer<AgentGate> =>
    Layer.succeed(AgentGate, {
      admit: Effect.fnUntraced(function*({ headers }, body) {
        const shown = headers.get(header) ?? ""
        const signature = shown.startsWith(prefix) ? bytesOf(shown.slice(prefix.length)) : undefined
        if (signature === undefined) return yield* refused("missing", `The header ${header} holds no signature`)
        const { subtle } = yield* WebCrypto
        const isOwn = yield* Effect.promise(async () => {
          const raw = new TextEncoder().encode(Redacted.value(secret))
          const key = await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"])
          return subtle.verify("HMAC", key, signature, body)
        })
        return isOwn ? person : yield* refused("unknown", `The signature in ${header} is not that of this body`)
      })
    })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const refused = (reason: "missing" | "unknown", problem: string) => Effect.fail(new Unauthorized({ reason, problem }))

const hashOf = Effect.fnUntraced(function*(text: string) {
  const { subtle } = yield* WebCrypto
  const hash = yield* Effect.promise(() => subtle.digest("SHA-256", new TextEncoder().encode(text)))
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("")
})

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> | undefined =>
  /^(?:[\da-f]{2})+$/i.test(hex)
    ? Uint8Array.from(hex.match(/../g) ?? [], (two) => Number.parseInt(two, 16))
    : undefined
