import { assert, describe, it } from "@effect/vitest"
import { Engine } from "@fermata/engine/Engine"
import { Runs } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import { Effect, Layer } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { gunzipSync } from "node:zlib"
import * as Migrations from "../src/Migrations.ts"
import * as NodeHost from "../src/NodeHost.ts"
import { childId, layer, Older, type Way, ways } from "./support/OlderWork.ts"

const folder = new URL("databases/", import.meta.url)
/** Databases as older builds have left them, by the version of each. See `support/recordOlder.ts`. */
const versions = readdirSync(folder).map((name) => Number.parseInt(name, 10)).sort((a, b) => a - b)

/** The database of a version in a folder of its own. */
const unpacked = (version: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    ),
    (path) => {
      const db = join(path, "fermata.db")
      writeFileSync(db, gunzipSync(readFileSync(new URL(`${version}.db.gz`, folder))))
      return db
    }
  )

const all = Object.keys(ways) as ReadonlyArray<Way>
const runOf = (way: Way) => Older.executionId({ way })
const stands = Effect.gen(function*() {
  const runs = yield* Runs
  return Object.fromEntries(
    yield* Effect.forEach(
      all,
      (way) => Effect.map(Effect.flatMap(runOf(way), runs.find), ({ reason, status }) => [way, reason ?? status])
    )
  ) as { readonly [W in Way]: string }
})

/** How the runs of a way end, and which bodies of steps they begin today: none that an older process has ended or may have. */
const ends: { readonly [W in Way]: readonly [status: string, ...begun: ReadonlyArray<string>] } = {
  done: ["completed"],
  failed: ["failed"],
  cancelled: ["cancelled"],
  queued: ["completed", "queued 1", "queued 2"],
  sleeps: ["completed", "sleeps 2"],
  listens: ["completed", "listens 2"],
  heard: ["completed", "heard 2"],
  asks: ["completed", "asks 2"],
  answered: ["completed", "answered 2"],
  parent: ["completed", "parent 2"],
  paused: ["completed", "paused 2"],
  undoes: ["failed", "undoes back 2"],
  unknown: ["completed", "unknown 2"],
  cut: ["completed", "cut 1", "cut 2"],
  repeated: ["completed", "repeated 1", "repeated 2"]
}

describe("a database that an older build has made", () => {
  it("is of the first, of the latest, or of one between", () => {
    assert.isAtLeast(versions.filter((version) => version < Migrations.migrations.length).length, 3)
    assert.isAtMost(versions.at(-1)!, Migrations.migrations.length)
  })

  for (const version of versions) {
    it.live(`N-34, S4: version ${version} is migrated, and its runs end, however they stood, with no step done again`, () =>
      Effect.gen(function*() {
        const db = yield* unpacked(version)
        const before = new DatabaseSync(db, { readOnly: true })
        assert.strictEqual(Migrations.versionOf(before), version)
        const stood = before.prepare("SELECT id, status FROM runs").all() as unknown as ReadonlyArray<{
          readonly id: string
          readonly status: string
        }>
        before.close()
        for (const way of all) {
          const id = yield* runOf(way)
          assert.strictEqual(stood.find((run) => run.id === id)?.status, ways[way], way)
        }

        const begun: Array<string> = []
        const app = layer((step) => Effect.sync(() => void begun.push(step))).pipe(
          Layer.provideMerge(Runs.layer),
          Layer.provideMerge(NodeHost.layer({ db }))
        )
        yield* Effect.provide(
          Effect.gen(function*() {
            const runs = yield* Runs
            const { settled } = yield* Engine
            yield* settled
            assert.deepInclude(yield* stands, {
              listens: "signal",
              heard: "completed",
              asks: "approval",
              answered: "completed",
              parent: "child",
              paused: "operator",
              undoes: "signal",
              unknown: "outcome-unknown",
              cut: "outcome-unknown",
              repeated: "completed"
            })
            assert.deepStrictEqual(
              (yield* runs.approvals()).map(({ approvers, runId, status }) => [runId, approvers, status]),
              [[yield* runOf("asks"), ["ann"], "open"]]
            )
            const go = (id: string) => runs.signal(id, "go", null)
            yield* runs.resume(yield* runOf("paused"), { by: "ann" })
            for (const way of ["listens", "paused", "undoes"] as const) yield* Effect.flatMap(runOf(way), go)
            yield* Effect.flatMap(childId, go)
            yield* runs.answer(yield* runOf("asks"), { decision: "approve", by: "ann" })
            yield* runs.settle(yield* runOf("unknown"), "unknown 1", {
              by: "ann",
              action: { _tag: "complete", output: "it was done" }
            })
            yield* runs.settle(yield* runOf("cut"), "cut 1", { by: "ann", action: { _tag: "retry" } })
            yield* settled
            assert.deepStrictEqual(
              yield* stands,
              Object.fromEntries(all.map((way) => [way, ends[way][0]]))
            )
            assert.sameMembers(begun, [...all.flatMap((way) => ends[way].slice(1)), "child 2"])

            // What was stored is read as it was, from the first entry on.
            const { journal } = yield* Store
            for (const way of all) {
              const [first] = yield* journal(yield* runOf(way))
              assert.deepInclude(first, { _tag: "RunRequested", payload: { way } })
            }
          }),
          app
        )
        const after = new DatabaseSync(db, { readOnly: true })
        assert.strictEqual(Migrations.versionOf(after), Migrations.migrations.length)
        assert.deepEqual(after.prepare("PRAGMA integrity_check").all(), [{ integrity_check: "ok" }])
        assert.deepEqual(after.prepare("PRAGMA foreign_key_check").all(), [])
        after.close()
      }).pipe(Effect.scoped))
  }
})
