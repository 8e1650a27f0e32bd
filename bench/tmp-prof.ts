import { Effect, Layer, ManagedRuntime } from "effect"
import { handlers, Sequential } from "./subject.ts"
import { Engine, Store, HostClock } from "@fermata/engine"
import { NodeHost } from "@fermata/host-node"
const mode = process.argv[2]
const clock = Layer.succeed(HostClock.HostClock, { now: () => Date.now(), sleep: (ms: number) => Effect.sleep(ms) })
const host = mode === "memory" ? Engine.Engine.layer.pipe(Layer.provideMerge(Layer.mergeAll(Store.Store.layerMemory, clock))) : NodeHost.layer({ db: "/dev/shm/prof.db", synchronous: "NORMAL" })
const rt = ManagedRuntime.make(handlers.pipe(Layer.provideMerge(host)))
for (let k = 0; k < 4; k++) { const t = performance.now(); await rt.runPromise(Sequential.execute({ id: "x" + k + process.pid, n: 10000 })); console.log("us/step", ((performance.now() - t) / 10).toFixed(1)) }
const t = performance.now(); await rt.runPromise(Effect.forEach(Array.from({ length: 50 }, (_, i) => i), (i) => Sequential.execute({ id: "c" + i + process.pid, n: 400 }), { concurrency: "unbounded" })); console.log("conc us/step", ((performance.now() - t) / 20).toFixed(1))
await rt.dispose()
