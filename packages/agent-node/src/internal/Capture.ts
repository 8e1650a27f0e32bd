/** What a command writes to one stream, of which the head and the tail are kept in memory, and all of it while it is not too large. */
import type { Written } from "@fermata/agent/Sandbox"

/** A stream that is taken in, with the text of as much of it as may be shown. */
export interface Capture {
  readonly take: (chunk: Uint8Array) => void
  readonly end: () => { readonly text: string; readonly written: Written }
}

/** Takes in a stream. `most` bytes of it are shown, and a whole of at most `held` bytes is given. */
export const make = (most: number, held: number): Capture => {
  const half = Math.floor(most / 2)
  let bytes = 0
  let whole: Array<Uint8Array> | undefined = []
  let head = new Uint8Array(0)
  let tail = new Uint8Array(0)
  return {
    take: (chunk) => {
      bytes += chunk.length
      whole?.push(chunk)
      if (whole === undefined) tail = lastOf(tail, chunk, half)
      else if (bytes > Math.max(held, most)) {
        const all = Buffer.concat(whole)
        whole = undefined
        head = all.slice(0, half)
        tail = all.slice(Math.max(half, all.length - half))
      }
    },
    end: () => {
      const all = whole === undefined ? undefined : Buffer.concat(whole)
      if (all !== undefined && all.length <= most) {
        const isText = isUtf8(all)
        return {
          text: decode(all),
          written: { bytes, cut: 0, isText, ...(isText ? {} : { whole: new Uint8Array(all) }) }
        }
      }
      const [first, last] = all === undefined ? [head, tail] : [all.slice(0, half), all.slice(all.length - half)]
      // A character is not cut in two.
      const begin = first.slice(0, endOf(first))
      const end = last.slice(startOf(last))
      const cut = bytes - begin.length - end.length
      const isText = all === undefined ? isUtf8(begin) && isUtf8(end) : isUtf8(all)
      return {
        text: `${decode(begin)}\n[cut: ${cut} of ${bytes} bytes]\n${decode(end)}`,
        written: { bytes, cut, isText, ...(all === undefined ? {} : { whole: new Uint8Array(all) }) }
      }
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const lastOf = (before: Uint8Array, chunk: Uint8Array, most: number): Uint8Array<ArrayBuffer> =>
  chunk.length >= most
    ? new Uint8Array(chunk.slice(chunk.length - most))
    : new Uint8Array(Buffer.concat([before.slice(Math.max(0, before.length + chunk.length - most)), chunk]))

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80

/** Where the last whole character ends. */
const endOf = (bytes: Uint8Array): number => {
  let at = bytes.length - 1
  while (at > bytes.length - 4 && isContinuation(bytes[at])) at--
  const lead = bytes[at] ?? 0
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1
  return at + length > bytes.length ? Math.max(0, at) : bytes.length
}

/** Where the first whole character begins. */
const startOf = (bytes: Uint8Array): number => {
  let at = 0
  while (at < 3 && isContinuation(bytes[at])) at++
  return at
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const isUtf8 = (bytes: Uint8Array): boolean => {
  if (bytes.includes(0)) return false
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}
