import { Effect } from "effect"
import { Engine } from "@fermata/engine"
import { host, remove, Waiting } from "./subject.ts"
import { statSync } from "node:fs"
const db = "/work/tmp/susp.db"; remove(db)
const rt = host(db, { synchronous: "NORMAL" })
const gcNow = () => { if (globalThis.gc) globalThis.gc() }
const count = Number(process.argv[2] ?? 100000); const t = performance.now()
for (let from = 0; from < count; from += 1000) {
  await rt.runPromise(Effect.forEach(Array.from({ length: 1000 }, (_, i) => from + i), (i) => Waiting.execute({ id: `${i}` }, { discard: true }), { concurrency: "unbounded", discard: true }))
  if (from % 20000 === 0) gcNow(), console.log(from, JSON.stringify(process.memoryUsage()), (process.memoryUsage().rss / 1e6).toFixed(0), "MB rss", (process.memoryUsage().heapUsed / 1e6).toFixed(0), "heap", ((performance.now() - t) / 1000).toFixed(1), "s", await rt.runPromise(Effect.flatMap(Engine.Engine, (e) => e.awake)))
}
await rt.runPromise(Effect.flatMap(Engine.Engine, (e) => e.settled))
console.log(JSON.stringify(process.memoryUsage()), (process.memoryUsage().rss / 1e6).toFixed(0), "MB rss", ((performance.now() - t) / 1000).toFixed(1), "s", await rt.runPromise(Effect.flatMap(Engine.Engine, (e) => e.awake)))
await rt.dispose(); console.log("disposed", ((performance.now() - t) / 1000).toFixed(1), statSync(db).size / count)
