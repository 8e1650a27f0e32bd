import { assert, describe, it } from "@effect/vitest"
import * as Runs from "@fermata/engine/Runs"
import * as Step from "@fermata/engine/Step"
import { Effect, Layer, Logger, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { join } from "node:path"
import * as NodeHost from "../src/NodeHost.ts"
import * as TempFolder from "./support/TempFolder.ts"

const payload = { id: Schema.String }
const Computes = Workflow.make("computes", { payload, idempotencyKey: ({ id }) => id })
const Short = Workflow.make("short", { payload, success: Schema.Int, idempotencyKey: ({ id }) => id })

const work = Step.make("work", { input: Schema.Int, success: Schema.Int, onCrash: "rerun", run: Effect.succeed })

const computed = { rounds: 0 }
const workflows = Layer.merge(
  Computes.toLayer(() =>
    Effect.gen(function*() {
      while (true) yield* Effect.sync(() => void computed.rounds++)
    })
  ),
  Short.toLayer(Effect.fnUntraced(function*() {
    let sum = 0
    for (let step = 1; step <= 10; step++) sum += yield* work(step)
    return sum
  }))
)

describe("a host on Node", () => {
  it.live(
    "S8, S17: twenty bodies that compute for ever let a hundred other runs end, and a cancel ends them",
    () =>
      Effect.gen(function*() {
        const file = join(yield* TempFolder.make, "fermata.db")
        yield* Effect.gen(function*() {
          const runs = yield* Runs.Runs
          const ids = yield* Effect.forEach(
            Array.from({ length: 20 }, (_, index) => `${index}`),
            (id) => Computes.execute({ id }, { discard: true })
          )
          while (computed.rounds < 1_000) yield* Effect.yieldNow
          const before = computed.rounds
          const sums = yield* Effect.forEach(
            Array.from({ length: 100 }, (_, index) => `${index}`),
            (id) => Short.execute({ id }),
            { concurrency: 10 }
          )
          assert.deepStrictEqual(new Set(sums), new Set([55]))
          assert.isAbove(computed.rounds, before, "they go on all the while")
          for (const id of ids) yield* runs.cancel(id, { by: "ada", reason: "enough" })
          for (const id of ids) while ((yield* runs.find(id)).status !== "cancelled") yield* Effect.yieldNow
        }).pipe(
          Effect.provide(
            workflows.pipe(
              Layer.merge(Runs.Runs.layer),
              Layer.provideMerge(NodeHost.layer({ db: file, synchronous: "NORMAL" }))
            )
          )
        )
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )
})
