import { Step } from "@fermata/engine"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Fiber, Latch, Layer, Logger, ManagedRuntime, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Case } from "./cases.ts"
import { figure } from "./measure.ts"
import { remove } from "./subject.ts"

const limit = 16 * 1024 * 1024

const pad = "x".repeat(20_000)

const write = Step.make("write", {
  input: { n: Schema.Int },
  success: Schema.String,
  onCrash: "rerun",
  run: ({ n }) => Effect.succeed(`${n}${pad}`)
})

const Writing = Workflow.make("writing", { payload: { count: Schema.Int }, idempotencyKey: () => "only" })

const handlers = Writing.toLayer(({ count }) =>
  Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => write({ n }), { discard: true })
)

/** How large the write-ahead log grows while another program keeps a read transaction open, and what is left of it afterwards. */
export const reader: Case = async ({ folder, rounds, scale }) => {
  const largest: Array<number> = []
  const left: Array<number> = []
  const count = Math.ceil(2_000 * Math.max(scale, 1))
  for (let round = 0; round < rounds; round++) {
    const db = join(folder, "reader.db")
    remove(db)
    const full = Latch.makeUnsafe()
    const logger = Logger.make(({ message }) => {
      if (String(message).includes("runs wait until there is room")) full.openUnsafe()
    })
    const runtime = ManagedRuntime.make(handlers.pipe(
      Layer.provideMerge(NodeHost.layer({ db, synchronous: "NORMAL", maxLogBytes: limit })),
      Layer.provide(Logger.layer([logger]))
    ))
    await runtime.runPromise(Effect.void)
    const size = () => statSync(`${db}-wal`).size / limit
    await runtime.runPromise(Effect.gen(function*() {
      const other = new DatabaseSync(db)
      other.exec("BEGIN")
      other.prepare("SELECT count(*) FROM runs").get()
      const running = yield* Effect.forkChild(Writing.execute({ count }))
      yield* full.await
      largest.push(size())
      other.close()
      yield* Fiber.join(running)
      left.push(size())
    }))
    await runtime.dispose()
  }
  return [
    figure("write-ahead log beside a reader that stays", "its limit of 16 MiB", "of its limit", largest, {
      kind: "at most",
      value: 1.5
    }),
    figure("the same after the reader has left", "its limit of 16 MiB", "of its limit", left, {
      kind: "at most",
      value: 1
    })
  ]
}
