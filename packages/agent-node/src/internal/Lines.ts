/** Lines of a text, as a model reads them. */

/** How many lines a text has; what stands behind its last line break is one if it is there. */
export const count = (text: string): number => split(text).length

/**
 * The lines from one on, the first of which is 1, each with its number and cut where
 * it is too long; undefined where there is none. Says how many are left.
 */
export const show = (text: string, from = 1, most = 2_000): string | undefined => {
  const lines = split(text)
  if (lines.length === 0) return from === 1 ? "(the file is empty)" : undefined
  if (from > lines.length) return undefined
  const shown = lines.slice(from - 1, from - 1 + most)
  const left = lines.length - (from - 1 + shown.length)
  return [
    ...shown.map((line, index) => `${String(from + index).padStart(6)}\t${cut(line)}`),
    ...(left > 0 ? [`(${left} more lines: go on with offset ${from + shown.length})`] : [])
  ].join("\n")
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const split = (text: string): ReadonlyArray<string> => {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/)
  if (lines.at(-1) === "") lines.pop()
  return lines
}

const longest = 2_000

const cut = (line: string): string =>
  line.length <= longest ? line : `${line.slice(0, longest)} (${line.length} characters)`
