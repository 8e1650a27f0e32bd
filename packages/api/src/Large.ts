/**
 * Values that are too large for an answer of their own: what is left out of it
 * is named here, and its bytes have a route.
 */
import * as Schema from "effect/Schema"

/** Values whose JSON is longer than this many characters are left out. */
export const threshold = 65_536

/**
 * The fields that were left out, by their names: `GET /api/blobs/:hash` has the
 * JSON of each, in so many bytes.
 */
export const Large = Schema.Record(Schema.String, Schema.Struct({ blob: Schema.String, bytes: Schema.Int }))
export interface Large extends Schema.Schema.Type<typeof Large> {}
