/** Makes many runs that sleep, and tells what it took: `node bench/many-runs.ts FILE COUNT`. */
import { Engine } from "@fermata/engine/Engine"
import { Effect } from "effect"
import { host, Waiting } from "./subject.ts"

const file = process.argv[2]!
const count = Number(process.argv[3])

const runtime = host(file, { synchronous: "NORMAL" })
await runtime.runPromise(Effect.void)
const before = process.memoryUsage().rss
const began = performance.now()
for (let from = 0; from < count; from += 1_000) {
  const ids = Array.from({ length: Math.min(1_000, count - from) }, (_, i) => from + i)
  await runtime.runPromise(
    Effect.forEach(ids, (i) => Waiting.execute({ id: `${i}` }, { discard: true }), {
      concurrency: "unbounded",
      discard: true
    })
  )
}
await runtime.runPromise(Effect.flatMap(Engine, (engine) => engine.settled))
const ms = performance.now() - began
const { rss } = process.memoryUsage()
await runtime.dispose()
console.log(JSON.stringify({ before, rss, ms }))
