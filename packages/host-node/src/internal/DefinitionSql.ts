/** The definitions of workflows, as SQL. It must be called inside a write transaction. */
import type { Answers, DefinitionRow } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { prepare, toDefinition } from "./Rows.ts"

/** What is written, and looked at for that. */
export const changes = (db: DatabaseSync) => {
  const findDefinition = prepare(db, "SELECT * FROM definitions WHERE name = ? AND version = ?")
  const define = prepare(
    db,
    "INSERT OR REPLACE INTO definitions (name, version, kind, hash, schemas, document, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
  )
  const definition = (name: string, version: string): DefinitionRow | null => {
    const found = findDefinition.get(name, version)
    return found === undefined ? null : toDefinition(found)
  }
  /** Adds a definition, or replaces that of a program. */
  const register = (row: DefinitionRow): Answers["define"] => {
    const known = definition(row.name, row.version)
    if (known !== null && known.hash === row.hash && known.kind === row.kind) return { result: "same", known }
    if (known !== null && (known.kind !== "program" || row.kind !== "program")) return { result: "refused", known }
    define.run(row.name, row.version, row.kind, row.hash, row.schemas, row.document, row.at)
    return { result: known === null ? "added" : "replaced", known }
  }
  return { definition, register }
}
