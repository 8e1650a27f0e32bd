/**
 * Prepared statements, and rows of the tables as rows of the storage seam.
 */
import { engineWorkflows } from "@fermata/core/BulkAct"
import type { Restore } from "@fermata/core/Restore"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as Spent from "@fermata/core/Spent"
import * as WellFormed from "@fermata/core/WellFormed"
import type {
  ApprovalRow,
  DefinitionRow,
  FindingRow,
  InboxRow,
  OutboxRow,
  OwnerRow,
  RunRow
} from "@fermata/engine/Backend"
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite"
import * as ShortWaits from "./ShortWaits.ts"

export type Row = Record<string, SQLOutputValue>

/** Whether a run of this status has ended. */
export const isOver = (status: string): boolean => isFinal(status as RunStatus)

/** A statement that is prepared at its first use and kept. */
export interface Statement {
  readonly get: (...values: Array<SQLInputValue>) => Row | undefined
  readonly all: (...values: Array<SQLInputValue>) => Array<Row>
  readonly iterate: (...values: Array<SQLInputValue>) => Iterable<Row>
  /** Gives the number of rows changed. */
  readonly run: (...values: Array<SQLInputValue>) => number
  /** Gives the rowid of the row that was inserted; 0 for none. */
  readonly insert: (...values: Array<SQLInputValue>) => number
}

/** `json` says that all texts among its values are JSON or digests, which are never cut inside a character. */
export const prepare = (db: DatabaseSync, sql: string, json = false): Statement => {
  const bound = json ? asTheyAre : encoded
  let kept: StatementSync | undefined
  const statement = () => kept ??= db.prepare(sql)
  return {
    get: (...values) => statement().get(...bound(values)),
    all: (...values) => statement().all(...bound(values)),
    iterate: (...values) => statement().iterate(...bound(values)),
    run: (...values) => Number(statement().run(...bound(values)).changes),
    insert: (...values) => {
      const { changes, lastInsertRowid } = statement().run(...bound(values))
      return changes === 0 ? 0 : Number(lastInsertRowid)
    }
  }
}

/** SQLite keeps text in UTF-8, where texts that were cut inside a character would become one. */
const encoded = (values: Array<SQLInputValue>): Array<SQLInputValue> => {
  for (let index = 0; index < values.length; index++) {
    const value = values[index]
    if (typeof value === "string") values[index] = WellFormed.encode(value)
  }
  return values
}

const asTheyAre = (values: Array<SQLInputValue>): Array<SQLInputValue> => values

/** A query whose rows are read often enough that objects with names would cost too much. Its values and texts are taken as they are. */
export interface LeanQuery {
  readonly get: (...values: Array<SQLInputValue>) => ReadonlyArray<SQLOutputValue> | undefined
  readonly all: (...values: Array<SQLInputValue>) => ReadonlyArray<ReadonlyArray<SQLOutputValue>>
}

export const prepareLean = (db: DatabaseSync, sql: string): LeanQuery => {
  let kept: StatementSync | undefined
  const statement = () => {
    if (kept !== undefined) return kept
    kept = db.prepare(sql)
    kept.setReturnArrays(true)
    return kept
  }
  return {
    get: (...values) => statement().get(...values) as unknown as ReadonlyArray<SQLOutputValue> | undefined,
    all: (...values) => statement().all(...values) as unknown as ReadonlyArray<ReadonlyArray<SQLOutputValue>>
  }
}

/** What follows from the rows of the journal that have no place in the index yet. */
const unplaced = "journal WHERE arrival > (SELECT upto FROM placed)"

/** The `seq` of the last entry of a run; null without entries. */
export const lastOf = (run: string): string =>
  `coalesce((SELECT max(last) FROM ${unplaced} AND run = ${run}), (SELECT max(last) FROM places WHERE run = ${run}))`

const placedFrom =
  `SELECT places.last AS last, entries FROM places CROSS JOIN journal ON journal.arrival = places.arrival
  WHERE places.run = ?1 AND places.last >= ?2`

/** The rows that hold the entries of run `?1` from `?2` on, at most `?3`, as far as they are in the index. */
export const placedRows = `${placedFrom} ORDER BY places.last LIMIT ?3`

/** The same, of all rows. */
export const journalRows = `${placedFrom}
  UNION ALL SELECT last, entries FROM ${unplaced} AND run = ?1 AND last >= ?2
  ORDER BY last LIMIT ?3`

/** What runs that are due are served as. Steps from one to the next in the index. */
export const dueServed = `WITH RECURSIVE due (served) AS (
    SELECT min(served) FROM runs INDEXED BY runs_due_served WHERE due_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(runs.served) FROM runs INDEXED BY runs_due_served WHERE due_at IS NOT NULL AND runs.served > due.served)
    FROM due WHERE served IS NOT NULL
  )`

/** The workflows of the engine's own runs, as a list of SQL. */
export const ownWorkflows = engineWorkflows.map((name) => `'${name}'`).join(", ")

/** The runs that are due, as far as a condition on `due_at` says: to follow `dueServed`. */
export const dueRuns = "due CROSS JOIN runs INDEXED BY runs_due_served ON runs.served = due.served"

/** Everything of a run but its payloads. */
export const runColumns = `id, epoch, owner, due_at, takeovers, status, reason, workflow, version, kind, definition, `
  + `coalesce(root, id) AS root, parent, created_at, updated_at, waits, title, labels, `
  + `(SELECT micros FROM spent WHERE run = runs.key) AS spent_micros, (SELECT tokens FROM spent WHERE run = runs.key) AS spent_tokens, `
  + `(SELECT json_object('id', id, 'by', by, 'from', last_at, 'to', at) FROM doubts CROSS JOIN restores ON key = restore `
  + `WHERE run = runs.key) AS restored, coalesce(${lastOf("runs.key")} + 1, 0) AS length`

export const toRun = (row: Row): RunRow => ({
  id: text(row, "id"),
  workflow: text(row, "workflow"),
  version: text(row, "version"),
  kind: kind(row),
  definition: textOrNull(row, "definition"),
  root: text(row, "root"),
  parent: textOrNull(row, "parent"),
  status: text(row, "status"),
  reason: textOrNull(row, "reason"),
  waits: ShortWaits.lengthen(textOrNull(row, "reason"), textOrNull(row, "waits")),
  length: number(row, "length"),
  epoch: number(row, "epoch"),
  owner: textOrNull(row, "owner"),
  dueAt: numberOrNull(row, "due_at"),
  takeovers: number(row, "takeovers"),
  createdAt: number(row, "created_at"),
  updatedAt: number(row, "updated_at"),
  ...(row["title"] === null ? {} : { title: text(row, "title") }),
  ...(row["labels"] === null ? {} : { labels: JSON.parse(text(row, "labels")) as Readonly<Record<string, string>> }),
  ...(row["restored"] === null ? {} : { restored: JSON.parse(text(row, "restored")) as Restore }),
  ...(row["spent_micros"] === null
    ? {}
    : { spent: Spent.make(number(row, "spent_micros"), number(row, "spent_tokens")) })
})

export const toInbox = (row: Row): InboxRow => ({
  run: text(row, "run"),
  id: text(row, "id"),
  kind: text(row, "kind"),
  payload: text(row, "payload"),
  at: number(row, "at")
})

export const toOutbox = (row: Row): OutboxRow => ({
  id: text(row, "id"),
  kind: text(row, "kind"),
  payload: text(row, "payload")
})

export const toApproval = (row: Row): ApprovalRow => ({
  run: text(row, "run"),
  key: text(row, "key"),
  workflow: text(row, "workflow"),
  prompt: text(row, "prompt"),
  approvers: text(row, "approvers"),
  question: text(row, "question"),
  requestedAt: number(row, "requested_at"),
  deadline: numberOrNull(row, "deadline"),
  answers: textOrNull(row, "answers"),
  version: number(row, "version"),
  status: text(row, "status")
})

export const toOwner = (row: Row): OwnerRow => ({
  id: text(row, "id"),
  expiresAt: number(row, "expires_at"),
  worker: number(row, "worker") === 1,
  info: text(row, "info")
})

export const toDefinition = (row: Row): DefinitionRow => ({
  name: text(row, "name"),
  version: text(row, "version"),
  kind: text(row, "kind"),
  hash: text(row, "hash"),
  schemas: text(row, "schemas"),
  document: textOrNull(row, "document"),
  at: number(row, "at")
})

export const toFinding = (row: Row): FindingRow => ({
  run: text(row, "run"),
  reason: text(row, "reason"),
  problem: text(row, "problem"),
  length: number(row, "length"),
  woken: number(row, "woken") === 1,
  at: number(row, "at")
})

// What a strict table cannot hold means that the file was changed by other hands.

export const text = (row: Row, column: string): string => {
  const value = row[column]
  if (typeof value !== "string") throw damaged(column)
  return WellFormed.decode(value)
}

export const textOrNull = (row: Row, column: string): string | null => row[column] === null ? null : text(row, column)

export const number = (row: Row, column: string): number => {
  const value = row[column]
  if (typeof value !== "number") throw damaged(column)
  return value
}

export const numberOrNull = (row: Row, column: string): number | null =>
  row[column] === null ? null : number(row, column)

/** `program`, or the kind of a document: a word. */
const kind = (row: Row): string => {
  const value = text(row, "kind")
  if (!/^[a-z][a-z0-9-]*$/.test(value)) throw damaged("kind")
  return value
}

export const damaged = (column: string): Error =>
  new Error(`a stored row is damaged: its ${column} is not of the right kind`)
