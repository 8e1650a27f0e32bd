import { assert, describe, it } from "@effect/vitest"
import { Patch } from "@fermata/core"
import * as fc from "fast-check"

const json = (text: string): unknown => JSON.parse(text)

describe("Patch", () => {
  const applied: ReadonlyArray<readonly [what: string, document: string, patch: string, after: string]> = [
    ["adds a member", `{"a":1}`, `[{"op":"add","path":"/b","value":2}]`, `{"a":1,"b":2}`],
    ["adds at the end of a list", `{"a":[1]}`, `[{"op":"add","path":"/a/-","value":2}]`, `{"a":[1,2]}`],
    ["adds in a list", `[1,3]`, `[{"op":"add","path":"/1","value":2}]`, `[1,2,3]`],
    ["replaces the whole", `[1]`, `[{"op":"replace","path":"","value":null}]`, `null`],
    [
      "copies and moves",
      `{"a":[1,2]}`,
      `[{"op":"copy","from":"/a/0","path":"/b"},{"op":"move","from":"/a/1","path":"/a/0"}]`,
      `{"a":[2,1],"b":1}`
    ],
    [
      "tests whole values in any order of members",
      `{"a":{"x":1,"y":[2]}}`,
      `[{"op":"test","path":"/a","value":{"y":[2],"x":1}}]`,
      `{"a":{"x":1,"y":[2]}}`
    ],
    ["takes any name", `{"a/b":{"~":1}}`, `[{"op":"replace","path":"/a~1b/~0","value":2}]`, `{"a/b":{"~":2}}`],
    [
      "takes __proto__ as a name",
      `{}`,
      `[{"op":"add","path":"/__proto__","value":{"x":1}},{"op":"add","path":"/__proto__/y","value":2}]`,
      `{"__proto__":{"x":1,"y":2}}`
    ]
  ]
  for (const [what, document, patch, after] of applied) {
    it(`${what}, and leaves the document that it was given`, () => {
      const before = json(document)
      assert.strictEqual(JSON.stringify(Patch.apply(before, json(patch) as ReadonlyArray<unknown>)), after)
      assert.strictEqual(JSON.stringify(before), document)
    })
  }

  const refused: ReadonlyArray<readonly [what: string, document: string, patch: string]> = [
    ["a replacement of the end of a list", `{"a":[1]}`, `[{"op":"replace","path":"/a/-","value":2}]`],
    ["a removal of the end of a list", `{"a":[1]}`, `[{"op":"remove","path":"/a/-"}]`],
    ["a member of a prototype", `{}`, `[{"op":"add","path":"/__proto__/x","value":1}]`],
    ["a member of a constructor", `{}`, `[{"op":"add","path":"/constructor/prototype/x","value":1}]`],
    ["a member of a text", `{"s":"abc"}`, `[{"op":"add","path":"/s/0","value":1}]`],
    ["a member of null", `{"s":null}`, `[{"op":"add","path":"/s/a","value":1}]`],
    ["the length of a list", `{"a":[1]}`, `[{"op":"copy","from":"/a/length","path":"/b"}]`],
    ["a place behind a list", `[1]`, `[{"op":"add","path":"/2","value":1}]`],
    ["a place with a leading zero", `[1]`, `[{"op":"replace","path":"/00","value":1}]`],
    ["a negative place", `[1]`, `[{"op":"remove","path":"/-1"}]`],
    ["a member that is not there", `{"a":1}`, `[{"op":"replace","path":"/b","value":1}]`],
    ["a path that is none", `{"a":1}`, `[{"op":"replace","path":"a","value":1}]`],
    ["a source that is none", `{"a":1}`, `[{"op":"copy","from":"a","path":"/b"}]`],
    ["an escape that is none", `{"a":1}`, `[{"op":"add","path":"/~2","value":1}]`],
    ["a removal of the whole", `{"a":1}`, `[{"op":"remove","path":""}]`],
    ["a move into itself", `{"a":{}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`],
    ["a move of an item into itself", `[{},{}]`, `[{"op":"move","from":"/0","path":"/0/a"}]`],
    ["an operation without its value", `{"a":1}`, `[{"op":"add","path":"/b"}]`],
    ["an operation without its path", `{"a":1}`, `[{"op":"remove"}]`],
    ["an operation that is none", `{"a":1}`, `[{"op":"spell","path":"/a"}]`],
    ["no operation", `{"a":1}`, `[null]`],
    ["a test that fails", `{"a":1}`, `[{"op":"test","path":"/a","value":"1"}]`]
  ]
  for (const [what, document, patch] of refused) {
    it(`refuses ${what}, with a sentence`, () => {
      const before = json(document)
      assert.throws(() => Patch.apply(before, json(patch) as ReadonlyArray<unknown>), /\S+ \S+/)
      assert.strictEqual(JSON.stringify(before), document)
    })
  }

  it("makes of any document any other", () => {
    const document = fc.jsonValue({ maxDepth: 3 })
    fc.assert(
      fc.property(document, document, (before, after) => {
        assert.strictEqual(
          JSON.stringify(sorted(Patch.apply(before, Patch.between(before, after)))),
          JSON.stringify(sorted(after))
        )
        assert.deepStrictEqual(Patch.between(after, after), [])
      }),
      { numRuns: 1_000 }
    )
  })

  it("tells of an item more or less with one operation, wherever it is", () => {
    const items = Array.from({ length: 50 }, (_, id) => ({ id }))
    for (const at of [0, 20, 50]) {
      const more = [...items.slice(0, at), { id: -1 }, ...items.slice(at)]
      assert.deepStrictEqual(Patch.between(items, more), [{ op: "add", path: `/${at}`, value: { id: -1 } }])
      assert.deepStrictEqual(Patch.between(more, items), [{ op: "remove", path: `/${at}` }])
    }
  })
})

/** The members of objects in one order. */
const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === "object" && value !== null
    ? Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, member]) => [key, sorted(member)])
    : value === 0
    ? 0
    : value
