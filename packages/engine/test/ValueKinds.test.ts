/** The table of kinds of values in DESIGN.md, line by line: live and after a restart. */
import { assert, describe, it } from "@effect/vitest"
import { StoredJson } from "@fermata/core"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Schema } from "effect"
import { readFileSync } from "node:fs"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as OddValues from "./support/OddValues.ts"
import { begin, define } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")

class Point extends Schema.Class<Point>("Point")({ x: Schema.Int }) {}
class Money {
  readonly cents = 5
  toJSON() {
    return "5 cents"
  }
}

const refused = Symbol("refused")
const match = () => ({ found: /b(.)/.exec("abc") as ReadonlyArray<string> })
const dated = { [Symbol.for("hidden")]: 1, a: 1 }

/** What is given, by which schema, what of it is read, and how the table says that. */
type Cell = readonly [says: string, schema: Schema.Top, value: () => unknown, reads: unknown]
type Row = readonly [
  kind: string,
  typed: Cell | "no schema",
  opaque: readonly [says: string, value: () => unknown, reads: unknown]
]

const stays = (
  name: string,
  schema: Schema.Top,
  value: () => unknown
): Cell => [`\`${name}\`: stays what it is`, schema, value, value()]
const no = (value: () => unknown): Row[2] => ["refused", value, refused]

const rows: ReadonlyArray<Row> = [
  ["text, also with half a character", stays("Schema.String", Schema.String, () => "a\ud83d\u2028"), [
    "stays what it is",
    () => "a\ud83d\u2028",
    "a\ud83d\u2028"
  ]],
  ["`-0`", ["`Schema.Number`: becomes `0`", Schema.Number, () => -0, 0], ["becomes `0`", () => ({ n: -0 }), { n: 0 }]],
  ["`NaN`, `Infinity`", stays("Schema.Number", Schema.Array(Schema.Number), () => [NaN, -Infinity]), no(() => [NaN])],
  ["bigint", stays("Schema.BigInt", Schema.BigInt, () => 10n), no(() => ({ id: 10n }))],
  ["`undefined`, as the value itself", stays("Schema.Void", Schema.Void, () => undefined), [
    "stays what it is",
    () => undefined,
    undefined
  ]],
  [
    "a member that is `undefined`",
    stays("Schema.UndefinedOr", Schema.Struct({ a: Schema.UndefinedOr(Schema.Int) }), () => ({ a: undefined })),
    ["is left out", () => ({ a: undefined, b: 1 }), { b: 1 }]
  ],
  [
    "`undefined` in a list",
    stays("Schema.UndefinedOr", Schema.Array(Schema.UndefinedOr(Schema.Int)), () => [1, undefined]),
    no(() => [1, undefined])
  ],
  ["a hole in a list", [
    "`Schema.UndefinedOr`: becomes `undefined`",
    Schema.Array(Schema.UndefinedOr(Schema.Int)),
    () => Object.assign([1], { 2: 3 }),
    [1, undefined, 3]
  ], no(() => Object.assign([1], { 2: 3 }))],
  ["`Date`", stays("Schema.Date", Schema.Date, () => new Date(5)), no(() => ({ at: new Date(5) }))],
  [
    "`Map`",
    stays("Schema.ReadonlyMap", Schema.ReadonlyMap(Schema.String, Schema.Int), () => new Map([["a", 1]])),
    no(() => new Map([["a", 1]]))
  ],
  ["`Set`", stays("Schema.ReadonlySet", Schema.ReadonlySet(Schema.Int), () => new Set([1])), no(() => new Set([1]))],
  [
    "`Uint8Array`",
    stays("Schema.Uint8Array", Schema.Uint8Array, () => new Uint8Array([1, 2])),
    no(() => new Uint8Array([1, 2]))
  ],
  [
    "`Error`",
    [
      "`Schema.Defect()`: an error with the same name and message",
      Schema.Defect(),
      () => new TypeError("t"),
      (read: unknown) => read instanceof Error && `${read.name} ${read.message}` === "TypeError t"
    ],
    no(() => new TypeError("t"))
  ],
  ["an instance of a class", stays("Schema.Class", Point, () => new Point({ x: 1 })), no(() => new Point({ x: 1 }))],
  ["an object with `toJSON`", [
    "`Schema.Struct`: its members, without it",
    Schema.Struct({ cents: Schema.Int }),
    () => new Money(),
    { cents: 5 }
  ], no(() => new Money())],
  [
    "a symbol",
    stays("Schema.Symbol", Schema.Symbol, () => Symbol.for("registered")),
    no(() => Symbol.for("registered"))
  ],
  ["a function", "no schema", no(() => () => 1)],
  [
    "a member under a symbol",
    ["`Schema.Struct`: is left out", Schema.Struct({ a: Schema.Int }), () => dated, { a: 1 }],
    no(() => dated)
  ],
  ["a list with members beside its items, such as the result of a match", [
    "`Schema.Array`: a list of its items",
    Schema.Array(Schema.String),
    () => match().found,
    ["bc", "c"]
  ], no(() => match())],
  ["an object without a prototype", [
    "`Schema.Record`: becomes a plain one",
    Schema.Record(Schema.String, Schema.Int),
    () => Object.assign(Object.create(null), { a: 1 }),
    { a: 1 }
  ], ["becomes a plain one", () => Object.assign(Object.create(null), { a: 1 }), { a: 1 }]],
  ["a member called `__proto__`", stays("Schema.Json", Schema.Json, () => JSON.parse(`{"__proto__":{"a":1}}`)), [
    "stays what it is",
    () => JSON.parse(`{"__proto__":{"a":1}}`),
    JSON.parse(`{"__proto__":{"a":1}}`)
  ]],
  ["a circle", ["`Schema.Json`: refused", Schema.Json, OddValues.circle, refused], no(OddValues.circle)],
  [
    "a getter or proxy that throws",
    "no schema",
    no(() =>
      Object.defineProperty({}, "a", {
        enumerable: true,
        get: () => {
          throw new Error("no")
        }
      })
    )
  ],
  [`more than ${StoredJson.maxDepth.toLocaleString("en")} levels of lists and objects`, [
    "`Schema.Json`: refused",
    Schema.Json,
    () => OddValues.deep(1_001),
    refused
  ], no(() => OddValues.deep(1_001))],
  [`more than ${StoredJson.maxLength.toLocaleString("en")} characters of JSON`, [
    "`Schema.String`: refused",
    Schema.String,
    () => "x".repeat(StoredJson.maxLength),
    refused
  ], no(() => "x".repeat(StoredJson.maxLength))]
]

const lineOf = ([kind, typed, [says]]: Row) =>
  `| ${kind} | ${typed === "no schema" ? "there is none" : typed[0]} | ${says} |`

describe("kinds of values", () => {
  it("the table in DESIGN.md has these lines and no others", () => {
    const text = readFileSync(new URL("../DESIGN.md", import.meta.url), "utf8")
    const from = text.indexOf("| a value of this kind |")
    assert.isAbove(from, 0)
    const table = text.slice(from, text.indexOf("\n\n", from)).split("\n").slice(2)
    assert.deepStrictEqual(table, rows.map(lineOf))
  })

  for (const row of rows) {
    const [, typed, [, value, reads]] = row
    it.effect(`S1, S6: ${lineOf(row)}`, () =>
      Effect.gen(function*() {
        const passes: Array<Array<unknown>> = []
        const give = (name: string, schema: Schema.Top, value: () => unknown) =>
          Effect.map(
            Effect.exit(
              Step.make(name, {
                success: schema as typeof Schema.Unknown,
                onCrash: "rerun",
                run: () => Effect.sync(value)
              })()
            ),
            (exit) => Exit.isSuccess(exit) ? exit.value : refused
          )
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          passes.push([
            yield* typed === "no schema" ? Effect.succeed(refused) : give("typed", typed[1], typed[2]),
            yield* give("opaque", Schema.Any, value)
          ])
          yield* Signal.receive(Go)
        }))
        const world = yield* CrashHost.make
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        const second = yield* world.restart(first, layer)
        yield* second.settled
        assert.deepStrictEqual((yield* world.waits(id)).map(({ reason }) => reason), ["signal"])
        assert.lengthOf(passes, 2)
        for (const pass of passes) {
          const wanted = typed === "no schema" ? refused : typed[3]
          if (typeof wanted === "function") assert.isTrue(wanted(pass[0]))
          else assert.deepStrictEqual(pass[0], wanted)
          assert.deepStrictEqual(pass[1], reads)
        }
      }))
  }

  it.effect("Schema.Json and Schema.Unknown take only JSON, and no member that is undefined", () =>
    Effect.gen(function*() {
      for (const schema of [Schema.Json, Schema.Unknown]) {
        for (const value of [{ a: undefined }, [undefined], new Date(0), 1n, NaN, new Map()]) {
          const world = yield* CrashHost.make
          const host = yield* world.start(W.toLayer(() =>
            Effect.map(
              Effect.exit(
                Step.make("give", {
                  success: schema as typeof Schema.Unknown,
                  onCrash: "rerun",
                  run: () => Effect.succeed(value)
                })()
              ),
              (exit) => Exit.isSuccess(exit) ? "taken" : "refused"
            )
          ))
          const id = yield* begin(host, W)
          assert.deepInclude((yield* world.journal(id)).at(-1), { _tag: "RunCompleted", output: "refused" })
        }
      }
    }))
})
