import { assert, describe, it } from "@effect/vitest"
import type { DayRefusal } from "@fermata/core/DayRefusal"
import type * as Spent from "@fermata/core/Spent"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { Clock, Deferred, Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import type { Backend, Op } from "../src/Backend.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import { Runs } from "../src/Runs.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"

const W = Workflow.make("W", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })
const day = 86_400_000

/** A host in which runs of `W` have one call each, which reserves 10, within a limit if there is one, and spends 4 once it may. */
const world = (limit?: Spent.Amount) => {
  const refused: Array<DayRefusal | undefined> = []
  const may = Deferred.makeUnsafe<void>()
  const call = Step.make("call", {
    onCrash: "rerun",
    run: (_, context) =>
      Effect.suspend(() => {
        refused.push(context.refused)
        return context.refused === undefined
          ? Effect.andThen(Deferred.await(may), context.spend({ micros: 4, tokens: 1 }))
          : Effect.void
      })
  })
  const layer = W.toLayer(() =>
    call().pipe(
      Effect.provideService(Step.Reserved, { micros: 10, tokens: 2 }),
      Effect.provideService(Step.DayLimit, limit)
    )
  )
  return { refused, may, layer: Layer.provideMerge(layer, Layer.provideMerge(Runs.layer, TestHost.layer)) }
}

describe("what all runs of a workflow have spent on a day", () => {
  it.effect("is what tries have reserved, and in the end what outcomes say, on the day on which they were asked for", () => {
    const { layer, may, refused } = world()
    return Effect.gen(function*() {
      const runs = yield* Runs
      const host = yield* TestHost
      const now = yield* Clock.currentTimeMillis
      yield* host.adjust(day - now % day - 1_000)
      const begun = Math.floor((yield* Clock.currentTimeMillis) / day) * day
      for (const id of ["a", "b"]) yield* Effect.asVoid(W.execute({ id }, { discard: true }))
      yield* host.settled
      assert.deepStrictEqual(refused, [undefined, undefined])
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

  it.effect("N-50: stays within a limit of the day, to the last of it: who comes too late is told how the day stands, has reserved nothing, and spends nothing", () => {
    const { layer, may, refused } = world({ micros: 25 })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const host = yield* TestHost
      const ids: Array<string> = []
      for (const id of ["a", "b", "c"]) {
        ids.push(yield* W.execute({ id }, { discard: true }))
        yield* host.settled
      }
      const refusal = {
        day: 0,
        wanted: { micros: 10, tokens: 2 },
        spent: {},
        reserved: { micros: 20, tokens: 4 },
        limit: { micros: 25 },
        next: 1
      }
      assert.deepStrictEqual(refused, [undefined, undefined, refusal])
      const request = (yield* runs.journal(ids[2]!)).find(({ _tag }) => _tag === "StepRequested")
      assert.deepInclude(request, { refused: refusal })
      assert.notProperty(request, "reserved")
      assert.deepStrictEqual((yield* runs.spending()).map(({ reserved, spent }) => ({ reserved, spent })), [
        { spent: {}, reserved: { micros: 20, tokens: 4 } }
      ])
      assert.deepStrictEqual((yield* runs.show(ids[2]!)).spent.total, {})
      yield* Deferred.succeed(may, undefined)
      yield* host.settled
      // What the two have not needed is there for others.
      for (const id of ["d", "e", "f"]) yield* W.execute({ id })
      assert.deepStrictEqual(refused.slice(3).map((refusal) => refusal?.spent), [
        undefined,
        undefined,
        { micros: 16, tokens: 4 }
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("N-50: is no matter of what nothing is reserved for, or of a step that the body of another asks for", () => {
    const seen: Array<unknown> = []
    const inner = Step.make("inner", {
      onCrash: "rerun",
      run: (_, { refused }) => Effect.sync(() => void seen.push(refused))
    })
    const outer = Step.make("outer", {
      onCrash: "rerun",
      run: (_, { refused }) => Effect.andThen(Effect.sync(() => void seen.push(refused)), inner())
    })
    const layer = W.toLayer(() =>
      Effect.gen(function*() {
        yield* outer()
        yield* Effect.provideService(outer(), Step.Reserved, { tokens: 1 })
      }).pipe(Effect.provideService(Step.DayLimit, { tokens: 1 }))
    )
    return Effect.gen(function*() {
      yield* W.execute({ id: "a" })
      assert.deepStrictEqual(seen, [undefined, undefined, undefined, undefined])
    }).pipe(Effect.provide(Layer.provideMerge(layer, TestHost.layer)))
  })

  it.effect("a limit that is no amount is a defect of the run that asks", () => {
    const { layer } = world({ micros: -1 })
    return Effect.gen(function*() {
      const exit = yield* Effect.exit(W.execute({ id: "a" }))
      assert.include(String(exit), "What a day of step \"call\" may cost is no amount: micros is -1")
    }).pipe(Effect.provide(layer))
  })

  it.effect("what code is told of spending waits for the word of the day, and is the same on a replay", () => {
    const told: Array<unknown> = []
    const call = Step.make("call", { onCrash: "rerun", run: () => Effect.never })
    const layer = W.toLayer(Effect.fnUntraced(function*() {
      const asked = call().pipe(
        Effect.provideService(Step.Reserved, { tokens: 6 }),
        Effect.provideService(Step.DayLimit, { tokens: 10 })
      )
      // Both are asked for in one commit, of which the day has room for one, and given up.
      yield* Effect.raceFirst(Effect.all([asked, asked], { concurrency: 2 }), Effect.sleep(1))
      told.push((yield* Workflows.spent).unsettled)
      yield* Effect.sleep("1 hour")
    }))
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      const claims = (op: Op) => op.op === "commit" && op.spending?.claims !== undefined
      const write: Backend["write"] = (ops) =>
        Effect.andThen(ops.some(claims) ? Deferred.await(gate) : Effect.void, backend.write(ops))
      const world = yield* CrashHost.makeOn({ ...backend, write })
      const host = yield* world.start(layer)
      yield* host.use(W.execute({ id: "a" }, { discard: true }))
      for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
      // The time is over while the requests are written.
      yield* TestClock.adjust(1)
      for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      yield* host.evict
      yield* TestClock.adjust("1 hour")
      yield* host.settled
      assert.deepStrictEqual(told, [{ tokens: 6 }, { tokens: 6 }])
    })
  })
})
