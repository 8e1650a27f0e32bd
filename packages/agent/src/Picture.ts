/**
 * What a picture is, by its head, and whether it is whole. Nothing of it is
 * unpacked: the size that it says is compared before anybody does.
 */

/** The types of pictures that models take. */
export type MediaType = "image/png" | "image/jpeg" | "image/gif" | "image/webp"

/** A picture; its size in pixels. */
export interface Picture {
  readonly mediaType: MediaType
  readonly width: number
  readonly height: number
}

/** The type that the first bytes of a file say, if they are those of a picture. */
export const typeOf = (bytes: Uint8Array): MediaType | undefined => {
  if (begins(bytes, pngHead)) return "image/png"
  if (begins(bytes, [0xff, 0xd8, 0xff])) return "image/jpeg"
  if (textAt(bytes, 0, 6) === "GIF87a" || textAt(bytes, 0, 6) === "GIF89a") return "image/gif"
  if (textAt(bytes, 0, 4) === "RIFF" && textAt(bytes, 8, 4) === "WEBP") return "image/webp"
  return undefined
}

/** The picture, or what is wrong with it, to be said behind its name. */
export const of = (bytes: Uint8Array, mediaType: MediaType): Picture | { readonly problem: string } => {
  const size = sizes[mediaType](new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  const name = nameOf(mediaType)
  if (size === undefined) return { problem: `is no whole ${name} picture: its end is missing, or it is damaged` }
  const [width, height] = size
  if (width < 1 || height < 1) return { problem: `is a ${name} picture without a pixel` }
  return { mediaType, width, height }
}

/** What people call the type. */
export const nameOf = (mediaType: MediaType): string =>
  mediaType === "image/webp" ? "WebP" : mediaType.slice("image/".length).toUpperCase()

/** What is said of a picture that a model may be shown, or why it is shown to none, to be said behind its name. */
export const shown = (
  bytes: Uint8Array,
  mediaType: MediaType
): { readonly words: string } | { readonly problem: string } => {
  const picture = of(bytes, mediaType)
  if ("problem" in picture) return picture
  const { height, width } = picture
  const words = `${nameOf(mediaType)} picture of ${width} x ${height} pixels and ${bytes.length} bytes`
  if (Math.max(width, height) > mostPixels) {
    return { problem: `is a ${words}, and ${mostPixels} x ${mostPixels} are the most that models take` }
  }
  if (bytes.length > mostBytes) return { problem: `is a ${words}, and ${mostBytes} are the most that models take` }
  return { words }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What providers take of one picture: pixels of a side, and bytes before they are base64. */
const mostPixels = 8_000
const mostBytes = 3_750_000

type Size = readonly [width: number, height: number]

const pngHead = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

const begins = (bytes: Uint8Array, head: ReadonlyArray<number>): boolean =>
  head.every((byte, index) => bytes[index] === byte)

const textAt = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length))

/** The bytes of a text at a place of a view, as a number: chunks are named so. */
const four = (name: string): number => [...name].reduce((sum, letter) => sum * 256 + letter.codePointAt(0)!, 0)

/** From chunk to chunk, to the last one. */
const png = (view: DataView): Size | undefined => {
  let at = pngHead.length
  let size: Size | undefined
  let hasData = false
  while (at + 12 <= view.byteLength) {
    const length = view.getUint32(at)
    const kind = view.getUint32(at + 4)
    if (at + 12 + length > view.byteLength) return undefined
    if (kind === four("IHDR") && length === 13) size = [view.getUint32(at + 8), view.getUint32(at + 12)]
    else if (size === undefined) return undefined
    else if (kind === four("IDAT")) hasData = true
    else if (kind === four("IEND")) return hasData ? size : undefined
    at += 12 + length
  }
  return undefined
}

/** From marker to marker, to the data; its end is somewhere behind it, for cameras put more there. */
const jpeg = (view: DataView): Size | undefined => {
  let at = 2
  let size: Size | undefined
  while (at + 4 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) return undefined
    const marker = view.getUint8(at + 1)
    // A marker may have more than one FF before it.
    if (marker === 0xff) {
      at++
      continue
    }
    const length = view.getUint16(at + 2)
    if (length < 2) return undefined
    if (marker === 0xda) return size !== undefined && hasEnd(view, at + 2 + length) ? size : undefined
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame) {
      if (at + 9 > view.byteLength) return undefined
      size = [view.getUint16(at + 7), view.getUint16(at + 5)]
    }
    at += 2 + length
  }
  return undefined
}

const hasEnd = (view: DataView, from: number): boolean => {
  for (let at = view.byteLength - 2; at >= from; at--) {
    if (view.getUint8(at) === 0xff && view.getUint8(at + 1) === 0xd9) return true
  }
  return false
}

/** The end of a GIF is a semicolon, and zeros may follow. */
const gif = (view: DataView): Size | undefined => {
  let end = view.byteLength - 1
  while (end > 13 && view.getUint8(end) === 0) end--
  return end < 13 || view.getUint8(end) !== 0x3b ? undefined : [view.getUint16(6, true), view.getUint16(8, true)]
}

const webp = (view: DataView): Size | undefined => {
  if (view.byteLength < 30 || view.getUint32(4, true) + 8 > view.byteLength) return undefined
  switch (view.getUint32(12)) {
    case four("VP8 "):
      return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff]
    case four("VP8L"): {
      const bits = view.getUint32(21, true)
      return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1]
    }
    case four("VP8X"):
      return [(view.getUint32(23, true) >>> 8) + 1, (view.getUint32(26, true) >>> 8) + 1]
    default:
      return undefined
  }
}

const sizes: Readonly<Record<MediaType, (view: DataView) => Size | undefined>> = {
  "image/png": png,
  "image/jpeg": jpeg,
  "image/gif": gif,
  "image/webp": webp
}
