/** What the route that compares two runs does. */
import { Api } from "@fermata/api/Api"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Pages from "./Pages.ts"

/** The group `diff`. */
export const layer = HttpApiBuilder.group(
  Api,
  "diff",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handle(
      "page",
      Effect.fnUntraced(function*({ params: { other, run }, query: { after, limit = Pages.defaultLimit } }) {
        const { steps, ...diff } = yield* runs.diff(run, other)
        const behind = yield* Pages.behind(steps, after, ({ key }) => key)
        const { next, shown } = Pages.of(behind, limit, ({ key }) => key)
        return { ...diff, steps: shown, ...next }
      })
    )
  })
)
