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

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
