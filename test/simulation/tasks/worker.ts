/** A worker of the storm: takes tasks and writes down which it has begun and done. Ends only by being killed, or with its parent. */
import { Engine, Tasks } from "@fermata/engine"
import { NodeHost } from "@fermata/host-node"
import { Effect, Layer } from "effect"
import { appendFileSync } from "node:fs"

const [db = "", log = "", leaseMs = "2000", concurrency = "8"] = process.argv.slice(2)

const write = (line: string) => Effect.sync(() => appendFileSync(log, `${line}\n`))

const work = Effect.gen(function*() {
  const { ownerId } = yield* Engine.Engine
  const tasks = yield* Tasks.Tasks
  yield* write(`worker ${ownerId} ${process.pid}`)
  yield* tasks.serve({
    queue: "storm",
    concurrency: Number(concurrency),
    leaseMs: Number(leaseMs),
    run: ({ attempt, id }) =>
      Effect.gen(function*() {
        yield* write(`begin ${id} ${attempt} ${ownerId}`)
        yield* Effect.sleep(1)
        yield* write(`end ${id} ${attempt} ${ownerId}`)
      })
  })
  yield* Effect.never
})

process.on("disconnect", () => process.exit(0))

const host = Tasks.Tasks.layer.pipe(Layer.provideMerge(NodeHost.layer({ db, synchronous: "NORMAL" })))
await Effect.runPromise(Effect.scoped(Effect.provide(work, host)))
