import { Effect } from "effect"
import { Engine } from "@fermata/engine"
import { host, remove, Waiting } from "./subject.ts"
const db = "/work/tmp/mem.db"; remove(db)
const rt = host(db, { synchronous: "NORMAL", maxParked: 20000, parkedMs: 1e9 })
await rt.runPromise(Waiting.execute({ id: "warm" }, { discard: true }))
globalThis.gc!(); const h0 = process.memoryUsage().heapUsed
for (let from = 0; from < 4000; from += 500) await rt.runPromise(Effect.forEach(Array.from({ length: 500 }, (_, i) => from + i), (i) => Waiting.execute({ id: `${i}` }, { discard: true }), { concurrency: "unbounded", discard: true }))
await rt.runPromise(Effect.flatMap(Engine.Engine, (e) => e.settled))
globalThis.gc!(); console.log("kB per parked run", ((process.memoryUsage().heapUsed - h0) / 4000 / 1000).toFixed(1), await rt.runPromise(Effect.flatMap(Engine.Engine, (e) => e.awake)))
await rt.dispose()
