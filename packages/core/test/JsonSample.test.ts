import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as JsonSample from "../src/JsonSample.ts"

interface Tree {
  readonly value: number
  readonly children: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({
  value: Schema.Int,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

interface Endless {
  readonly next: Endless
}
const Endless: Schema.Codec<Endless> = Schema.Struct({ next: Schema.suspend((): Schema.Codec<Endless> => Endless) })

const samplesOf = (schema: Schema.Top) => JsonSample.samples(Schema.toJsonSchemaDocument(Schema.toCodecJson(schema)))
const fits = (schema: Schema.Top) => {
  const decode = Schema.decodeUnknownExit(Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown, unknown>)
  return (sample: unknown) => decode(sample)._tag === "Success"
}

describe("JsonSample", () => {
  it("makes a value that the schema takes, the plainest first", () => {
    const cases: ReadonlyArray<readonly [schema: Schema.Top, expected: unknown]> = [
      [Schema.Struct({ cents: Schema.Int, note: Schema.optionalKey(Schema.String) }), { cents: 1 }],
      [Schema.Struct({ name: Schema.NonEmptyString, is: Schema.Boolean }), { name: "text", is: true }],
      [Schema.Literals(["card", "cash"]), "card"],
      [Schema.NullOr(Schema.String), "text"],
      [Schema.Void, null],
      [Schema.Null, null],
      [Schema.Array(Schema.String).check(Schema.isMinLength(2)), ["text", "text"]],
      [Schema.Array(Schema.Int), []],
      [Schema.Tuple([Schema.String, Schema.Int]), ["text", 1]],
      [Schema.Int.check(Schema.isGreaterThan(5)), 6],
      [Schema.Int.check(Schema.isBetween({ minimum: -9, maximum: -3 })), -9],
      [Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.5, exclusiveMinimum: true })), 0.25],
      [Schema.String.check(Schema.isMinLength(9)), "2026-01-31T12:00:00.000Z"],
      [Schema.String.check(Schema.isMaxLength(2)), "te"],
      [Schema.Struct({ at: Schema.Date }), { at: "2026-01-31T12:00:00.000Z" }],
      [Schema.BigInt, "1"],
      [Schema.Union([Schema.Struct({ _tag: Schema.tag("A"), x: Schema.Int }), Schema.String]), { _tag: "A", x: 1 }],
      [Schema.Record(Schema.String, Schema.Int), {}],
      [Schema.Option(Schema.Int), { _tag: "Some", value: 1 }],
      [Schema.Json, {}],
      [Tree, { value: 1, children: [] }]
    ]
    for (const [schema, expected] of cases) {
      assert.deepStrictEqual(samplesOf(schema).find(fits(schema)), expected, JSON.stringify(expected))
    }
  })

  it("gives up on what has no value, or none that it can find", () => {
    for (
      const schema of [
        Endless,
        Schema.Never,
        Schema.String.check(Schema.makeFilter((text: string) => text === "xyzzy"))
      ] as ReadonlyArray<Schema.Top>
    ) {
      assert.isUndefined(samplesOf(schema).find(fits(schema)))
    }
  })
})
