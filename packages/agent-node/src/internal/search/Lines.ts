/** The lines of a text that an expression matches. */

/** Lines from 1 on, and which of them match. */
export interface Matches {
  readonly lines: ReadonlyArray<string>
  /** Rising. */
  readonly hits: ReadonlyArray<number>
}

/** What matches in a text, line by line; with `multiline` every line that a match covers. */
export const matches = (text: string, expression: RegExp, multiline: boolean): Matches => {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === "") lines.pop()
  return { lines, hits: multiline ? covered(text, expression, lines.length) : single(lines, expression) }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const single = (lines: ReadonlyArray<string>, expression: RegExp): ReadonlyArray<number> =>
  lines.flatMap((line, index) => {
    expression.lastIndex = 0
    return expression.test(line) ? [index + 1] : []
  })

const covered = (text: string, expression: RegExp, count: number): ReadonlyArray<number> => {
  const hits: Array<number> = []
  let line = 1
  let at = 0
  const lineAt = (index: number): number => {
    for (let next = text.indexOf("\n", at); next !== -1 && next < index; next = text.indexOf("\n", at)) {
      line++
      at = next + 1
    }
    return line
  }
  for (const match of text.matchAll(expression)) {
    const from = lineAt(match.index)
    const to = lineAt(Math.max(match.index, match.index + match[0].length - 1))
    for (let hit = Math.max(from, (hits.at(-1) ?? 0) + 1); hit <= Math.min(to, count); hit++) hits.push(hit)
  }
  return hits
}
