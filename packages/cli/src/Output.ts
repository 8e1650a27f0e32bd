/**
 * What the command writes: results on stdout and everything else on stderr.
 */
import * as Effect from "effect/Effect"

/** Writes to stdout, and goes on when the reader keeps up. */
export const write = (text: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (process.stdout.write(text)) return resume(Effect.void)
    const go = () => resume(Effect.void)
    process.stdout.once("drain", go)
    return Effect.sync(() => void process.stdout.off("drain", go))
  })

/** Writes one line to stdout. */
export const line = (text: string): Effect.Effect<void> => write(`${text}\n`)

/** Writes one JSON document to stdout. On a terminal it is indented. */
export const document = (value: unknown): Effect.Effect<void> =>
  line(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined) ?? "null")

/** Writes one line of NDJSON to stdout. */
export const item = (value: unknown): Effect.Effect<void> => line(JSON.stringify(value) ?? "null")

/** Writes one line for people to stderr. */
export const note = (text: string): Effect.Effect<void> => Effect.sync(() => noteNow(text))

/** `note`, outside of an effect. */
export const noteNow = (text: string): void => void process.stderr.write(`${text}\n`)

/** Has the process end with this code. */
export const exitWith = (code: number): Effect.Effect<void> => Effect.sync(() => void (process.exitCode = code))

// ----------------------------------------------------------------------------
// colour
// ----------------------------------------------------------------------------

interface Stream {
  readonly isTTY?: boolean
}

const isColourful = (stream: Stream): boolean => {
  const { FORCE_COLOR, NO_COLOR, TERM } = process.env
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0") return true
  return stream.isTTY === true && TERM !== "dumb"
}

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const

/** Marks text for one stream; without colour it stays as it is. */
export type Paint = (text: string) => string
export type Palette = { readonly [K in keyof typeof codes]: Paint }

const palette = (stream: Stream): Palette => {
  const colourful = isColourful(stream)
  return Object.fromEntries(
    Object.entries(codes).map(([name, [on, off]]) => [
      name,
      (text: string) => colourful ? `\u001b[${on}m${text}\u001b[${off}m` : text
    ])
  ) as Palette
}

/** Colours of stdout. */
export const out: Palette = palette(process.stdout)

/** Colours of stderr. */
export const err: Palette = palette(process.stderr)

/** Makes text from outside harmless for a terminal: control characters show as escapes. */
export const plain = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (character) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** Rows as columns that stand in line. Cells are plain text; `paint` marks a cell after it was measured. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  paint: (text: string, row: number, column: number) => string = (text) => text
): string => {
  const cells = [head, ...rows].map((row) => row.map((cell) => plain(cell).replace(/\s+/g, " ")))
  const widths = head.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)))
  return cells.map((row, index) =>
    row.map((cell, column) => {
      const padded = column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)
      return index === 0 ? out.dim(padded) : paint(padded, index - 1, column)
    }).join("  ").trimEnd()
  ).join("\n")
}
