/** A fair claim of a task among many lanes, beside a plain one by priority alone, and beside one where a hundredth as many wait. */
import type { EnqueueOp, LeaseOp } from "@fermata/engine/Backend"
import * as SqliteBackend from "@fermata/host-node/SqliteBackend"
import { Effect } from "effect"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { DatabaseSync } from "node:sqlite"
import type { Case } from "./cases.ts"
import { figure } from "./measure.ts"
import { remove } from "./subject.ts"

const task = (n: number, lanes: number): EnqueueOp => ({
  op: "enqueue",
  task: {
    id: `t${n}`,
    queue: "bench",
    kind: "bench",
    source: null,
    subject: null,
    priority: n % 10,
    notBefore: 0,
    lane: `lane ${n % lanes}`,
    adapter: "",
    profile: null,
    dedupe: null,
    payload: `{"n":${n}}`,
    maxAttempts: null,
    waiterRun: null,
    waiterStep: null
  },
  onDuplicate: "join",
  isLimited: true,
  now: 0
})

const claim: LeaseOp = {
  op: "lease",
  queue: "bench",
  owner: "a",
  now: 1,
  until: 1e12,
  limit: 1,
  adapters: null,
  isShared: true
}

/** ms for each claim, in a transaction of its own, where so many wait. */
const fair = (file: string, tasks: number, lanes: number, claims: number): Promise<number> => {
  remove(file)
  return Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const backend = yield* SqliteBackend.make({ file, synchronous: "NORMAL" })
    for (let from = 0; from < tasks; from += 2_000) {
      yield* backend.write(
        Array.from({ length: Math.min(2_000, tasks - from) }, (_, index) => task(from + index, lanes))
      )
    }
    const start = performance.now()
    for (let index = 0; index < claims; index++) yield* backend.write([claim])
    return (performance.now() - start) / claims
  })))
}

/** The same on a table that knows a priority and no lane. */
const plain = (file: string, tasks: number, claims: number): number => {
  remove(file)
  const db = new DatabaseSync(file)
  try {
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      CREATE TABLE tasks (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, priority INTEGER NOT NULL,
        owner TEXT, lease_until REAL, payload TEXT NOT NULL) STRICT;
      CREATE INDEX tasks_ready ON tasks (priority DESC, key) WHERE status = 'queued'`)
    const add = db.prepare("INSERT INTO tasks (id, status, priority, payload) VALUES (?, 'queued', ?, ?)")
    db.exec("BEGIN")
    for (let n = 0; n < tasks; n++) add.run(`t${n}`, n % 10, `{"n":${n}}`)
    db.exec("COMMIT")
    const take = db.prepare(
      `UPDATE tasks SET status = 'running', owner = ?, lease_until = ? WHERE key =
         (SELECT key FROM tasks WHERE status = 'queued' ORDER BY priority DESC, key LIMIT 1) RETURNING *`
    )
    const start = performance.now()
    for (let index = 0; index < claims; index++) {
      db.exec("BEGIN IMMEDIATE")
      take.get("a", 1e12)
      db.exec("COMMIT")
    }
    return (performance.now() - start) / claims
  } finally {
    db.close()
  }
}

export const tasks: Case = async ({ folder, rounds, scale }) => {
  const [many, lanes] = [Math.ceil(100_000 * scale), Math.ceil(1_000 * scale)]
  const few = Math.ceil(many / 100)
  const claims = Math.ceil(few / 2)
  const toPlain: Array<number> = []
  const toFew: Array<number> = []
  let fairMs = 0
  let plainMs = 0
  for (let round = 0; round < rounds; round++) {
    fairMs = await fair(join(folder, "tasks.db"), many, lanes, claims)
    plainMs = plain(join(folder, "plain.db"), many, claims)
    const fewMs = await fair(join(folder, "few.db"), few, Math.max(1, Math.ceil(lanes / 100)), claims)
    toPlain.push(fairMs / plainMs)
    toFew.push(fairMs / fewMs)
  }
  const readings = { fairUs: fairMs * 1_000, plainUs: plainMs * 1_000, tasks: many, lanes }
  return [
    figure("fair claim of a task", "a claim by priority alone", "× plain", toPlain, undefined, readings),
    figure("fair claim where a hundred times as many wait", "where few do", "× few", toFew, {
      kind: "at most",
      value: 2
    }, readings)
  ]
}
