/**
 * The bytes of artifacts as the blobs of a store hold them, which are text: as
 * themselves where they are UTF-8, else as base64. Which of the two follows from
 * the bytes alone, so that equal bytes are one blob; the hash is always that of
 * the bytes.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { sha256HexOf } from "../Digest.ts"

/** The bytes as text; undefined where they are none. */
export const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Bytes of a text. Half of a character becomes U+FFFD, as everywhere where texts become bytes. */
export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)

/** What a blob holds of bytes that are no text. */
export const encode = (bytes: Uint8Array): string => Base64.encode(bytes)

/** The bytes of this hash that a blob holds; undefined where it holds others. */
export const read = Effect.fnUntraced(function*(data: string, hash: string): Effect.fn.Return<
  Uint8Array | undefined
> {
  const plain = bytesOf(data)
  if ((yield* sha256HexOf(plain)) === hash) return plain
  const decoded = Base64.decode(data)
  return Result.isSuccess(decoded) && (yield* sha256HexOf(new Uint8Array(decoded.success))) === hash
    ? decoded.success
    : undefined
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What stands first is content, also where it is the mark of an order of bytes. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
