/** What is deleted for good, and for how long runs are kept, as SQL. */
import {
  type Answers,
  type ClearOp,
  type EndedFilter,
  type EndedGroup,
  endpointOfRun,
  type RemoveOp,
  type RetainOp,
  type RetentionRow,
  type RetentionScope
} from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import * as BlobSql from "./BlobSql.ts"
import * as FreePages from "./FreePages.ts"
import { number, numberOrNull, prepare, prepareLean, type Row, text } from "./Rows.ts"

/** What a connection has to know of runs that it deletes. */
export interface Parts {
  /** Gives the rows of the journal their places in the index. */
  readonly placeAll: () => void
  /** Appends a row of run 0, and answers its number. */
  readonly append: () => number
  /** The run of this id and key is not there any more. */
  readonly forget: (id: string, key: number) => void
}

/** What is written. To be called inside a write transaction. */
export const changes = (db: DatabaseSync, { append, forget, placeAll }: Parts) => {
  const find = prepare(db, "SELECT key, status, root, updated_at FROM runs WHERE id = ?")
  const isThere = prepare(db, "SELECT 1 FROM runs WHERE id = ?")
  const openBelow = prepare(db, `SELECT min(id) AS id FROM runs INDEXED BY runs_open_below WHERE root = ? AND ${open}`)
  const below = prepare(db, "SELECT key, id FROM runs WHERE root = ? ORDER BY key DESC LIMIT ?")
  const removal = prepare(db, "INSERT INTO removals (root) VALUES (?) ON CONFLICT (root) DO NOTHING")
  const nextRemoval = prepare(db, "SELECT key, id FROM removals CROSS JOIN runs ON runs.key = removals.root LIMIT 1")
  const dropRemoval = prepare(db, "DELETE FROM removals WHERE root = ?")
  const asks = prepare(
    db,
    "SELECT min(id) AS id FROM outbox WHERE kind = 'start' AND id > ?1 AND id < ?1 || char(0x10ffff)"
  )

  const someMarks = prepare(db, "SELECT key FROM marks WHERE run = ? LIMIT ?")
  const dropMark = prepare(db, "DELETE FROM marks WHERE key = ?")
  const rows = "SELECT arrival FROM places WHERE run = ?1 ORDER BY last LIMIT ?2"
  const dropRows = prepareLean(db, `DELETE FROM journal WHERE arrival IN (${rows}) RETURNING ${BlobSql.naming}`)
  const dropPlaces = prepare(
    db,
    "DELETE FROM places WHERE run = ?1 AND last IN (SELECT last FROM places WHERE run = ?1 ORDER BY last LIMIT ?2)"
  )
  const dropListener = prepare(db, "DELETE FROM listeners WHERE listener = ?")
  const dropEndpoint = prepare(db, "DELETE FROM endpoints WHERE name = ?")
  const dropChunks = prepare(db, "DELETE FROM chunks WHERE run = ?")
  const dropRun = prepare(db, "DELETE FROM runs WHERE key = ?")
  const keepKey = prepare(db, "UPDATE store SET last_run = ?1 WHERE last_run < ?1")
  const leave = prepare(db, "INSERT INTO gone (run) VALUES (?)")
  const nextGone = prepare(db, "SELECT run FROM gone LIMIT 1")
  const dropGone = prepare(db, "DELETE FROM gone WHERE run = ?")
  const unsay = prepare(db, "DELETE FROM journal WHERE run = 0 AND arrival = (SELECT said FROM store)")
  const say = prepare(db, "UPDATE store SET said = ?")
  const blobs = BlobSql.changes(db)
  const pages = FreePages.make(db)

  const rule = prepare(db, `SELECT * FROM retention WHERE ${ofScope}`)
  const putRule = prepare(
    db,
    "INSERT OR REPLACE INTO retention (tenant, workflow, status, max_age, max_count, by, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
  )
  const dropRule = prepare(db, `DELETE FROM retention WHERE ${ofScope}`)

  /** Whether runs were deleted in this transaction, which is said at its end. */
  let isRemoved = false

  /** Rows of the journal of a run, at most `limit`. How many there were. */
  const dropJournal = (key: number, limit: number): number => {
    const dropped = dropRows.all(key, limit)
    for (const [entries] of dropped) blobs.loosenNamed(entries)
    dropPlaces.run(key, limit)
    return dropped.length
  }

  /** Deletes a run that has ended, by at most so many rows; what is left of it. Null where the run itself is left. */
  const dropOne = (key: number, id: string, limit: number): number | null => {
    const marks = someMarks.all(key, limit)
    if (marks.length === limit) {
      for (const mark of marks) dropMark.run(number(mark, "key"))
      return null
    }
    blobs.loosenOf(key)
    const left = limit - marks.length
    const dropped = dropJournal(key, left)
    if (dropped === left) leave.run(key)
    dropListener.run(id)
    dropChunks.run(id)
    dropEndpoint.run(endpointOfRun(id))
    keepKey.run(key)
    dropRun.run(key)
    forget(id, key)
    isRemoved = true
    return Math.max(0, left - dropped - 1)
  }

  /** Deletes a tree as far as `limit` reaches, the run at its top last; `isLooked`: nothing that it has asked for is on its way. How many runs went, and whether any is left. */
  const dropTree = (top: number, id: string, limit: number, isLooked: boolean) => {
    placeAll()
    let left = limit
    let count = 0
    const some = below.all(id, limit)
    const all = some.length < limit ? [...some, { key: top, id }] : some
    for (const row of all) {
      if (left <= 0 || (!isLooked && onTheWay([text(row as Row, "id")]) !== undefined)) {
        return { runs: count, left: true }
      }
      const after = dropOne(number(row as Row, "key"), text(row as Row, "id"), left)
      if (after === null) return { runs: count, left: true }
      left = after
      count++
    }
    return { runs: count, left: some.length === limit }
  }

  const openIn = (id: string, status: string): string | undefined => {
    if (!isFinal(status)) return id
    const found = openBelow.get(id)?.["id"]
    return typeof found === "string" ? found : undefined
  }

  /** A run that one of the tree has asked for and that is not there yet. */
  const onTheWay = (ids: ReadonlyArray<string>): string | undefined =>
    ids.flatMap((id) => {
      const from = `start:${id}:`
      const found = asks.get(from)!["id"]
      return typeof found === "string" ? [found.slice(from.length)] : []
    }).sort()[0]

  return {
    handlers: {
      remove: ({ limit, run, until = Infinity }: RemoveOp): Answers["remove"] => {
        const top = find.get(run)
        if (top === undefined) return { result: "unknown" }
        const root = top["root"] === null ? run : text(top, "root")
        if (root !== run && isThere.get(root) !== undefined) return { result: "part", run: root }
        if (number(top, "updated_at") > until) return { result: "open", run }
        const key = number(top, "key")
        const ids = below.all(run, limit).map((row) => text(row, "id"))
        const stands = openIn(run, text(top, "status")) ?? onTheWay([run, ...ids])
        if (stands !== undefined) return { result: "open", run: stands }
        const { left, runs } = dropTree(key, run, limit, ids.length < limit)
        if (left) removal.run(key)
        return { result: "removed", runs, left }
      },
      clear: ({ limit }: ClearOp): Answers["clear"] => {
        const tree = nextRemoval.get()
        if (tree !== undefined) {
          const key = number(tree, "key")
          const id = text(tree, "id")
          if (openIn(id, "completed") !== undefined) dropRemoval.run(key)
          else dropTree(key, id, limit, false)
          return { left: true }
        }
        const journal = nextGone.get()
        if (journal !== undefined) {
          const key = number(journal, "run")
          placeAll()
          if (dropJournal(key, limit) < limit) dropGone.run(key)
          return { left: true }
        }
        return { left: blobs.clear(limit) || pages.giveBack(limit) }
      },
      retain: ({ row, rule: scope }: RetainOp): Answers["retain"] => {
        const where = [scope.tenant ?? "", scope.workflow ?? "", scope.status ?? ""] as const
        const before = rule.get(...where)
        if (row === null) dropRule.run(...where)
        else putRule.run(...where, row.maxAgeMs, row.maxCount, row.by, row.at)
        return { before: before === undefined ? null : toRule(before) }
      }
    },
    /** Says that runs were deleted, where they were. To be called at the end of a transaction. */
    finish: (): void => {
      if (!isRemoved) return
      isRemoved = false
      const arrival = append()
      unsay.run()
      say.run(arrival)
    },
    /** To be called when the transaction was rolled back. */
    forget: (): void => {
      isRemoved = false
    }
  }
}

/** What is read. */
export const reads = (db: DatabaseSync) => {
  const rules = prepare(db, "SELECT * FROM retention ORDER BY tenant, workflow, status")
  const nextWorkflow = prepare(
    db,
    `SELECT min(workflow) AS next FROM runs INDEXED BY runs_ended WHERE ${isEnded} AND workflow > ?`
  )
  const nextStatus = prepare(
    db,
    `SELECT min(status) AS next FROM runs INDEXED BY runs_ended WHERE ${isEnded} AND workflow = ? AND status > ?`
  )
  const nextTenant = prepare(
    db,
    `SELECT min(${tenant}) AS next FROM runs INDEXED BY runs_ended
     WHERE ${isEnded} AND workflow = ? AND status = ? AND ${tenant} > ?`
  )
  const hasNone = prepare(
    db,
    `SELECT 1 FROM runs INDEXED BY runs_ended WHERE ${isEnded} AND workflow = ? AND status = ? AND ${tenant} = '' LIMIT 1`
  )
  const group = `${isEnded} AND workflow = ?1 AND status = ?2 AND ${tenant} = ?3`
  const nthLast = prepare(
    db,
    `SELECT updated_at, key FROM runs INDEXED BY runs_ended WHERE ${group}
     ORDER BY updated_at DESC, key DESC LIMIT 1 OFFSET ?4`
  )
  const some = prepare(
    db,
    `SELECT id FROM runs INDEXED BY runs_ended WHERE ${group} AND (updated_at, key) <= (?4, ?5)
     ORDER BY updated_at, key LIMIT ?6 OFFSET ?7`
  )
  const pages = FreePages.make(db)
  const uncleared = prepareLean(
    db,
    "SELECT EXISTS (SELECT 1 FROM removals) OR EXISTS (SELECT 1 FROM gone) OR EXISTS (SELECT 1 FROM loose_blobs)"
  )

  /** The groups in their order, behind this one. */
  const groupsBehind = function*(after: EndedGroup | null): Generator<EndedGroup> {
    let [workflow, status, behind]: [string, string, string | null] = after === null
      ? ["", "", ""]
      : [after.workflow, after.status, after.tenant ?? ""]
    while (true) {
      const more: string | null = workflow === "" ? null : nextOf(nextTenant.get(workflow, status, behind ?? ""))
      if (more !== null) {
        behind = more
        yield { tenant: more, workflow, status }
        continue
      }
      const further: string | null = workflow === "" ? null : nextOf(nextStatus.get(workflow, status))
      if (further === null) {
        const next = nextOf(nextWorkflow.get(workflow))
        if (next === null) return
        workflow = next
        status = nextOf(nextStatus.get(workflow, ""))!
      } else status = further
      behind = ""
      if (hasNone.get(workflow, status) !== undefined) yield { tenant: null, workflow, status }
    }
  }

  return {
    retention: (): ReadonlyArray<RetentionRow> => rules.all().map(toRule),
    endedGroups: (after: EndedGroup | null, limit: number): ReadonlyArray<EndedGroup> =>
      groupsBehind(after).take(limit).toArray(),
    ended: (
      { beyond, status, tenant, until, workflow }: EndedFilter,
      limit: number,
      skip: number
    ): ReadonlyArray<string> => {
      const of = [workflow, status, tenant ?? ""] as const
      const surplus = beyond === null ? undefined : nthLast.get(...of, beyond)
      const at = surplus === undefined ? -Infinity : number(surplus, "updated_at")
      const isAged = until !== null && until >= at
      if (surplus === undefined && !isAged) return []
      const bound = isAged ? [until, Number.MAX_SAFE_INTEGER] as const : [at, number(surplus!, "key")] as const
      return some.all(...of, ...bound, limit, skip).map((row) => text(row, "id"))
    },
    uncleared: (): boolean => uncleared.get()![0] === 1 || pages.some()
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const open = "root IS NOT NULL AND status IN ('queued', 'running', 'suspended')"
const isEnded = "root IS NULL AND status IN ('completed', 'failed', 'cancelled')"
const tenant = "coalesce(tenant, '')"
const ofScope = "tenant = ? AND workflow = ? AND status = ?"

const isFinal = (status: string): boolean => status === "completed" || status === "failed" || status === "cancelled"

const nextOf = (row: Row | undefined): string | null =>
  row === undefined || row["next"] === null ? null : text(row, "next")

const orNull = (value: string): string | null => value === "" ? null : value

const scopeOf = (row: Row): RetentionScope => ({
  tenant: orNull(text(row, "tenant")),
  workflow: orNull(text(row, "workflow")),
  status: orNull(text(row, "status"))
})

const toRule = (row: Row): RetentionRow => ({
  ...scopeOf(row),
  maxAgeMs: numberOrNull(row, "max_age"),
  maxCount: numberOrNull(row, "max_count"),
  by: text(row, "by"),
  at: number(row, "at")
})
