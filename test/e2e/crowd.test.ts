/** Twenty processes at once on one file; `FERMATA_CROWD_ACTS` says how much people do. */
import * as Store from "@fermata/engine/Store"
import * as SqliteBackend from "@fermata/host-node/SqliteBackend"
import { Effect } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it, onTestFinished } from "vitest"
import { command, crowd } from "./crowd/Crowd.ts"

const acts = Number(process.env["FERMATA_CROWD_ACTS"] ?? 40)

/** What nobody should read: the insides of the engine, of SQLite, or of Node. */
const internals = /locked|SQLITE|stack|^\s+at |Unexpected|FERMATA_DEBUG|The store|the store failed|undefined|\[object/m

/** Refusals that are how it should be: the run was over, or asked nothing, or nobody had been there yet. */
const isRefusal = (text: string) =>
  /^error: (Run \S+ (is (completed|cancelled) and takes nothing|has no open approval)|Approval \S+ is answered already|There is no database)/m
    .test(text)

describe("a crowd on one file", () => {
  it(
    "S1, S3, S4, S5: no acknowledged run, order or cancel is lost, no body runs twice but after a kill, and nobody sees a lock",
    { timeout: acts * 10_000 },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "fermata-crowd-"))
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
      const [db, lines] = [join(folder, "fermata.db"), join(folder, "lines.txt")]
      const tale = await crowd({
        command,
        folder: join(import.meta.dirname, "crowd"),
        db,
        lines,
        acts,
        workers: 4,
        people: 16
      })
      const { cancelled, jobs, kills, last, orders, said } = tale

      const surprises = said.filter(({ args, code, killed, stderr }) =>
        internals.test(stderr) || (!killed && args[0] !== "worker" && code !== 0 && !(code === 2 && isRefusal(stderr)))
      )
      assert.deepStrictEqual(surprises, [])
      assert.strictEqual(last.code, 0, last.stderr)
      assert.isAbove(jobs.size, 0)
      assert.isAbove(orders.length, 0)

      const done = readFileSync(lines, "utf8").trim().split("\n")
      const times = new Map<string, number>()
      for (const line of done) times.set(line, (times.get(line) ?? 0) + 1)
      let repeated = 0
      await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
        const backend = yield* SqliteBackend.make({ file: db })
        const store = Store.Store.make(backend)
        const rows = yield* backend.runs({ limit: 100_000 })
        const open = rows.filter(({ status }) => status !== "completed" && status !== "cancelled")
        assert.deepStrictEqual(open, [], `${last.stdout}\n${last.stderr}`)
        assert.includeMembers(rows.map(({ id }) => id), [...jobs.keys()])
        for (const row of rows) {
          const journal = yield* store.journal(row.id)
          assert.deepStrictEqual(journal.map(({ seq }) => seq), journal.map((_, seq) => seq))
          const id = row.workflow === "job"
            ? (journal[0] as { readonly payload: { readonly id: string } }).payload.id
            : undefined
          if (id === undefined) continue
          if (row.status === "completed") assert.isTrue(times.has(`${id} work/end`))
          if (row.status === "cancelled") {
            assert.isTrue(
              cancelled.has(row.id) ||
                said.some(({ args, killed }) => killed && args[1] === "cancel" && args[2] === row.id)
            )
          }
          const starts = new Map<string, number>()
          for (const entry of journal) {
            if (entry._tag === "StepRequested") starts.set(entry.key, (starts.get(entry.key) ?? 0) + 1)
          }
          for (const [key, count] of starts) {
            // Every start of a body is recorded before it.
            const bodies = times.get(`${id} ${key}`) ?? 0
            assert.isAtMost(bodies, count, `${id} ${key}`)
            if (journal.some((entry) => entry._tag === "StepCompleted" && entry.key === key)) {
              assert.isAtLeast(bodies, 1)
            }
            repeated += Math.max(0, bodies - 1)
          }
        }
        const packed = rows.filter(({ workflow }) => workflow === "order")
        for (const order of orders) {
          assert.isAtLeast(times.get(`${JSON.stringify(order)} pack`) ?? 0, 1, `order ${order}`)
        }
        assert.isAtLeast(packed.length, orders.length)
      })))
      assert.isTrue(repeated <= kills * 20, `${repeated} bodies ran again after ${kills} kills`)
    }
  )
})
