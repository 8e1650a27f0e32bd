/** Values of every kind, most of which JSON does not hold. */
import * as fc from "fast-check"

export const circle = (): unknown => {
  const value: Record<string, unknown> = { name: "a" }
  return Object.assign(value, { list: [{ owner: value }] })
}

export const deep = (levels: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value }
  return value
}

const fail = () => {
  throw new Error("no")
}

class Money {
  readonly cents = 5
  toJSON() {
    return "5"
  }
}

/** Values that break what is careless with them. */
export const nasty: ReadonlyArray<readonly [what: string, value: unknown]> = [
  ["a bigint", 10n],
  ["a bigint within", { id: 10n }],
  ["undefined", undefined],
  ["undefined members", { a: undefined, b: 1 }],
  ["undefined in a list", [undefined]],
  ["a hole", Object.assign([1], { 2: 3 })],
  ["NaN", { n: NaN }],
  ["Infinity", [Infinity]],
  ["-0", { n: -0, list: [-0] }],
  ["a function", fail],
  ["a symbol", Symbol("s")],
  ["a Date", new Date(0)],
  ["a Map", new Map([["a", 1]])],
  ["a Set", { s: new Set([1]) }],
  ["bytes", new Uint8Array([1, 2])],
  ["an error", new TypeError("t")],
  ["an instance of a class", new Money()],
  ["an object with toJSON", { toJSON: () => "x" }],
  ["a toJSON that throws", { a: { toJSON: fail } }],
  ["a circle", circle()],
  [
    "a list in itself",
    (() => {
      const list: Array<unknown> = []
      list.push(list)
      return list
    })()
  ],
  ["6,000 levels", deep(6_000)],
  ["1,000 levels", deep(1_000)],
  ["1,001 levels", deep(1_001)],
  ["a getter that throws", Object.defineProperty({}, "a", { enumerable: true, get: fail })],
  ["a proxy that throws", new Proxy({}, { ownKeys: fail, get: fail, getPrototypeOf: fail })],
  [
    "a revoked proxy",
    (() => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    })()
  ],
  ["a member under a symbol", { [Symbol.for("a")]: 1 }],
  ["a match", /b/.exec("abc")],
  ["no prototype", Object.assign(Object.create(null), { a: 1 })],
  ["__proto__", JSON.parse(`{"__proto__":{"a":1},"constructor":1}`)],
  ["half a character", { "\ud83d": "\udc00" }],
  ["line ends", "a\n\u2028\u2029\r\u0000"],
  ["null", null],
  ["an empty text", ""],
  ["a long text", "x".repeat(100_000)],
  ["a tag of the engine's", { _tag: "Failure", cause: [] }]
]

/** What the generator itself cannot look at. */
const isTouchy = (value: unknown): boolean => {
  try {
    return typeof value === "object" && value !== null && Reflect.has(value, "a") && false
  } catch {
    return true
  }
}

/** Any value: JSON, what JavaScript has beside it, and the nasty ones. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue(),
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withSparseArray: true,
    withTypedArray: true
  }),
  fc.nat(nasty.length - 1).map((index) => isTouchy(nasty[index]![1]) ? "touchy" : nasty[index]![1])
)
