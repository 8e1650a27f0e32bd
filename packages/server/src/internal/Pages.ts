/** Pages of lists. One more than is shown is asked for, so that the last page says that it is. */
import { BadRequest } from "@fermata/api/ApiErrors"
import { defaultLimit } from "@fermata/api/Paging"
import * as Effect from "effect/Effect"

export { defaultLimit }

/** What is shown of what was found, and where the next page begins. */
export const of = <A>(
  found: ReadonlyArray<A>,
  limit: number,
  placeOf: (last: A) => string
): { readonly shown: ReadonlyArray<A>; readonly next: { readonly next?: string } } => {
  const shown = found.slice(0, limit)
  return { shown, next: found.length > limit ? { next: placeOf(shown.at(-1)!) } : {} }
}

/** The number that a place is; refused where it is none. */
export const number = (after: string): Effect.Effect<number, BadRequest> =>
  /^[1-9]\d{0,15}$/.test(after) ? Effect.succeed(Number(after)) : nowhere

/** What of a whole list stands behind a place; refused where nothing stands at it. */
export const behind = <A>(
  all: ReadonlyArray<A>,
  after: string | undefined,
  placeOf: (item: A) => string
): Effect.Effect<ReadonlyArray<A>, BadRequest> => {
  if (after === undefined) return Effect.succeed(all)
  const index = all.findIndex((item) => placeOf(item) === after)
  return index < 0 ? nowhere : Effect.succeed(all.slice(index + 1))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const message = "no page ends there; give the `next` of a page"

const nowhere = Effect.fail(
  new BadRequest({ problem: `query.after: ${message}`, issues: [{ path: "query.after", message }] })
)
