/** The audit, and the requests that were answered, in a memory store. */
import type { Records } from "../AuditChain.ts"
import type { AuditFilter, AuditRow } from "../Backend.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"
import { type MemoryStore, pair } from "./MemoryStore.ts"

/** How acts are kept in a transaction. */
export const records = (changes: MemoryChanges): Records => {
  const { store } = changes
  const { audit, requests } = store
  return {
    request: (caller, key) => requests.get(pair(caller, key))?.row ?? null,
    remember: (row) => changes.put(requests, pair(row.caller, row.key), { order: store.arrivals++, row }),
    forget: (until, limit) => {
      const old = [...requests].filter(([, { row }]) => row.at <= until)
        .sort(([, a], [, b]) => a.row.at - b.row.at || a.order - b.order)
      for (const [id] of old.slice(0, limit)) changes.drop(requests, id)
    },
    last: () => audit.at(-1) ?? null,
    add: (row) => {
      audit.push(row)
      changes.record(() => void audit.pop())
    }
  }
}

/** The lines that are looked for, the newest first. */
export const list = (
  { audit }: MemoryStore,
  { action, before = Infinity, limit, run, since = -Infinity, tenant, who }: AuditFilter
): ReadonlyArray<AuditRow> => {
  const begins = action?.endsWith(".*") === true ? action.slice(0, -1) : undefined
  return audit.filter((row) =>
    row.n < before && row.at >= since && (who ?? row.who) === row.who &&
    (tenant === undefined || row.tenant === tenant) &&
    (begins === undefined ? (action ?? row.action) === row.action : row.action.startsWith(begins)) &&
    (run === undefined || row.target === run || row.target.startsWith(`${run}/`))
  ).reverse().slice(0, Math.max(0, limit))
}
