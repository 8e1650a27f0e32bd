/** What a server knows, as far as the token lets look. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { eventsIn, type Known, most } from "../Known.ts"
import type { ServerPlace } from "../ServerPlace.ts"
import * as Calls from "./Calls.ts"
import * as RemoteRuns from "./RemoteRuns.ts"

/** The server at this place, in a tenant where one is given. It is asked only for what is offered. */
export const open = Effect.fnUntraced(function*(place: ServerPlace, tenant: string | undefined) {
  const calls = yield* Calls.make(place, tenant)
  const { ask, client } = calls
  const runs = RemoteRuns.make(calls)
  const known: Known = {
    runs: (status) => runs.list({ limit: most, ...(status === undefined ? {} : { status }) }),
    workflows: runs.workflows(),
    questions: (run) => runs.approvals({ limit: most, ...(run === undefined ? {} : { run }) }),
    rules: runs.rules(),
    tokens: Calls.pages(
      (query) => Effect.map(ask(client.access.tokens({ query })), ({ next, tokens }) => ({ items: tokens, next })),
      most
    ),
    waits: (run) => Effect.map(runs.find(run), ({ waits }) => waits),
    steps: (run) => Effect.map(runs.steps(run), (steps) => steps.map(({ key }) => key)),
    artifacts: runs.artifacts,
    triggers: Effect.map(
      Calls.pages((query) =>
        Effect.map(ask(client.contracts.list({ query })), ({ contracts, next }) => ({ items: contracts, next }))
      ),
      (contracts) =>
        contracts.flatMap(({ id, triggers }) => triggers.flatMap(eventOf).map((event) => ({ contract: id, event })))
    ),
    awaited: Effect.map(
      runs.list({ status: ["suspended"], reason: ["signal"], limit: most }),
      (found) => found.flatMap(({ waits }) => eventsIn(waits))
    )
  }
  return known
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The event of a trigger that has one. */
const eventOf = (trigger: unknown): ReadonlyArray<string> =>
  Predicate.hasProperty(trigger, "event") && typeof trigger.event === "string" ? [trigger.event] : []
