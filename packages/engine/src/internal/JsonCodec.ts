import * as Schema from "effect/Schema"

/** The JSON form of any schema, its types forgotten: its callers carry them in their own signatures. */
export const jsonCodec = (schema: Schema.Top): Schema.Codec<unknown, unknown> =>
  Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown, unknown>
