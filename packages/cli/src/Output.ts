/**
 * What the command writes: results on stdout and everything else on stderr.
 *
 * Every line for people goes through here, and whatever it holds but the
 * command's own colours is shown escaped, so that no data forges a line.
 */
import * as LogLine from "@fermata/engine/LogLine"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { stripVTControlCharacters } from "node:util"
import { shown, shownJson } from "./Shown.ts"

let format: "text" | "json" = "text"

/** Writes text of the command's own, such as its help, or bytes to stdout as they are, and goes on when the reader keeps up. */
export const write = (text: string | Uint8Array): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (process.stdout.write(text)) return resume(Effect.void)
    const go = () => resume(Effect.void)
    process.stdout.once("drain", go)
    return Effect.sync(() => void process.stdout.off("drain", go))
  })

/** Writes one line for people to stdout. */
export const line = (text: string): Effect.Effect<void> => write(`${lineOf(text)}\n`)

/** Writes lines for people to stdout. */
export const lines = (texts: ReadonlyArray<string>): Effect.Effect<void> =>
  write(texts.map((text) => `${lineOf(text)}\n`).join(""))

/** Writes one JSON document to stdout. On a terminal it is indented. */
export const document = (value: unknown): Effect.Effect<void> => json(value, process.stdout.isTTY ? 2 : undefined)

/** Writes one line of NDJSON to stdout. */
export const item = (value: unknown): Effect.Effect<void> => json(value)

/** JSON is the same value with escapes as without, so a terminal gets them. */
const json = (value: unknown, indent?: number): Effect.Effect<void> => {
  const text = JSON.stringify(value, undefined, indent) ?? "null"
  return write(`${process.stdout.isTTY ? shownJson(text) : text}\n`)
}

/** Writes one line for people to stderr. */
export const note = (text: string): Effect.Effect<void> => Effect.sync(() => noteNow(text))

/** `note`, outside of an effect. */
export const noteNow = (text: string): void =>
  format === "json"
    ? log(LogLine.lineOf(Effect.runSync(Clock.currentTimeMillis), "info", stripVTControlCharacters(lineOf(text))))
    : void process.stderr.write(`${lineOf(text)}\n`)

/** How stderr is written from now on: for people, or as a line of JSON each. */
export const writeLog = (as: "text" | "json"): void => {
  format = as
}

/** Whether stderr is written as lines of JSON. */
export const isLogJson = (): boolean => format === "json"

/** Writes a line of JSON to stderr. */
export const log = (text: string): void => void process.stderr.write(`${text}\n`)

/** Writes text of several lines to stderr; all but the first are marked as its parts. */
export const noteBlock = (text: string): void => {
  const [first = "", ...rest] = text.trimEnd().split(/\r?\n/)
  noteNow(`${first}${parts(rest, "  ")}`)
}

/** Lines behind a line for people, each marked as a part of it; of very many the first. */
export const parts = (lines: ReadonlyArray<string>, indent = "      "): string =>
  (lines.length <= mostParts
    ? lines
    : [...lines.slice(0, mostParts - 1), `… ${lines.length - mostParts + 1} more lines, which --json has`])
    .map((line) => `${ownLine}${indent}| ${line}`).join("")

const mostParts = 200

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
/** The paints of a terminal, or none. */
export type Palette = { readonly [K in keyof typeof codes]: Paint }

/** What stands in a line for the command's own marks. No text from outside can hold it, since it is another in every process. */
const nonce = `\u0000${process.pid}-${process.hrtime.bigint()}:`
const ownLine = `${nonce}n;`
const ownMark = new RegExp(`${nonce}(n|\\d+);`)

/** A line as it is written: data escaped, marks as the terminal knows them. */
export const lineOf = (text: string): string =>
  text.includes(nonce)
    ? text.split(ownMark).map((part, index) => index % 2 === 0 ? shown(part) : part === "n" ? "\n" : `\u001b[${part}m`)
      .join("")
    : shown(text)

/** A line without the command's own marks. */
export const plain = (text: string): string =>
  text.split(ownMark).map((part, index) => index % 2 === 0 ? part : part === "n" ? "\n" : "").join("")

const palette = (stream: Stream): Palette => {
  const colourful = isColourful(stream)
  return Object.fromEntries(
    Object.entries(codes).map(([name, [on, off]]) => [
      name,
      (text: string) => colourful ? `${nonce}${on};${text}${nonce}${off};` : text
    ])
  ) as Palette
}

/** Colours of stdout. */
export const out: Palette = palette(process.stdout)

/** Colours of stderr. */
export const err: Palette = palette(process.stderr)

/** How wide a line may be: the terminal, or what COLUMNS says; `piped` is for a reader that is neither. */
export const width = (piped = Infinity): number => {
  const { columns } = process.stdout
  const said = Number(process.env["COLUMNS"])
  return columns ?? (Number.isInteger(said) && said > 0 ? said : piped)
}

/** Fits a table into a width by cutting the cells of these columns, the first of them first; a column that comes again is cut to almost nothing. */
export interface Fit {
  readonly width: number
  readonly shrinks: ReadonlyArray<number>
}

/** Rows as lines of columns that stand in line. Cells are plain text; `paint` marks a cell after it was measured. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  paint: (text: string, row: number, column: number) => string = (text) => text,
  fit?: Fit
): ReadonlyArray<string> => {
  const cells = [head, ...rows].map((row) => row.map((cell) => shown(cell).replace(/\s+/g, " ")))
  const widths = head.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)))
  const shrunk = new Set<number>()
  for (const column of fit?.shrinks ?? []) {
    const excess = widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1)) - fit!.width
    const least = shrunk.has(column) ? 4 : leastWidth
    shrunk.add(column)
    if (excess > 0) widths[column] = Math.max(Math.min(least, widths[column]!), widths[column]! - excess)
  }
  return cells.map((row, index) =>
    row.map((cell, column) => {
      const size = widths[column] ?? 0
      const cut = cell.length > size ? `${cell.slice(0, size - 1)}…` : cell
      const padded = column === row.length - 1 ? cut : cut.padEnd(size)
      return index === 0 ? out.dim(padded) : paint(padded, index - 1, column)
    }).join(gap).trimEnd()
  )
}

const gap = "  "
/** A column is not cut below this many characters. */
const leastWidth = 12
