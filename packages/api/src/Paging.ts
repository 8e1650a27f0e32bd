/**
 * Lists in pages: `limit` says how long a page may be, and `next` of a page is
 * the `after` of the one behind it. No page says how many there are in all.
 */
import * as Schema from "effect/Schema"

/** How long a page is where nobody says otherwise. */
export const defaultLimit = 50

/** The longest page. */
export const mostLimit = 500

/** The queries by which a list is paged. */
export const query = {
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: mostLimit }))),
  after: Schema.optionalKey(Schema.String)
}

/** What a page says of the next one: there where more may follow. */
export const next = { next: Schema.optionalKey(Schema.String) }
