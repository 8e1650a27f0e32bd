/** What the routes for agents do. */
import * as AgentState from "@fermata/agent/AgentState"
import type { AgentHead } from "@fermata/api/AgentsGroup"
import { Api } from "@fermata/api/Api"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Pages from "./Pages.ts"

/** The group `agents`; those that are told of. */
export const layer = (agents: ReadonlyArray<AgentHead>) =>
  HttpApiBuilder.group(
    Api,
    "agents",
    Effect.fn(function*(handlers) {
      const runs = yield* Runs
      return handlers.handleAll({
        list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit } }) {
          const behind = yield* Pages.behind(agents, after, ({ name }) => name)
          const { next, shown } = Pages.of(behind, limit, ({ name }) => name)
          return { agents: shown, ...next }
        }),
        state: Effect.fnUntraced(function*({ params: { run } }) {
          // One that is not there is the problem that every route tells of it.
          const { id } = yield* runs.find(run)
          return yield* Effect.provideService(AgentState.of(id), Runs, runs)
        })
      })
    })
  )
