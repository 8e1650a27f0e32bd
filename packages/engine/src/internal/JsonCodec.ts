import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import * as SchemaAST from "effect/SchemaAST"

const known = new WeakMap<Schema.Top, Schema.Codec<unknown, unknown>>()

/**
 * The JSON form of any schema, its types forgotten: its callers carry them in their own signatures.
 *
 * Every outcome of every step goes through one, so they are compiled where the platform lets code be made.
 */
export const jsonCodec = (schema: Schema.Top): Schema.Codec<unknown, unknown> => {
  const before = known.get(schema)
  if (before !== undefined) return before
  const made = Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown, unknown>
  SchemaJITCompiler.enable(made.ast)
  SchemaJITCompiler.enable(SchemaAST.flip(made.ast))
  known.set(schema, made)
  return made
}

/**
 * How an outcome travels as JSON. Where the schema takes `undefined` and JSON has no form of it, it is left out.
 */
export const outcomeCodec = (schema: Schema.Top): OutcomeCodec => {
  const before = knownOutcomes.get(schema)
  if (before !== undefined) return before
  const made = makeOutcomeCodec(schema)
  knownOutcomes.set(schema, made)
  return made
}

export interface OutcomeCodec {
  readonly encode: (value: unknown) => Exit.Exit<unknown, unknown>
  readonly decode: (json: unknown) => Exit.Exit<unknown, unknown>
}

const knownOutcomes = new WeakMap<Schema.Top, OutcomeCodec>()

const makeOutcomeCodec = (schema: Schema.Top): OutcomeCodec => {
  const codec = jsonCodec(schema)
  const takes = Schema.is(schema as Schema.Schema<unknown>)
  const encode = Schema.encodeUnknownExit(codec)
  const decode = Schema.decodeUnknownExit(codec)
  const absent = Exit.void
  let nothing: Exit.Exit<unknown, unknown> | undefined
  const ofNothing = () => {
    if (nothing !== undefined) return nothing
    const encoded = encode(undefined)
    return nothing = (Exit.isFailure(encoded) || encoded.value === undefined) && takes(undefined) ? absent : encoded
  }
  return {
    encode: (value: unknown): Exit.Exit<unknown, unknown> => value === undefined ? ofNothing() : encode(value),
    decode: (json: unknown): Exit.Exit<unknown, unknown> =>
      json === undefined && ofNothing() === absent ? absent : decode(json ?? null)
  }
}
