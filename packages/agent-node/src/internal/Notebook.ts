/**
 * Notebooks of Jupyter, of version 4 of their format: cells that are put in, replaced
 * or taken out, while everything else stays as it is, what is not known here too.
 */
import * as Schema from "effect/Schema"

const Lines = Schema.Union([Schema.String, Schema.Array(Schema.String)])
const rest = [Schema.Record(Schema.String, Schema.Json)] as const
const common = {
  id: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9-_]{1,64}$/))),
  metadata: Schema.Record(Schema.String, Schema.Json),
  source: Lines
}

/** A cell of a notebook. */
export const Cell = Schema.Union([
  Schema.StructWithRest(
    Schema.Struct({
      cell_type: Schema.Literal("code"),
      ...common,
      execution_count: Schema.NullOr(Schema.Int),
      outputs: Schema.Array(Schema.Record(Schema.String, Schema.Json))
    }),
    rest
  ),
  Schema.StructWithRest(Schema.Struct({ cell_type: Schema.Literals(["markdown", "raw"]), ...common }), rest)
])
export type Cell = typeof Cell.Type

/** A notebook, with whatever else stands in it. */
export const Notebook = Schema.StructWithRest(
  Schema.Struct({
    nbformat: Schema.Literal(4),
    nbformat_minor: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
    metadata: Schema.Record(Schema.String, Schema.Json),
    cells: Schema.Array(Cell)
  }),
  rest
)
export type Notebook = typeof Notebook.Type

/** What is done to which cell. */
export interface Edit {
  readonly mode: "replace" | "insert" | "delete"
  /** Its id, or its place from 0 on; without one, `insert` puts the new cell first. */
  readonly cell: string | undefined
  readonly type: "code" | "markdown" | undefined
  readonly source: string
  /** The id of a cell that is put in, as far as it is not taken. */
  readonly id: string
}

/** The text of the notebook after it, laid out as the one before was, or why there is none. */
export const edited = (text: string, edit: Edit): { readonly text: string } | { readonly problem: string } => {
  try {
    return editedNotebook(text, edit)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { problem: "is nested too deep, or too large, to be changed" }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const editedNotebook = (text: string, edit: Edit): { readonly text: string } | { readonly problem: string } => {
  const notebook = parsed(text)
  if (!isNotebook(notebook)) return { problem: "is no notebook of version 4" }
  const cells = after(notebook, edit)
  if ("problem" in cells) return cells
  const whole = { ...notebook, cells: cells.all }
  return {
    text: JSON.stringify(whole, null, /^\{\r?\n([ \t]*)"/.exec(text)?.[1] ?? "") + (/\s*$/.exec(text)?.[0] ?? "")
  }
}

const isNotebook = Schema.is(Notebook)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""))
  } catch {
    return undefined
  }
}

type Cells = { readonly all: ReadonlyArray<Cell> } | { readonly problem: string }

const after = (notebook: Notebook, edit: Edit): Cells => {
  const { cells } = notebook
  if (edit.cell === undefined) {
    return edit.mode === "insert"
      ? { all: [made(notebook, edit), ...cells] }
      : { problem: `needs cell_id to ${edit.mode} a cell` }
  }
  const at = placeOf(cells, edit.cell)
  const cell = cells[at]
  if (cell === undefined) {
    return { problem: `has no cell "${edit.cell}": it has ${cells.length}, and these ids: ${ids(cells)}` }
  }
  switch (edit.mode) {
    case "insert":
      return { all: [...cells.slice(0, at + 1), made(notebook, edit), ...cells.slice(at + 1)] }
    case "delete":
      return { all: cells.toSpliced(at, 1) }
    case "replace":
      return { all: cells.with(at, replaced(cell, edit)) }
  }
}

const ids = (cells: ReadonlyArray<Cell>): string =>
  cells.slice(0, 50).map(({ id }, index) => id ?? `${index}`).join(", ")

const placeOf = (cells: ReadonlyArray<Cell>, cell: string): number => {
  const byId = cells.findIndex(({ id }) => id === cell)
  if (byId !== -1) return byId
  const index = /^(?:cell-)?(\d+)$/.exec(cell)?.[1]
  return index === undefined ? -1 : Number(index)
}

const made = ({ cells, nbformat_minor }: Notebook, { id, source, type = "code" }: Edit): Cell => {
  // Cells have ids since 4.5, and must not before.
  const named = nbformat_minor >= 5 ? { id: free(cells, id) } : {}
  return type === "code"
    ? { cell_type: "code", execution_count: null, ...named, metadata: {}, outputs: [], source: linesOf(source) }
    : { cell_type: type, ...named, metadata: {}, source: linesOf(source) }
}

const free = (cells: ReadonlyArray<Cell>, id: string): string => {
  const taken = new Set(cells.map((cell) => cell.id))
  let name = id
  for (let next = 2; taken.has(name); next++) name = `${id}-${next}`
  return name
}

/** What a cell said when it ran is not true of another source. */
const replaced = (cell: Cell, { source, type }: Edit): Cell => {
  const kind = type ?? cell.cell_type
  const text = { source: typeof cell.source === "string" ? source : linesOf(source) }
  if (kind === "code") return { ...cell, ...text, cell_type: "code", execution_count: null, outputs: [] }
  const { execution_count: _, outputs: __, ...kept } = cell as Record<string, Schema.Json> & Cell
  return { ...kept, ...text, cell_type: kind } as Cell
}

/** A source as notebooks keep it: its lines, each with its end. */
const linesOf = (source: string): ReadonlyArray<string> => source === "" ? [] : source.split(/(?<=\n)/)
