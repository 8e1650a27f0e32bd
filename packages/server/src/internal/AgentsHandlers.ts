/** What the routes for runs of agents do. */
import * as AgentState from "@fermata/agent/AgentState"
import { Api } from "@fermata/api/Api"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"

/** The group `agents`. */
export const layer = HttpApiBuilder.group(
  Api,
  "agents",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handle(
      "state",
      Effect.fnUntraced(function*({ params: { run } }) {
        // One that is not there is the problem that every route tells of it.
        const { id } = yield* runs.find(run)
        return yield* Effect.provideService(AgentState.of(id), Runs, runs)
      })
    )
  })
)
