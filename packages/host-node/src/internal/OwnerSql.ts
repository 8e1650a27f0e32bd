/**
 * The owners of runs, as SQL: who claims which, and who has lost them. Each
 * must be called inside a write transaction.
 */
import type { Answers, ClaimOneOp, ClaimOp, HeartbeatOp, ReapOp, RetireOp, RunRow } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { dueRuns, dueServed, isOver, number, prepare, type Row, runColumns, text, textOrNull, toRun } from "./Rows.ts"

/** `keyOf` finds the key of a run by its id. */
export const make = (db: DatabaseSync, keyOf: (id: string) => number | undefined) => {
  const findRun = prepare(db, `SELECT ${runColumns} FROM runs WHERE key = ?`)
  const dueColumns = "SELECT key, due_at, kind, served, definition FROM runs"
  const dueOfAll = prepare(
    db,
    `${dueServed} SELECT key, due_at, kind, runs.served AS served, definition FROM ${dueRuns}
     WHERE due_at <= ? ORDER BY due_at, key`
  )
  const dueOfServed = prepare(
    db,
    `${dueColumns} INDEXED BY runs_due_served WHERE served = ? AND due_at <= ? ORDER BY due_at, key`
  )
  const dueOfTop = prepare(db, `${dueColumns} WHERE id = ? AND root IS NULL AND due_at <= ?`)
  const dueBelow = prepare(
    db,
    `${dueColumns} INDEXED BY runs_due_root WHERE root = ? AND due_at <= ? ORDER BY due_at, key`
  )
  // Steps from definition to definition, so that runs which are left to others cost one step and not one each.
  const dueDefinitions = prepare(
    db,
    `WITH RECURSIVE due (definition) AS (
       SELECT min(definition) FROM runs INDEXED BY runs_due_document
       WHERE kind = ?1 AND kind <> 'program' AND due_at IS NOT NULL
       UNION ALL
       SELECT (SELECT min(runs.definition) FROM runs INDEXED BY runs_due_document
               WHERE kind = ?1 AND kind <> 'program' AND due_at IS NOT NULL AND runs.definition > due.definition)
       FROM due WHERE definition IS NOT NULL
     )
     SELECT definition FROM due WHERE definition IS NOT NULL`
  )
  const dueOfDocument = prepare(
    db,
    `${dueColumns} INDEXED BY runs_due_document
     WHERE kind = ? AND kind <> 'program' AND definition IS ? AND due_at IS NOT NULL AND due_at <= ? ORDER BY due_at, key`
  )
  const own = prepare(db, "UPDATE runs SET owner = ?, epoch = epoch + 1, due_at = NULL WHERE key = ?")
  const free = prepare(
    db,
    "UPDATE runs SET owner = NULL, due_at = 0, takeovers = takeovers + ?2 WHERE owner = ?1"
  )

  const beat = prepare(db, "INSERT OR REPLACE INTO owners (id, expires_at, worker, info) VALUES (?, ?, ?, ?)")
  const bury = prepare(db, "DELETE FROM owners WHERE expires_at < ?")
  const buryOne = prepare(db, "DELETE FROM owners WHERE id = ? AND expires_at = ?")
  const leave = prepare(db, "DELETE FROM owners WHERE id = ?")
  // Steps from owner to owner in the index, instead of over every owned run.
  const ownersWithoutRow = prepare(
    db,
    `WITH RECURSIVE owning (owner) AS (
       SELECT min(owner) FROM runs WHERE owner IS NOT NULL
       UNION ALL
       SELECT (SELECT min(runs.owner) FROM runs WHERE runs.owner > owning.owner) FROM owning WHERE owner IS NOT NULL
     )
     SELECT owner FROM owning WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM owners)`
  )

  const take = (key: number, owner: string): RunRow => {
    own.run(owner, key)
    return toRun(findRun.get(key)!)
  }

  const claim = (op: ClaimOp): Answers["claim"] => {
    if (op.limit <= 0) return { runs: [] }
    const kinds = new Set(op.kinds)
    const served = op.programs === null ? null : new Set([...op.programs, ...kinds])
    const without = new Set(op.without)
    const serves = (row: Row) => {
      const definition = textOrNull(row, "definition")
      if (definition !== null && without.has(definition)) return false
      const kind = text(row, "kind")
      return served === null ? kind === "program" || kinds.has(kind) : served.has(text(row, "served"))
    }
    const lists: Array<Iterable<Row>> = op.roots !== null
      ? [...new Set(op.roots)].flatMap((root) => [dueOfTop.all(root, op.now), upTo(dueBelow, root)])
      : served !== null
      ? [...served].flatMap((name) => kinds.has(name) && without.size > 0 ? ofKind(name) : [upTo(dueOfServed, name)])
      : [dueOfAll.iterate(op.now)]
    // Begun when it is come to: a statement can only be in one place at a time.
    function* upTo(statement: typeof dueBelow, ...values: ReadonlyArray<string | null>): Generator<Row> {
      yield* statement.iterate(...values, op.now)
    }
    function ofKind(kind: string): Array<Iterable<Row>> {
      const hashes = dueDefinitions.all(kind).map((row) => text(row, "definition")).filter((hash) => !without.has(hash))
      return [null, ...hashes].map((hash) => upTo(dueOfDocument, kind, hash))
    }

    const found: Array<{ readonly key: number; readonly at: number }> = []
    for (const list of lists) {
      let left = op.limit
      for (const row of list) {
        if (!serves(row)) continue
        found.push({ key: number(row, "key"), at: number(row, "due_at") })
        if (--left === 0) break
      }
    }
    found.sort((a, b) => a.at - b.at || a.key - b.key)
    return { runs: found.slice(0, op.limit).map(({ key }) => take(key, op.owner)) }
  }

  const claimOne = ({ owner, run: id }: ClaimOneOp): Answers["claimOne"] => {
    const key = keyOf(id)
    if (key === undefined) return { run: null }
    const run = toRun(findRun.get(key)!)
    return { run: run.owner === null && !isOver(run.status) ? take(key, owner) : null }
  }

  const heartbeat = ({ owner }: HeartbeatOp): Answers["heartbeat"] => {
    beat.run(owner.id, owner.expiresAt, owner.worker ? 1 : 0, owner.info)
    return {}
  }

  const reap = (op: ReapOp): Answers["reap"] => {
    if (op.owners === undefined) bury.run(op.now)
    else for (const { expiresAt, id } of op.owners) buryOne.run(id, expiresAt)
    return { freed: ownersWithoutRow.all().reduce((freed, row) => freed + free.run(text(row, "owner"), 1), 0) }
  }

  const retire = ({ owner }: RetireOp): Answers["retire"] => {
    leave.run(owner)
    return { freed: free.run(owner, 0) }
  }

  return { claim, claimOne, heartbeat, reap, retire }
}
