import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as DueList from "../src/internal/DueList.ts"

const due = (order: number, at: number): DueList.Due => ({ at, order, run: "" })

/** Enough for several buckets, in a fixed scattered order: 7,919 shares no factor with the count. */
const count = 3_000
const scattered = Array.from({ length: count }, (_, index) => due(index, (index * 7_919) % 1_000))

const orders = (list: DueList.DueList, after = -Infinity, until = Infinity) =>
  Array.from(DueList.between(list, after, until), ({ order }) => order)

const expected = (items: ReadonlyArray<DueList.Due>, after = -Infinity, until = Infinity) =>
  items.filter(({ at }) => at > after && at <= until).toSorted(DueList.compare).map(({ order }) => order)

const full = () => {
  const list = DueList.make()
  for (const item of scattered) DueList.add(list, item)
  return list
}

describe("DueList", () => {
  it("S4: gives what is due in order of time, and of start among equal times", () => {
    const list = full()
    assert.deepStrictEqual(orders(list), expected(scattered))
    fc.assert(fc.property(fc.integer({ min: -1, max: 1_001 }), fc.integer({ min: -1, max: 1_001 }), (after, until) => {
      assert.deepStrictEqual(orders(list, after, until), expected(scattered, after, until))
    }))
  })

  it("S4: loses nothing but what is removed, in whichever order", () => {
    for (const inOrder of [scattered, scattered.toReversed(), scattered.toSorted(DueList.compare)]) {
      const list = full()
      for (let removed = 1; removed <= count; removed++) {
        DueList.remove(list, inOrder[removed - 1]!)
        if (removed % 100 !== 0) continue
        assert.deepStrictEqual(orders(list), expected(inOrder.slice(removed)))
        assert.strictEqual(DueList.isEmpty(list), removed === count)
      }
    }
  })

  it("passes over the removal of what it does not hold", () => {
    const list = full()
    for (const absent of [due(count, 5), due(0, 5), due(0, 2_000), due(-1, -1)]) DueList.remove(list, absent)
    assert.deepStrictEqual(orders(list), expected(scattered))
    DueList.remove(DueList.make(), due(0, 0))
  })

  it("keeps its buckets short", () => {
    const list = full()
    assert.isAbove(list.buckets.length, 1)
    for (const bucket of list.buckets) {
      assert.isAtLeast(bucket.length, 1)
      assert.isAtMost(bucket.length, 512)
    }
  })
})
