/** The definitions of workflows, as SQL. It must be called inside a write transaction. */
import type { Answers, DefinitionRow } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { prepare, toDefinition } from "./Rows.ts"

/** Adds a definition, or replaces that of a program. */
export const register = (db: DatabaseSync): (row: DefinitionRow) => Answers["define"] => {
  const findDefinition = prepare(db, "SELECT * FROM definitions WHERE name = ? AND version = ?")
  const define = prepare(
    db,
    "INSERT OR REPLACE INTO definitions (name, version, kind, hash, schemas, document, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
  )
  return (row) => {
    const found = findDefinition.get(row.name, row.version)
    const known = found === undefined ? null : toDefinition(found)
    if (known !== null && known.hash === row.hash && known.kind === row.kind) return { result: "same", known }
    if (known !== null && (known.kind !== "program" || row.kind !== "program")) return { result: "refused", known }
    define.run(row.name, row.version, row.kind, row.hash, row.schemas, row.document, row.at)
    return { result: known === null ? "added" : "replaced", known }
  }
}
