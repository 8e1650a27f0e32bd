import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import { ModelOverride } from "@fermata/agent/Model"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer } from "effect"

const price = { input: 1_000, output: 1_000, cacheRead: 1_000, cacheWrite: 1_000 }

const Thrifty = Agent.make("thrifty", {
  instructions: "You answer.",
  model: ["dear", "missing"],
  budget: { usd: 0.01 }
})

const app = (override: string | undefined) =>
  Layer.mergeAll(Thrifty.layer, Runs.layer).pipe(
    Layer.provide([
      Models.layer([
        Scripted.provider(["dear words"], { name: "dear", price }),
        Scripted.provider(["plain words"], { name: "scripted" })
      ]),
      Layer.succeed(ModelOverride, override),
      Chunks.layerMemory
    ]),
    Layer.provideMerge(TestHost.layer)
  )

/** How a run of the agent stands once nothing goes on by itself. */
const started = Effect.gen(function*() {
  const runs = yield* Runs
  const run = yield* Thrifty.start("hello", { id: "1" })
  yield* TestHost.use(({ settled }) => settled)
  return yield* runs.show(run)
})

describe("a model that stands in for those of all agents", () => {
  it.effect("is the one that is asked, and by whose price a budget is held", () =>
    Effect.gen(function*() {
      const { output, status } = yield* started
      assert.strictEqual(status, "completed")
      assert.deepInclude(output as object, { output: "plain words" })
    }).pipe(Effect.provide(app("scripted"))))

  it.effect("is none where nobody names one", () =>
    Effect.gen(function*() {
      const { reason, status } = yield* started
      assert.deepStrictEqual([status, reason], ["suspended", "budget"])
    }).pipe(Effect.provide(app(undefined))))
})
