/** Answers of bytes, whole or a range of them. */
import { RangeNotSatisfiable } from "@fermata/api/ApiErrors"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

/** What is sent, and as what. */
export interface Sent {
  readonly content: Uint8Array
  readonly mediaType: string
  /** The name of the file that a browser makes of it. */
  readonly name: string
  /** The same for the same bytes. */
  readonly hash: string
}

/**
 * The bytes, which a browser keeps as a file and never shows: what a step keeps
 * may be a page of somebody else. A `Range` that is none is passed over, as the
 * standard says, and so are several at once.
 */
export const response = (
  { headers }: HttpServerRequest,
  { content, hash, mediaType, name }: Sent
): Effect.Effect<HttpServerResponse.HttpServerResponse, RangeNotSatisfiable> => {
  const common = {
    "accept-ranges": "bytes",
    "cache-control": "private, no-cache",
    "content-disposition": `attachment; filename*=UTF-8''${fileName(name)}`,
    "content-security-policy": "default-src 'none'; sandbox",
    etag: `"${hash}"`
  }
  const { length } = content
  const sent = (bytes: Uint8Array, status: number, more: Record<string, string> = {}) =>
    HttpServerResponse.uint8Array(bytes, { status, contentType: mediaType, headers: { ...common, ...more } })
  const asked = headers["if-range"] === undefined || headers["if-range"] === common.etag ? headers["range"] : undefined
  const range = asked === undefined ? undefined : rangeOf(asked, length)
  if (range === undefined) return Effect.succeed(sent(content, 200))
  if (range === "none") return Effect.fail(new RangeNotSatisfiable({ range: asked!.slice(0, 100), bytes: length }))
  const [first, last] = range
  return Effect.succeed(
    sent(content.subarray(first, last + 1), 206, { "content-range": `bytes ${first}-${last}/${length}` })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The first and the last byte that a header names; undefined where it names no one range. */
const rangeOf = (header: string, length: number): readonly [number, number] | "none" | undefined => {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim())
  if (found === null || (found[1] === "" && found[2] === "")) return undefined
  const [from, to] = [found[1]!, found[2]!]
  const first = from === "" ? Math.max(0, length - Number(to)) : Number(from)
  const last = from === "" || to === "" ? length - 1 : Math.min(Number(to), length - 1)
  if (from !== "" && to !== "" && Number(to) < Number(from)) return undefined
  return first > last ? "none" : [first, last]
}

/** As RFC 8187 writes it. A lone surrogate has no bytes, and is left out. */
const fileName = (name: string): string =>
  encodeURIComponent(name.toWellFormed()).replaceAll(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
