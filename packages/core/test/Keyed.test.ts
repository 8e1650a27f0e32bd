import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Keyed from "../src/internal/Keyed.ts"

interface Item {
  readonly key: string
  readonly value: number
}

const keyOf = ({ key }: Item): string => key
const many = (count: number): ReadonlyArray<Item> =>
  Array.from({ length: count }, (_, value) => ({ key: `k${value}`, value }))
const setAll = (self: Keyed.Keyed<string, Item>, items: ReadonlyArray<Item>) => items.reduce(Keyed.set, self)

describe("Keyed", () => {
  it("holds each key once, in the order in which the keys came, and leaves older versions as they were", () => {
    const item = fc.record({ key: fc.integer({ min: 0, max: 200 }).map(String), value: fc.nat() })
    fc.assert(fc.property(fc.array(item, { maxLength: 300 }), fc.array(item), fc.array(item), (first, left, right) => {
      const before = setAll(Keyed.empty(keyOf), first)
      const ways = [setAll(before, left), setAll(before, right), before]
      for (const [way, items] of [[...first, ...left], [...first, ...right], first].entries()) {
        const expected = new Map(items.map((item) => [item.key, item]))
        const found = ways[way]!
        assert.deepStrictEqual(Keyed.toArray(found), [...expected.values()])
        assert.strictEqual(found.size, expected.size)
        for (let key = 0; key <= 200; key++) assert.deepStrictEqual(Keyed.get(found, `${key}`), expected.get(`${key}`))
      }
    }))
  })

  it("is the same from a list and item by item", () => {
    const items = many(1_000)
    assert.deepStrictEqual(Keyed.toArray(Keyed.from(keyOf, items)), items)
    assert.deepStrictEqual(Keyed.get(Keyed.from(keyOf, items), "k999"), { key: "k999", value: 999 })
  })

  it("finds a key without looking at the others", () => {
    let looks = 0
    const counting = (item: Item): string => {
      looks++
      return item.key
    }
    const items = setAll(Keyed.empty(counting), many(1_000))
    looks = 0
    Keyed.get(items, "k999")
    Keyed.get(items, "nothing")
    Keyed.set(items, { key: "k500", value: 0 })
    assert.isAtMost(looks, 3)
  })
})
