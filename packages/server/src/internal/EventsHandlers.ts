/** What the routes for events do. */
import { Caller } from "@fermata/api/Access"
import { Api } from "@fermata/api/Api"
import { Forbidden } from "@fermata/api/ApiErrors"
import { Events, isAnswer } from "@fermata/engine/Events"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as Schema from "effect/Schema"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"

/** The group `events`. */
export const layer = HttpApiBuilder.group(
  Api,
  "events",
  Effect.fn(function*(handlers) {
    const events = yield* Events
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after: before, limit = Pages.defaultLimit, name } }) {
        const found = yield* events.kept({ name, before, limit: limit + 1 })
        const { next, shown } = Pages.of(found, limit, ({ position }) => position)
        return { events: shown, ...next }
      }),
      emit: Effect.fnUntraced(function*({ payload: { id, name, payload = {}, tell, ...options }, request }) {
        const said = (yield* answering(name, payload)) as Schema.Json
        const told = {
          ...options,
          source: yield* Acting.name,
          ...(yield* Acting.messageId(request, id))
        }
        return tell === true
          ? yield* events.publish(name, said, told)
          : { id: yield* events.emit(name, said, told) }
      })
    })
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What an event says. One that answers a question answers as its caller, who may answer questions, and as nobody else. */
const answering = Effect.fnUntraced(function*(name: string, payload: unknown) {
  if (!isAnswer({ name })) return payload
  const { scopes } = yield* Caller
  if (!scopes.has("approve")) {
    return yield* new Forbidden({
      problem: `An event ${name} answers a question, which takes the scope approve`,
      scope: "approve"
    })
  }
  const said = typeof payload === "object" && payload !== null ? payload as Readonly<Record<string, unknown>> : {}
  const named = [said["grantedBy"], said["deniedBy"], said["by"]].filter((who) => who !== undefined)
  yield* Effect.forEach(named, (who) => Acting.person(String(who)), { discard: true })
  return named.length > 0 ? payload : { ...said, by: yield* Acting.name }
})
