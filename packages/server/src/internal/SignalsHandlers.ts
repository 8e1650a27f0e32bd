/** What the routes for signals do. */
import { Api } from "@fermata/api/Api"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Option from "effect/Option"
import * as Acting from "./Acting.ts"

/** The group `signals`. */
export const layer = HttpApiBuilder.group(
  Api,
  "signals",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handleAll({
      send: Effect.fnUntraced(function*({ params: { name, run }, payload: { id, payload = null }, request }) {
        return yield* runs.signal(run, name, payload, {
          by: yield* Acting.name,
          ...(yield* Acting.messageId(request, id))
        })
      }),
      sample: ({ params: { run }, query }) =>
        Effect.map(
          runs.sample(run, query),
          Option.match({
            onNone: () => ({}),
            onSome: (sample) => ({ sample })
          })
        )
    })
  })
)
