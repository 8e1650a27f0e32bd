import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as SameJson from "../src/SameJson.ts"

/** The same value with the keys of its objects in another order, and with members that are `undefined`. */
const rearranged = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(rearranged)
    : typeof value === "object" && value !== null
    ? Object.fromEntries([
      ...Object.entries(value).toReversed().map(([key, item]) => [key, rearranged(item)]),
      ...("absent" in value ? [] : [["absent", undefined]])
    ])
    : value

describe("whether two JSON values are the same", () => {
  it("is so whatever the order of keys, and a member that is undefined is not there", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.isTrue(SameJson.same(value, rearranged(value)))
        assert.isTrue(SameJson.same(rearranged(value), value))
      })
    )
  })

  it("is what equal texts with sorted keys say", () => {
    const sorted = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(sorted)
        : typeof value === "object" && value !== null
        ? {
          members: Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, item]) => [key, sorted(item)])
        }
        : value
    // Few keys and values, so that equal ones come up.
    const small = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 2 },
        fc.constantFrom(null, 0, 1, "", "a", false),
        fc.array(tie("value"), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom("a", "b"), tie("value"), { maxKeys: 2 })
      )
    })).value
    let equal = 0
    fc.assert(
      fc.property(small, small, (a, b) => {
        const expected = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
        if (expected) equal++
        assert.strictEqual(SameJson.same(a, b), expected, JSON.stringify([a, b]))
      }),
      { numRuns: 2_000 }
    )
    assert.isAbove(equal, 50)
  })

  it.each([
    [[], {}],
    [{}, []],
    [null, {}],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: 1, b: 2 }, { a: 1 }],
    [JSON.parse(`{"__proto__":{}}`), {}],
    [{ a: undefined }, { a: null }],
    [[1, 2], [2, 1]]
  ])("tells %j and %j apart", (a, b) => assert.isFalse(SameJson.same(a, b)))

  it("asks of two texts what it is given, at every depth", () => {
    const ignoringCase: SameJson.SameText = (a, b) => a.toLowerCase() === b.toLowerCase()
    assert.isTrue(SameJson.same({ a: ["X", { b: "Y" }] }, { a: ["x", { b: "y" }] }, ignoringCase))
    assert.isFalse(SameJson.same({ a: ["X", { b: "Y" }] }, { a: ["x", { b: "z" }] }, ignoringCase))
    assert.isFalse(SameJson.same({ A: 1 }, { a: 1 }, ignoringCase))
  })
})
