import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { SparseMap, SparseSet } from "../src/internal/Sparse.ts"

const key = fc.integer({ min: 0, max: 3 })
const calls = fc.array(fc.tuple(fc.constantFrom("put", "put", "delete", "clear", "read"), key, fc.nat(9)))

describe("maps and sets that are empty most of the time", () => {
  it("a map is a map, whatever is done to it", () => {
    fc.assert(fc.property(calls, (calls) => {
      const sparse = new SparseMap<number, number>()
      const map = new Map<number, number>()
      for (const [call, key, value] of calls) {
        if (call === "put") {
          sparse.set(key, value)
          map.set(key, value)
        } else if (call === "delete") assert.strictEqual(sparse.delete(key), map.delete(key))
        else if (call === "clear") {
          sparse.clear()
          map.clear()
        }
        assert.strictEqual(sparse.get(key), map.get(key))
        assert.strictEqual(sparse.has(key), map.has(key))
        assert.strictEqual(sparse.size, map.size)
        assert.deepStrictEqual([...sparse], [...map])
        assert.deepStrictEqual([...sparse.keys()], [...map.keys()])
        assert.deepStrictEqual([...sparse.values()], [...map.values()])
      }
    }))
  })

  it("a set is a set, whatever is done to it", () => {
    fc.assert(fc.property(calls, (calls) => {
      const sparse = new SparseSet<number>()
      const set = new Set<number>()
      for (const [call, item] of calls) {
        if (call === "put") {
          sparse.add(item)
          set.add(item)
        } else if (call === "delete") assert.strictEqual(sparse.delete(item), set.delete(item))
        else if (call === "clear") {
          sparse.clear()
          set.clear()
        }
        assert.strictEqual(sparse.has(item), set.has(item))
        assert.strictEqual(sparse.size, set.size)
        assert.deepStrictEqual([...sparse], [...set])
      }
    }))
  })

  it("a loop over one that is cleared in its midst ends", () => {
    const map = new SparseMap<number, number>().set(1, 1).set(2, 2).set(3, 3)
    const seen: Array<number> = []
    for (const [key] of map) {
      seen.push(key)
      map.clear()
    }
    assert.deepStrictEqual(seen, [1])
  })
})
