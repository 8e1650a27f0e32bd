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
