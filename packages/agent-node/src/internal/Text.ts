/** Bytes of files as text. */

/** The text of a file in UTF-8, with its byte order mark if it has one; undefined where it is none. */
export const read = (bytes: Uint8Array): string | undefined => {
  if (bytes.subarray(0, 8_192).includes(0)) return undefined
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** The bytes of a text. */
export const write = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The text with line breaks of one character. */
export const narrow = (text: string): string => text.replaceAll("\r\n", "\n")

/** A text with the line breaks that most lines of another end with. One that says of itself where a line break has two characters stays as it is. */
export const withBreaksOf = (other: string, text: string): string => {
  const wide = other.split("\r\n").length - 1
  return wide * 2 > other.split("\n").length - 1 && !text.includes("\r") ? text.replaceAll("\n", "\r\n") : text
}

/** A text that is written in the place of another one, with what a reader is not shown of it: its byte order mark and its line breaks. */
export const inPlaceOf = (other: string, text: string): string =>
  (other.startsWith(mark) && !text.startsWith(mark) ? mark : "") + withBreaksOf(other, text)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const mark = "\uFEFF"
