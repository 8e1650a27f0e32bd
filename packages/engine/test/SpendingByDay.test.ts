import { assert, describe, it } from "@effect/vitest"
import type { DaySums } from "@fermata/core/SpentByDay"
import { TestHost } from "@fermata/testing/TestHost"
import { Clock, Deferred, Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { Runs } from "../src/Runs.ts"
import * as Step from "../src/Step.ts"

const W = Workflow.make("W", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })
const day = 86_400_000

/** A host in which runs of `W` have one call each, which reserves 10, sees its day, and spends 4 once it may. */
const world = () => {
  const seen: Array<DaySums | undefined> = []
  const may = Deferred.makeUnsafe<void>()
  const call = Step.make("call", {
    onCrash: "rerun",
    run: (_, { day, spend }) =>
      Effect.andThen(
        Effect.sync(() => void seen.push(day)),
        Effect.andThen(Deferred.await(may), spend({ micros: 4, tokens: 1 }))
      )
  })
  const free = Step.make("free", { onCrash: "rerun", run: (_, { day }) => Effect.sync(() => void seen.push(day)) })
  const layer = W.toLayer(() =>
    Effect.andThen(free(), Effect.provideService(call(), Step.Reserved, { micros: 10, tokens: 2 }))
  )
  return { seen, may, layer: Layer.provideMerge(layer, Layer.provideMerge(Runs.layer, TestHost.layer)) }
}

describe("what all runs of a workflow have spent on a day", () => {
  it.effect("is told to each try with what those before it have reserved, and is what outcomes say in the end", () => {
    const { layer, may, seen } = world()
    return Effect.gen(function*() {
      const runs = yield* Runs
      const host = yield* TestHost
      const now = yield* Clock.currentTimeMillis
      yield* host.adjust(day - now % day - 1_000)
      const begun = Math.floor((yield* Clock.currentTimeMillis) / day) * day
      for (const id of ["a", "b"]) yield* Effect.asVoid(W.execute({ id }, { discard: true }))
      yield* host.settled
      assert.deepStrictEqual(
        seen.flatMap((sums) => sums === undefined ? [] : [[sums.reservedMicros, sums.reservedTokens]]),
        [[10, 2], [20, 4]]
      )
      assert.strictEqual(seen.filter((sums) => sums === undefined).length, 2, "where nothing is reserved")
      assert.deepStrictEqual(
        (yield* runs.spending()).map(({ reserved, spent, workflow }) => ({ reserved, spent, workflow })),
        [{ workflow: "W", spent: {}, reserved: { micros: 20, tokens: 4 } }]
      )
      assert.deepStrictEqual((yield* runs.list()).map(({ spent }) => spent), [undefined, undefined])
      // The outcome comes on the next day, and is of that on which it was asked for.
      yield* host.adjust(2_000)
      yield* Deferred.succeed(may, undefined)
      yield* host.settled
      assert.deepStrictEqual((yield* runs.list()).map(({ spent }) => spent), [
        { micros: 4, tokens: 1 },
        { micros: 4, tokens: 1 }
      ])
      assert.deepStrictEqual(yield* runs.spending({ since: begun, until: begun + day - 1, groupBy: [] }), [
        { spent: { micros: 8, tokens: 2 }, reserved: {} }
      ])
      assert.deepStrictEqual(yield* runs.spending({ since: begun + day }), [])
    }).pipe(Effect.provide(layer))
  })
})
