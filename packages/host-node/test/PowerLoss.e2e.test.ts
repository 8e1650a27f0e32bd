import { assert, describe, it } from "@effect/vitest"
import * as Approval from "@fermata/engine/Approval"
import type { Backend } from "@fermata/engine/Backend"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { Store } from "@fermata/engine/Store"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import { spawnSync } from "node:child_process"
import { copyFileSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"
import * as WriteAheadLog from "./support/WriteAheadLog.ts"

const Id = { id: Schema.String }
const keyed = { idempotencyKey: ({ id }: { readonly id: string }) => id }

const work = Step.make("work", {
  input: Schema.String,
  success: Schema.String,
  onCrash: "rerun",
  run: (text) => Effect.succeed(`${text}!`)
})
/** Its outcome is too large for a journal entry and lives in a blob. */
const draw = Step.make("draw", {
  success: Schema.String,
  onCrash: "rerun",
  run: () => Effect.succeed("#".repeat(70_000))
})
const Go = Signal.make("go", { schema: Schema.Number })

const Part = Workflow.make("Part", { payload: Id, success: Schema.String, ...keyed })
const Whole = Workflow.make("Whole", { payload: Id, success: Schema.Array(Schema.Unknown), ...keyed })

const workflows = Layer.mergeAll(
  Part.toLayer(({ id }) => work(`part ${id}`)),
  Whole.toLayer(({ id }) =>
    Effect.gen(function*() {
      const first = yield* work(`first ${id}`)
      const both = yield* Effect.all([work(`a ${id}`), work(`b ${id}`)], { concurrency: 2 })
      yield* Effect.sleep("1 hour")
      const signal = yield* Signal.receive(Go)
      const picture = yield* draw()
      const part = yield* Part.execute({ id })
      const { by } = yield* Effect.orDie(Approval.ask("end", { prompt: "Shall it end?", approvers: ["ada"] }))
      return [first, both, signal, picture.length, part, by]
    })
  )
)

const ids = ["1", "2", "3"]

/** Lives the runs to their end on this store, as clients do that repeat what was not acknowledged. */
const live = (world: CrashHost.World) =>
  Effect.gen(function*() {
    const host = yield* world.start(workflows)
    const runs = yield* Effect.forEach(ids, (id) => host.use(Whole.execute({ id }, { discard: true })))
    yield* host.settled
    yield* TestClock.adjust("2 hours")
    yield* host.settled
    for (const run of runs) {
      yield* world.tell(run, "signal", { name: "go", payload: 7 }, { id: "go" })
      yield* world.tell(run, "answer", { key: "end", decision: "approve", by: "ada" }, { id: "answer" })
    }
    return yield* Effect.forEach(runs, (run) =>
      Effect.map(world.journal(run), (journal) => {
        const end = journal.at(-1)
        return end?._tag === "RunCompleted" ? end.output : end
      }))
  })

interface Snapshot {
  readonly runs: ReadonlyArray<
    {
      readonly id: string
      readonly status: string
      readonly inbox: ReadonlyArray<string>
      readonly rows: ReadonlyArray<string>
    }
  >
}

/** Everything that anybody was told to be recorded. */
const snapshot = (backend: Backend): Effect.Effect<Snapshot> =>
  Effect.gen(function*() {
    const rows = yield* backend.runs({ limit: 1_000 })
    const runs = yield* Effect.forEach(rows, ({ id, status }) =>
      Effect.gen(function*() {
        return {
          id,
          status,
          inbox: (yield* backend.inbox(id)).map((row) => row.id),
          rows: yield* backend.entries(id, 0, 10_000)
        }
      }))
    return { runs }
  }).pipe(Effect.orDie)

/** A store that notes after each write how long its log is and what it holds: from then on it is acknowledged. */
const noted = (backend: Backend, log: string, notes: Array<Snapshot & { readonly size: number }>): Backend => ({
  ...backend,
  write: (ops) =>
    Effect.tap(
      backend.write(ops),
      () => Effect.map(snapshot(backend), (held) => void notes.push({ ...held, size: statSync(log).size }))
    )
})

/** Lives the runs once, and gives the files as they lie on the disk while the process is there. */
const record: Effect.Effect<Recorded, never, Scope.Scope> = Effect.gen(function*() {
  const folder = yield* TempFolder.make
  const file = join(folder, "fermata.db")
  const backend = yield* SqliteBackend.make({ file })
  const notes: Array<Snapshot & { readonly size: number }> = []
  const ends = yield* live(yield* CrashHost.makeOn(noted(backend, `${file}-wal`, notes)))
  const log = readFileSync(`${file}-wal`)
  assert.isBelow(
    WriteAheadLog.frameBounds(log).length,
    1_000,
    "SQLite has begun the log anew, which this test does not follow"
  )
  return { folder, file, database: readFileSync(file), log, notes, ends }
}).pipe(Effect.orDie)

interface Recorded {
  readonly folder: string
  readonly file: string
  readonly database: Buffer
  readonly log: Buffer
  readonly notes: ReadonlyArray<Snapshot & { readonly size: number }>
  readonly ends: ReadonlyArray<unknown>
}

/** Opens what is left and uses it. */
const reopened = <A, E>(
  { folder }: Recorded,
  database: Buffer,
  log: Buffer,
  use: (backend: Backend) => Effect.Effect<A, E>
) =>
  Effect.suspend(() => {
    const file = join(folder, "copy.db")
    writeFileSync(file, database)
    writeFileSync(`${file}-wal`, log)
    // What the dead machine had in memory for all processes is garbage.
    writeFileSync(`${file}-shm`, Buffer.alloc(32_768, 0xa5))
    return Effect.scoped(Effect.flatMap(SqliteBackend.make({ file, synchronous: "NORMAL" }), use))
  })

const decodable = (backend: Backend, { runs }: Snapshot) =>
  Effect.forEach(
    runs,
    ({ id, rows }) =>
      Effect.map(Store.make(backend).journal(id), (entries) =>
        assert.deepStrictEqual(entries.map(({ seq }) => seq), rows.map((_, seq) => seq))),
    { discard: true }
  )

describe("power loss", () => {
  it.effect("S3, S4, S14: whatever a cut or damaged log leaves, all that was acknowledged before it is there, whole, and goes on to the same end", () =>
    Effect.gen(function*() {
      const recorded = yield* record
      const { database, log, notes } = recorded
      assert.deepStrictEqual(
        recorded.ends,
        ids.map((id) => [`first ${id}!`, [`a ${id}!`, `b ${id}!`], 7, 70_000, `part ${id}!`, ["ada"]])
      )
      // Two writes may leave the same: the log is cut by what it says, not by what is in it.
      const before = (intact: number) => notes.findLast(({ size }) => size <= intact)
      const lived = new Set<Snapshot | undefined>()
      const remains = [...WriteAheadLog.cuts(log), ...WriteAheadLog.flips(log), ...WriteAheadLog.holes(log)]
      assert.isAbove(remains.length, 500)
      for (const { intact, log, what } of remains) {
        const expected = before(intact)
        yield* reopened(recorded, database, log, (backend) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* snapshot(backend), { runs: expected?.runs ?? [] }, what)
            if (expected !== undefined) yield* decodable(backend, expected)
            if (lived.has(expected)) return
            lived.add(expected)
            const world = yield* CrashHost.makeOn(backend)
            // The machine was away for longer than any lease.
            yield* world.adjustHost(60_000)
            assert.deepStrictEqual(yield* live(world), recorded.ends, what)
          }))
      }
      assert.strictEqual(lived.size, new Set(notes.map(({ size }) => size)).size + 1)
    }))

  it.effect("S3: a checkpoint that was cut short at any page loses nothing", () =>
    Effect.gen(function*() {
      const recorded = yield* record
      const { database, file, folder, log, notes } = recorded
      const after = join(folder, "after.db")
      copyFileSync(file, after)
      copyFileSync(`${file}-wal`, `${after}-wal`)
      const db = new DatabaseSync(after)
      db.exec("PRAGMA wal_checkpoint(FULL)")
      const checkpointed = readFileSync(after)
      db.close()
      const page = 4_096
      const pages = checkpointed.length / page
      assert.isAbove(pages, 20)
      const last = notes.at(-1)!
      for (let count = 0; count <= pages; count++) {
        // Pages reach the disk in any order, and one may be torn.
        const torn = Buffer.alloc(checkpointed.length)
        database.copy(torn)
        for (let index = 0; index < count; index++) {
          const place = (index * 7_919) % pages
          const end = index === count - 1 ? place * page + page / 2 : (place + 1) * page
          checkpointed.copy(torn, place * page, place * page, end)
        }
        yield* reopened(recorded, torn, log, (backend) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* snapshot(backend), { runs: last.runs }, `${count} pages`)
            yield* decodable(backend, last)
          }))
      }
    }))

  // Whoever watches system calls sees whether the disk was asked to keep what was written.
  const canWatch = spawnSync("strace", ["-f", "-o", "/dev/null", "true"]).status === 0
  for (const [synchronous, synced] of [["FULL", true], ["NORMAL", false]] as const) {
    it.effect.skipIf(!canWatch)(
      `S3: with ${synchronous} the log is ${synced ? "" : "not "}synced between each commit and its acknowledgement`,
      () =>
        Effect.gen(function*() {
          const folder = yield* TempFolder.make
          const [trace, file] = [join(folder, "trace"), join(folder, "fermata.db")]
          const script = fileURLToPath(new URL("support/Acknowledger.ts", import.meta.url))
          const args = [
            "-f",
            "-y",
            "-e",
            "trace=pwrite64,fdatasync,fsync,write",
            "-o",
            trace,
            process.execPath,
            script,
            file,
            synchronous,
            "20"
          ]
          const { status, stderr } = spawnSync("strace", args, { encoding: "utf8" })
          assert.strictEqual(status, 0, stderr)
          let isSynced = true
          const acknowledged: Array<boolean> = []
          for (const call of readFileSync(trace, "utf8").split("\n")) {
            if (/ pwrite64\(\d+<[^>]*-wal>/.test(call)) isSynced = false
            if (/ (fdatasync|fsync)\(\d+<[^>]*-wal>/.test(call)) isSynced = true
            if (/ write\(1<[^>]*>, "recorded/.test(call)) acknowledged.push(isSynced)
          }
          assert.deepStrictEqual(acknowledged, Array.from({ length: 20 }, () => synced))
        })
    )
  }
})
