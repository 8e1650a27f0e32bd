/**
 * `node recordOlder.ts FILE`: makes the database of `OlderWork.ts` as the build
 * does in which this file lies, by processes that die. Put it with that file
 * into the same folder of a checkout of an older commit, and keep what it makes
 * under `test/databases/`, named after the version of the database. One of its
 * runs sleeps for five minutes, which must be over when the tests run.
 */
import { Runs } from "@fermata/engine/Runs"
import { Effect, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { gzipSync } from "node:zlib"
import * as NodeHost from "../../src/NodeHost.ts"
import { layer, Older, type Way, ways } from "./OlderWork.ts"

const [file, phase] = process.argv.slice(2)
const db = `${file}.new`

/** The bodies in which the process is to die. */
const begun = new Set<string>()
const hangs: Readonly<Record<string, ReadonlyArray<string>>> = {
  "1": ["unknown 1"],
  "2": ["cut 1", "repeated 1"]
}
const did = (step: string) =>
  Effect.suspend(() => {
    begun.add(step)
    return hangs[phase!]?.includes(step) ? Effect.never : Effect.void
  })

const start = (way: string) => Older.execute({ way }, { discard: true })
const rest = Effect.sleep("3 seconds")
const runOf = (way: Way) => Older.executionId({ way })

const phases: Readonly<Record<string, Effect.Effect<unknown, unknown, never>>> = {
  "1": Effect.andThen(start("unknown"), rest),
  "2": Effect.gen(function*() {
    const runs = yield* Runs
    yield* Effect.forEach(
      Object.keys(ways).filter((way) => way !== "unknown" && way !== "queued"),
      start
    )
    yield* rest
    yield* runs.cancel(yield* runOf("cancelled"), { by: "ann", reason: "enough" })
    yield* runs.pause(yield* runOf("paused"), { by: "ann" })
    yield* rest
  }),
  "3": Effect.gen(function*() {
    const runs = yield* Runs
    yield* start("queued")
    yield* runs.signal(yield* runOf("heard"), "go", null)
    yield* runs.answer(yield* runOf("answered"), { decision: "approve", by: "ann" })
  })
} as never

if (phase === undefined) {
  rmSync(db, { force: true })
  for (const next of ["1", "2", "3"]) {
    const { status, signal } = spawnSync(process.execPath, [import.meta.filename, file!, next], { stdio: "inherit" })
    if (next === "3" ? status !== 0 : signal !== "SIGKILL") {
      throw new Error(`phase ${next} ended with ${status ?? signal}`)
    }
  }
  const made = new DatabaseSync(db)
  made.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  made.exec("PRAGMA journal_mode = DELETE")
  const version = Number(made.prepare("PRAGMA user_version").get()!["user_version"])
  const standing = made.prepare("SELECT status, count(*) AS count FROM runs GROUP BY status").all()
  made.close()
  writeFileSync(file!, gzipSync(readFileSync(db), { level: 9 }))
  rmSync(db)
  console.log(version, JSON.stringify(standing))
} else {
  const host = layer(did).pipe(
    Layer.provideMerge(Runs.layer),
    Layer.provideMerge(NodeHost.layer({ db, leaseMs: 2_000, ...(phase === "3" ? { worker: false, maxAwake: 0 } : {}) }))
  )
  const dies = phase === "3" ? Effect.void : Effect.sync(() => process.kill(process.pid, "SIGKILL"))
  await Effect.runPromise(Effect.provide(Effect.andThen(phases[phase]!, dies), host) as Effect.Effect<unknown>)
}
