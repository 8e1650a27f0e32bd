/** Lines of a text, as a model reads them. */

/** How many lines a text has; what stands behind its last line break is one if it is there. */
export const count = (text: string): number => {
  const whole = bare(text)
  let lines = 0
  for (let at = 0; at < whole.length; at = endOf(whole, at) + 1) lines++
  return lines
}

/**
 * The lines from one on, the first of which is 1, each with its number and cut where
 * it is too long; undefined where there is none. Says how many are left. Only those
 * that are shown are made, for a file may have very many.
 */
export const show = (text: string, from = 1, most = 2_000): string | undefined => {
  const whole = bare(text)
  if (whole === "") return from === 1 ? "(the file is empty)" : undefined
  const shown: Array<string> = []
  let line = 1
  for (let at = 0; at < whole.length; line++) {
    const end = endOf(whole, at)
    if (line >= from && line < from + most) {
      shown.push(`${String(line).padStart(6)}\t${cut(withoutReturn(whole, at, end))}`)
    }
    at = end + 1
  }
  const count = line - 1
  if (from > count) return undefined
  const left = count - (from - 1 + shown.length)
  return [
    ...shown,
    ...(left > 0 ? [`(${left} more lines: go on with offset ${from + shown.length})`] : [])
  ].join("\n")
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const bare = (text: string): string => text.startsWith("\uFEFF") ? text.slice(1) : text

/** Where the line that begins here ends: at its line break, or at the end of the text. */
const endOf = (text: string, at: number): number => {
  const end = text.indexOf("\n", at)
  return end === -1 ? text.length : end
}

const withoutReturn = (text: string, from: number, end: number): string =>
  text.slice(from, end < text.length && text[end - 1] === "\r" && end > from ? end - 1 : end)

const longest = 2_000

const cut = (line: string): string =>
  line.length <= longest ? line : `${line.slice(0, longest)} (${line.length} characters)`
