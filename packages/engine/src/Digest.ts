/**
 * SHA-256 that answers at once where the platform can (Node), so that ids made
 * inside a workflow need no turn of the event loop.
 */
import * as WellFormed from "@fermata/core/WellFormed"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Sha256 from "./internal/Sha256.ts"

interface NodeHash {
  update(data: Uint8Array): NodeHash
  digest(): Uint8Array
}
interface NodeProcess {
  getBuiltinModule?(name: string): { createHash(algorithm: string): NodeHash } | undefined
}

const node = (globalThis as { readonly process?: NodeProcess }).process?.getBuiltinModule?.("node:crypto")
const encoder = new TextEncoder()

/** SHA-256 of the bytes, synchronously, or undefined where the platform only has WebCrypto. */
export const sha256Now: ((data: Uint8Array) => Uint8Array) | undefined = node === undefined
  ? undefined
  : (data) => new Uint8Array(node.createHash("sha256").update(data).digest())

/** SHA-256 of a text, in lower-case hex: another one for every text. */
export const sha256Hex = (text: string): Effect.Effect<string> => sha256HexOf(encoder.encode(WellFormed.encode(text)))

/** SHA-256 of the bytes, in lower-case hex. Synchronous on Node. */
export const sha256HexOf = (data: Uint8Array<ArrayBuffer>): Effect.Effect<string> =>
  sha256Now !== undefined
    ? Effect.sync(() => Hex.encode(sha256Now!(data)))
    : Effect.map(
      Effect.promise(() => globalThis.crypto.subtle.digest("SHA-256", data)),
      (digest) => Hex.encode(new Uint8Array(digest))
    )

/** SHA-256 of a text, in lower-case hex, synchronously on every platform. */
export const sha256HexNow = (text: string): string =>
  Hex.encode((sha256Now ?? Sha256.digest)(encoder.encode(WellFormed.encode(text))))
