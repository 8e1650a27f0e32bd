/** Runs of another store, taken in by the operations that a store has: the same in every backend. */
import type { Answers, ImportOp, ImportParts } from "./Backend.ts"

/** To be called inside a write transaction. */
export const apply = (
  { commit, define, definition, isThere, start }: ImportParts,
  { definitions, runs }: ImportOp
): Answers["import"] => {
  const there = runs.find(({ start: { run } }) => isThere(run.id))
  if (there !== undefined) return { result: "there", run: there.start.run.id }
  const other = definitions.find((row) => {
    const known = definition(row.name, row.version)
    return known !== null && (known.kind !== row.kind || (row.kind !== "program" && known.hash !== row.hash))
  })
  if (other !== undefined) return { result: "other", definition: other }
  for (const row of definitions) if (definition(row.name, row.version) === null) define(row)
  for (const run of runs) {
    start(run.start)
    commit(run.rest)
  }
  return { result: "imported" }
}
