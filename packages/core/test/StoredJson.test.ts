import { assert, describe, it } from "@effect/vitest"
import { StoredJson } from "@fermata/core"
import { Result } from "effect"
import * as fc from "fast-check"
import { runInNewContext } from "node:vm"

const stored = (value: unknown): StoredJson.StoredJson => {
  const made = StoredJson.of(value)
  if (Result.isFailure(made)) assert.fail(`refused: ${made.failure.reason}`)
  return made.success
}

const refused = (value: unknown): StoredJson.Unstorable => {
  const made = StoredJson.of(value)
  if (Result.isSuccess(made)) assert.fail(`stored as ${made.success.text}`)
  return made.failure
}

const deep = (levels: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value }
  return value
}

class Point {
  readonly x = 1
  readonly y = 2
}

const circle = () => {
  const list: Array<unknown> = []
  const value = { name: "a", list }
  list.push({ owner: value })
  return value
}

const doubled = (levels: number): unknown => {
  let value: unknown = ["x"]
  for (let level = 0; level < levels; level++) value = [value, value]
  return value
}

describe("StoredJson", () => {
  it("stores plain data, and gives each reader a value of its own", () => {
    const value = { id: "a", items: [1, true, null, { "odd name": "é\u2028\ud800" }] }
    const made = stored(value)
    assert.strictEqual(made.text, JSON.stringify(value))
    value.items.push(4)
    const first = made.read() as typeof value
    first.items.push(5)
    assert.deepStrictEqual(made.read(), { id: "a", items: [1, true, null, { "odd name": "é\u2028\ud800" }] })
  })

  it("is known without a text to be what is recorded, and never where the text would say otherwise", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSparseArray: true
    })
    fc.assert(fc.property(fc.oneof(fc.jsonValue(), anything), fc.jsonValue(), (value, other) => {
      const made = StoredJson.of(value)
      for (
        const recorded of [JSON.parse(JSON.stringify(other)), ...(Result.isSuccess(made) ? [made.success.read()] : [])]
      ) {
        if (!StoredJson.isStoredAs(recorded, value)) continue
        assert.deepStrictEqual(stored(value).read(), recorded)
      }
    }))
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      assert.isTrue(StoredJson.isStoredAs(stored(value).read(), value))
    }))
    const unlike: ReadonlyArray<readonly [recorded: unknown, value: unknown]> = [
      [{ x: 1, y: 2 }, new Point()],
      [{}, Object.defineProperty({}, "toJSON", { value: () => "b" })],
      [{}, { [Symbol.for("hidden")]: 1 }],
      [{ a: 1 }, Object.defineProperty({}, "a", { value: 1 })],
      [["b"], /b/.exec("abc")],
      [[null], [undefined]],
      [[null], new Array(1)],
      [{ a: 1 }, { a: 1, b: 2 }],
      [{ a: 1, b: 2 }, { a: 1 }],
      [{ a: { b: 1 } }, {
        get a() {
          throw new Error("not today")
        }
      }],
      ["1970-01-01T00:00:00.000Z", new Date(0)],
      [1, 1n]
    ]
    for (const [recorded, value] of unlike) assert.isFalse(StoredJson.isStoredAs(recorded, value))
  })

  it("gives the first reader what was parsed anyway, and changes nothing for the next", () => {
    const parsed = { id: 1 }
    const made = Result.getOrThrow(StoredJson.ofParsed(parsed))
    assert.strictEqual(made.read(), parsed)
    parsed.id = 2
    assert.deepStrictEqual(made.read(), { id: 1 })
  })

  it("reads what has no parts without parsing, and -0 as 0", () => {
    for (const value of ["text", 0, 1.5, true, false, null, ""]) assert.strictEqual(stored(value).read(), value)
    assert.isTrue(Object.is(stored(-0).read(), 0))
    assert.isTrue(Object.is((stored({ n: -0 }).read() as { n: number }).n, 0))
  })

  it("leaves undefined members out, and takes objects without a prototype and those of other realms", () => {
    assert.strictEqual(stored({ a: undefined, b: 1 }).text, `{"b":1}`)
    assert.strictEqual(stored(Object.assign(Object.create(null), { a: 1 })).text, `{"a":1}`)
    assert.strictEqual(stored(runInNewContext("({ a: [1, { b: 2 }] })")).text, `{"a":[1,{"b":2}]}`)
    assert.strictEqual(stored(JSON.parse(`{"__proto__":{"a":1}}`)).text, `{"__proto__":{"a":1}}`)
  })

  const thrower = Object.defineProperty({ ok: 1 }, "bad", {
    enumerable: true,
    get: () => {
      throw new Error("not today")
    }
  })
  const cases: ReadonlyArray<readonly [what: string, value: unknown, path: string, found: RegExp, wanted: RegExp]> = [
    ["a bigint", { id: 10n }, "id", /the bigint 10n/, /Schema\.BigInt/],
    ["undefined", undefined, "", /undefined/, /null/],
    ["undefined in a list", { rows: [1, undefined] }, "rows[1]", /undefined in a list/, /null/],
    ["a hole", Object.assign([1], { 2: 3 }), "[1]", /a hole/, /null/],
    ["NaN", { a: { b: NaN } }, "a.b", /the number NaN/, /finite/],
    ["Infinity", [[-Infinity]], "[0][0]", /the number -Infinity/, /finite/],
    ["a function", { run: () => 1 }, "run", /a function/, /plain data/],
    ["a symbol", { kind: Symbol("a") }, "kind", /a symbol/, /plain data/],
    ["a Date", { at: new Date(0) }, "at", /a Date/, /Schema\.Date/],
    ["a Map", new Map([["a", 1]]), "", /a Map/, /Schema\.ReadonlyMap/],
    ["a Set", { tags: new Set(["a"]) }, "tags", /a Set/, /Schema\.ReadonlySet/],
    ["bytes", { bytes: new Uint8Array([1]) }, "bytes", /a Uint8Array/, /Schema\.Uint8Array/],
    ["an error", { cause: new TypeError("no") }, "cause", /an error \(no\)/, /Schema\.Defect/],
    ["an instance of a class", { at: new Point() }, "at", /a Point/, /schema/],
    [
      "an instance of a class without a name",
      [
        new (class {
          readonly x = 1
        })()
      ],
      "[0]",
      /object of a class/,
      /schema/
    ],
    ["an object with toJSON", { a: { toJSON: () => "b" } }, "a", /toJSON/, /toJSON/],
    [
      "an object whose toJSON throws",
      {
        a: {
          toJSON: () => {
            throw new Error("x")
          }
        }
      },
      "a",
      /toJSON/,
      /toJSON/
    ],
    [
      "an object with a hidden toJSON",
      { a: Object.defineProperty({}, "toJSON", { value: () => "b" }) },
      "a",
      /toJSON/,
      /toJSON/
    ],
    ["a member under a symbol", { a: { [Symbol.for("hidden")]: 1 } }, "a", /Symbol\(hidden\)/, /texts/],
    ["the result of a match", { match: /b/.exec("abc") }, "match", /member "index"/, /list/],
    ["a circle", circle(), "list[0].owner", /the value itself again, in a circle/, /id/],
    ["a circle further in", { top: circle() }, "top.list[0].owner", /what is at "top" again/, /id/],
    ["a getter that throws", { a: thrower }, "", /cannot be looked at \(not today\)/, /plain data/],
    [
      "a proxy that throws",
      new Proxy({}, {
        ownKeys: () => {
          throw new Error("closed")
        }
      }),
      "",
      /cannot be looked at \(closed\)/,
      /plain data/
    ],
    [
      "a proxy that is revoked",
      (() => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        return [proxy]
      })(),
      "",
      /cannot be looked at/,
      /plain data/
    ],
    [
      "one level too many",
      { a: deep(StoredJson.maxDepth) },
      "a.in[0].in[0].in[0].in…",
      /more than 1,000 levels/,
      /flatter/
    ],
    ["6,000 levels", deep(6_000), "in[0].in[0].in[0].in[0]…", /more than 1,000 levels/, /flatter/],
    [
      "a text that is too long",
      { a: "x".repeat(StoredJson.maxLength) },
      "",
      /more than 16,777,216 characters/,
      /elsewhere/
    ],
    [
      "a text that is too long only in JSON",
      ["\u0001".repeat(StoredJson.maxLength / 5)],
      "",
      /20,132,\d+ characters/,
      /16,777,216/
    ],
    ["a value that holds the same again and again", doubled(60), "", /more than 16,777,216 characters/, /elsewhere/],
    ["an odd place", { "a b": [{ "": 1n }] }, `["a b"][0][""]`, /1n/, /text/]
  ]
  for (const [what, value, path, found, wanted] of cases) {
    it(`refuses ${what}, and says where and what would be right`, () => {
      const problem = refused(value)
      assert.strictEqual(problem.path, path)
      assert.match(problem.found, found)
      assert.match(problem.wanted, wanted)
      assert.include(problem.reason, problem.wanted)
    })
  }

  it("takes as many levels as it says, and reads them", () => {
    const value = deep(StoredJson.maxDepth)
    assert.deepStrictEqual(JSON.stringify(stored(value).read()), JSON.stringify(value))
  })

  it("never throws, and what it stores reads as what it was given", () => {
    const withoutUndefined = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(withoutUndefined)
        : typeof value === "object" && value !== null
        ? Object.fromEntries(
          Object.entries(value).filter(([, member]) => member !== undefined).map((
            [key, member]
          ) => [key, withoutUndefined(member)])
        )
        : value === 0
        ? 0
        : value
    let kept = 0
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.anything({
            withBigInt: true,
            withDate: true,
            withMap: true,
            withSet: true,
            withNullPrototype: true,
            withSparseArray: true,
            withTypedArray: true,
            withObjectString: true
          })
        ),
        (value) => {
          const made = StoredJson.of(value)
          if (Result.isFailure(made)) return assert.notStrictEqual(made.failure.reason, "")
          kept++
          assert.deepStrictEqual(made.success.read(), withoutUndefined(value))
          assert.strictEqual(made.success.text, JSON.stringify(value))
        }
      ),
      { numRuns: 2_000 }
    )
    assert.isAbove(kept, 500)
  })

  it("composes texts without making them anew", () => {
    const made = StoredJson.compose({ name: "a", payload: stored({ b: [1] }), nothing: undefined, list: ["x"], n: 0 })
    assert.strictEqual(made.text, `{"name":"a","payload":{"b":[1]},"list":["x"],"n":0}`)
    assert.strictEqual(StoredJson.compose({}).text, "{}")
  })

  it("shows any value for people, in bounds", () => {
    assert.strictEqual(StoredJson.show({ a: 1 }), `{"a":1}`)
    assert.strictEqual(StoredJson.show(undefined), "nothing")
    assert.strictEqual(StoredJson.show("x".repeat(200), 20).length, 20)
    assert.match(StoredJson.show(circle()), /circle/)
    assert.match(StoredJson.show(10n), /10n/)
  })
})
