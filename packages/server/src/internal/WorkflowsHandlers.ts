/** What the route for workflows does. */
import { Api } from "@fermata/api/Api"
import type { KnownWorkflow } from "@fermata/core/KnownWorkflow"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Pages from "./Pages.ts"

/** The group `workflows`. */
export const layer = HttpApiBuilder.group(
  Api,
  "workflows",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handle(
      "list",
      Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit, name } }) {
        const behind = yield* Pages.behind(yield* runs.workflows(name), after, placeOf)
        const { next, shown } = Pages.of(behind, limit, placeOf)
        return { workflows: shown, ...next }
      })
    )
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const placeOf = ({ name, version }: KnownWorkflow): string => `${name}@${version}`
