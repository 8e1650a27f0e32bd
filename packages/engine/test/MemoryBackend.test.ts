import { assert, describe, it } from "@effect/vitest"
import { claim, end, ids, inbox, one, start, startOwned } from "@fermata/testing/backend/Fixtures"
import * as BackendConformance from "@fermata/testing/BackendConformance"
import { Effect } from "effect"
import * as DueList from "../src/internal/DueList.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"

BackendConformance.suite(
  "P-10: memory",
  Effect.sync(() => {
    const store = MemoryBackend.makeStore()
    return { connect: Effect.sync(() => MemoryBackend.make(store)) }
  })
)

describe("MemoryStore", () => {
  it.effect("outlives its connections", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      yield* one(MemoryBackend.make(store), start("r"))
      assert.deepStrictEqual(ids(yield* MemoryBackend.make(store).runs({ limit: 10 })), ["r"])
    }))

  it.effect("can be copied, so that a test can go back to a moment", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      yield* MemoryBackend.make(store).write([start("r"), startOwned("s", { rows: ["e0"] })])
      const copy = structuredClone(store)
      yield* MemoryBackend.make(store).write([claim(), end("s", 1, "done", { rows: ["e1"] })])
      const old = MemoryBackend.make(copy)
      assert.deepStrictEqual(yield* old.entries("s", 0, 10), ["e0"])
      assert.deepStrictEqual(ids((yield* one(old, claim())).runs), ["r"])
    }))

  it.effect("keeps nothing in its indexes for runs that have ended", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const backend = MemoryBackend.make(store)
      yield* backend.write([start("r", { dueAt: 5 }), startOwned("s"), inbox("s", "i")])
      assert.deepStrictEqual(ids((yield* one(backend, claim())).runs), ["r"])
      assert.deepStrictEqual([...store.index.owned.keys(), ...store.index.withMessages.keys()], ["a", "a"])
      yield* backend.write([end("r", 0, "done"), end("s", 0, "done", { consumed: ["i"] })])
      const { due, ...maps } = store.index
      assert.isTrue(DueList.isEmpty(due))
      for (const [name, map] of Object.entries(maps)) assert.strictEqual(map.size, 0, name)
    }))

  it.effect("finds the due among 100,000 timers without looking at the others", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      const count = 100_000
      // A fixed scattered order: 7,919 shares no factor with the count.
      const timers = Array.from({ length: count }, (_, index) => 1 + ((index * 7_919) % count))
      yield* backend.write(timers.map((dueAt) => start(`r${dueAt}`, { dueAt })))
      assert.strictEqual(yield* backend.nextDue(0, null), 1)
      assert.strictEqual(yield* backend.nextDue(54_321, null), 54_322)
      for (let now = 1; now <= 2_000; now++) {
        assert.deepStrictEqual(ids((yield* one(backend, claim({ now, programs: ["purchase@1"] }))).runs), [`r${now}`])
      }
      assert.strictEqual(yield* backend.nextDue(0, null), 2_001)
    }))
})
