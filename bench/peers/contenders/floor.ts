/** A journal by hand: what any engine on SQLite must do at the least. No product. */
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { body, type Open, type Outcome, sizeOf, upTo } from "../contender.ts"

export const open: Open = async ({ folder }, variant) => {
  const file = variant === "memory" ? ":memory:" : join(folder, "floor.db")
  const db = new DatabaseSync(file)
  db.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${variant === "memory" ? "OFF" : variant};
     CREATE TABLE IF NOT EXISTS steps(run TEXT, step INTEGER, outcome TEXT, PRIMARY KEY(run, step)) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS runs(id TEXT PRIMARY KEY, status TEXT) WITHOUT ROWID`
  )
  const insert = db.prepare("INSERT INTO steps VALUES(?, ?, ?)")
  const find = db.prepare("SELECT outcome FROM steps WHERE run = ? AND step = ?")
  const status = db.prepare("INSERT INTO runs VALUES(?, ?) ON CONFLICT DO UPDATE SET status = excluded.status")
  const step = async (run: string, i: number, work: () => unknown) => {
    const found = find.get(run, i) as { readonly outcome: string } | undefined
    if (found !== undefined) return JSON.parse(found.outcome) as Outcome
    const outcome = work()
    insert.run(run, i, JSON.stringify(outcome))
    return outcome
  }
  const sequential = async (id: string, n: number) => {
    status.run(id, "running")
    for (let i = 0; i < n; i++) await step(id, i, () => body(id, i))
    status.run(id, "completed")
  }
  return {
    sequential,
    goOn: sequential,
    parallel: async (id, n) => {
      status.run(id, "running")
      await Promise.all(upTo(n).map((i) => step(id, i, () => body(id, i))))
      status.run(id, "completed")
    },
    startWaiting: async (id) => {
      status.run(id, "running")
      await step(id, 0, () => body(id, 0))
      status.run(id, "suspended")
    },
    untilWaiting: async () => {},
    signal: async (id) => {
      await step(id, 1, () => ({ approved: true }))
      status.run(id, "completed")
    },
    untilDone: async () => {},
    bytes: () => {
      if (variant === "memory") return 0
      db.exec("PRAGMA wal_checkpoint(TRUNCATE)")
      return sizeOf(file)
    },
    close: () => db.close()
  }
}
