/** What the route for the journal of a run does. */
import { Api } from "@fermata/api/Api"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Pages from "./Pages.ts"

/** The group `journal`. */
export const layer = HttpApiBuilder.group(
  Api,
  "journal",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handle(
      "page",
      Effect.fnUntraced(function*({ params: { run }, query: { from = 0, limit = Pages.defaultLimit } }) {
        const found = yield* runs.journal(run, from, limit + 1)
        // A value that was large enough for a blob of its own is the last of its page.
        const large = found.findIndex(({ blobs }) => blobs !== undefined)
        const count = Math.min(limit, large < 0 ? limit : large + 1)
        return { entries: found.slice(0, count), ...(found.length > count ? { next: from + count } : {}) }
      })
    )
  })
)
