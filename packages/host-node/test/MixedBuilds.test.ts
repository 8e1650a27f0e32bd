import { assert, describe, it } from "@effect/vitest"
import { Engine } from "@fermata/engine/Engine"
import { Runs } from "@fermata/engine/Runs"
import * as Step from "@fermata/engine/Step"
import * as Fixtures from "@fermata/testing/backend/Fixtures"
import { Deferred, Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Migrations from "../src/Migrations.ts"
import * as NodeHost from "../src/NodeHost.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
const known = Migrations.migrations.length

/** A newer build opens the database, and migrates it so. */
const migrateTo = (file: string, sql: string) => {
  const db = new DatabaseSync(file, { timeout: 5_000 })
  Migrations.migrate(db, [...Migrations.migrations, sql])
  db.close()
}

const start = (id: string) => Fixtures.start(id, { workflow: "w" }, { rows: ["{}"] })
const commit = (run: string, expected: number) =>
  ({
    op: "commit",
    run,
    epoch: 1,
    expected,
    rows: ["{}"],
    blobs: [],
    at: 2,
    consumed: [],
    outbox: [],
    approvalsOpened: [],
    approvalsClosed: []
  }) as const
const claim = {
  op: "claim",
  owner: "old",
  now: 5,
  limit: 10,
  programs: null,
  kinds: [],
  without: [],
  roots: null
} as const

describe("two builds on one database", () => {
  it.effect("N-34: a process of the older one ends what it has and takes up nothing more, once the newer has migrated", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "fermata.db")
      const old = yield* SqliteBackend.make({ file })
      yield* old.write([start("mine")])
      const [{ runs }] = yield* old.write([claim])
      assert.deepStrictEqual(runs.map(({ id }) => id), ["mine"])
      migrateTo(file, "ALTER TABLE runs ADD COLUMN later TEXT")
      yield* old.write([start("next")])
      assert.deepStrictEqual(yield* old.write([claim]), [{ runs: [] }])
      assert.deepStrictEqual(yield* old.write([{ op: "claimOne", owner: "old", run: "next" }]), [{ run: null }])
      assert.deepInclude((yield* old.write([commit("mine", 1)]))[0], { ok: true })
      assert.deepInclude(yield* old.run("next"), { owner: null, dueAt: 0, status: "queued" })
    }))

  it.effect("N-34: what a newer build has taken away is said in one sentence, with both versions, and nothing is written", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "fermata.db")
      const old = yield* SqliteBackend.make({ file })
      yield* old.write([start("mine"), claim])
      migrateTo(file, "DROP TABLE outbox")
      const failure = yield* Effect.flip(
        old.write([{ op: "publish", rows: [{ id: "m", kind: "event", payload: "{}" }] }])
      )
      assert.strictEqual(
        failure.problem,
        `a newer Fermata has brought the database to version ${
          known + 1
        }, and this build knows versions up to ${known}; `
          + `start the newer one here too (${file})`
      )
    }))

  it.effect("going back: an older build refuses a database that a newer one has migrated, and leaves it as it is", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "fermata.db")
      yield* Effect.scoped(SqliteBackend.make({ file }))
      migrateTo(file, "ALTER TABLE runs ADD COLUMN later TEXT")
      const before = readFileSync(file)
      for (const readOnly of [false, true, "untouched"] as const) {
        const failure = yield* Effect.flip(Effect.scoped(SqliteBackend.make({ file, readOnly })))
        assert.include(failure.problem, `it has version ${known + 1} and this build knows versions up to ${known}`)
      }
      assert.isTrue(before.equals(readFileSync(file)))
    }))

  it.live("N-34: a run of the older build ends there, and the next is left to the newer", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "fermata.db")
      const begun = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const W = Workflow.make("w", {
        payload: { id: Schema.String },
        success: Schema.String,
        idempotencyKey: ({ id }) => id
      })
      const step = Step.make("work", {
        success: Schema.String,
        onCrash: "ask",
        run: () => Effect.as(Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(go)), "done")
      })
      const app = W.toLayer(() => step()).pipe(
        Layer.provideMerge(Runs.layer),
        Layer.provideMerge(NodeHost.layer({ db: file }))
      )
      yield* Effect.provide(
        Effect.gen(function*() {
          const first = yield* Effect.forkChild(W.execute({ id: "1" }))
          yield* Deferred.await(begun)
          migrateTo(file, "ALTER TABLE runs ADD COLUMN later TEXT")
          yield* W.execute({ id: "2" }, { discard: true })
          yield* Deferred.succeed(go, undefined)
          yield* Effect.flatMap(Engine, ({ settled }) => settled)
          const rows = yield* Runs.use((runs) => runs.list({}))
          assert.deepStrictEqual(rows.map(({ owner, status }) => [status, owner]), [
            ["queued", undefined],
            ["completed", undefined]
          ])
          first.interruptUnsafe()
        }),
        app
      )
    }).pipe(Effect.scoped))
})
