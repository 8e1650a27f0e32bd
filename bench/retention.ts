/**
 * What it costs that runs are deleted: how large the file of a store stays in which so many runs were started, ended
 * and pruned, and how long a start waits meanwhile.
 */
import { Bulk } from "@fermata/engine/Bulk"
import { Engine } from "@fermata/engine/Engine"
import { Retention } from "@fermata/engine/Retention"
import { Runs } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import { Clock, Effect, Layer, Stream } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Case } from "./cases.ts"
import { figure } from "./measure.ts"
import { host, remove, Sequential } from "./subject.ts"

/** How many runs are started, ended and pruned; `FERMATA_BENCH_RUNS` says another number, such as 1000000. */
const total = Number(process.env["FERMATA_BENCH_RUNS"] ?? 50_000)
/** So many times in the course of it. */
const turns = 10

const verbs = Layer.mergeAll(Bulk.layer, Retention.layer, Runs.layer)
const wait = (id: string) => Sequential.execute({ id, n: 1 })

/** Bytes of the database, with what of it is in its log as yet. */
const sizeOf = (file: string): number => {
  const db = new DatabaseSync(file, { readOnly: true })
  const of = (name: string) => Number(Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0])
  const bytes = of("page_count") * of("page_size")
  db.close()
  return bytes
}

/** Deletes all that had ended, and follows that to its end. */
const prune = Effect.gen(function*() {
  const { bulk, runs } = yield* Effect.all({ bulk: Bulk, runs: Runs }).pipe(Effect.provide(verbs))
  const { matched, runId } = yield* bulk.start(
    { action: "delete", filter: { endedUntil: yield* Clock.currentTimeMillis } },
    { by: "bench", confirm: Infinity }
  )
  yield* Stream.runDrain(runs.follow(runId))
  return matched
})

export const retention: Case = async ({ folder, scale }) => {
  const db = join(folder, "retention.db")
  remove(db)
  const runtime = host(db, { synchronous: "NORMAL", worker: true })
  const each = Math.ceil(total * scale / turns)
  const start = (from: number, count: number) =>
    Effect.forEach(Array.from({ length: count }, (_, i) => i), (i) => wait(`${from + i}`), {
      concurrency: 50,
      discard: true
    })
  const sizes: Array<number> = []
  let pruned = 0
  let pruneMs = 0
  for (let turn = 0; turn < turns; turn++) {
    await runtime.runPromise(start(turn * each, each))
    sizes.push(sizeOf(db))
    const began = performance.now()
    pruned += await runtime.runPromise(prune)
    pruneMs += performance.now() - began
  }
  const kept = sizeOf(db)

  /** The longest wait (ms) for a start among those that follow each other until this is over. */
  let number = total
  const longest = <E, R>(meanwhile: Effect.Effect<unknown, E, R>) =>
    Effect.gen(function*() {
      const waits: Array<number> = []
      const starting = Effect.forever(Effect.gen(function*() {
        const began = performance.now()
        yield* Sequential.execute({ id: `${++number}`, n: 1 }, { discard: true })
        waits.push(performance.now() - began)
        yield* Effect.sleep(1)
      }))
      yield* Effect.raceFirst(meanwhile, starting)
      const sorted = waits.toSorted((a, b) => a - b)
      return { most: sorted.at(-1) ?? 0, p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0, starts: sorted.length }
    })
  await runtime.runPromise(start(number, each))
  number += each
  const alone = await runtime.runPromise(longest(Effect.sleep(2_000)))
  const beside = await runtime.runPromise(longest(prune))
  const left = await runtime.runPromise(Effect.flatMap(Store, ({ backend }) => backend.runCount({})))
  await runtime.runPromise(Effect.flatMap(Engine, (engine) => engine.settled))
  await runtime.dispose()
  const mebibytes = (bytes: number) => bytes / (1024 * 1024)
  return [
    figure(
      "file: after the last tenth of the runs",
      "after the first tenth, at least 4 MiB",
      "×",
      // Some free pages are kept, however small it is.
      [Math.max(...sizes.slice(1)) / Math.max(sizes[0]!, 4 * 1024 * 1024)],
      { kind: "at most", value: 1.3 },
      {
        "runs pruned": pruned,
        "MiB before the first prune": mebibytes(sizes[0]!),
        "MiB behind the last": mebibytes(kept),
        "µs a pruned run": pruneMs * 1_000 / pruned,
        "runs left": left
      }
    ),
    figure(
      "longest wait of a start beside a prune",
      "100 ms",
      "×",
      [beside.most / 100],
      { kind: "at most", value: 1 },
      {
        "ms beside a prune": beside.most,
        "ms p99 beside a prune": beside.p99,
        "ms alone": alone.most,
        "ms p99 alone": alone.p99,
        "starts beside a prune": beside.starts
      }
    )
  ]
}
