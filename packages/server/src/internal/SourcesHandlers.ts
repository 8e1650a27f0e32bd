/** What the routes for sources do. */
import { Api } from "@fermata/api/Api"
import { Sources } from "@fermata/operations/Sources"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"

/** The group `sources`. */
export const layer = HttpApiBuilder.group(
  Api,
  "sources",
  Effect.fn(function*(handlers) {
    const sources = yield* Sources
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit } }) {
        const behind = yield* Pages.behind(yield* sources.list, after, ({ name }) => name)
        const { next, shown } = Pages.of(behind, limit, ({ name }) => name)
        return { sources: shown, ...next }
      }),
      get: ({ params: { source } }) => sources.find(source),
      put: Effect.fnUntraced(function*({ params: { source }, payload }) {
        return yield* sources.put(source, payload, { by: yield* Acting.name })
      }),
      remove: Effect.fnUntraced(function*({ params: { source } }) {
        return yield* sources.remove(source, { by: yield* Acting.name })
      }),
      pause: Effect.fnUntraced(function*({ params: { source }, payload: { note } }) {
        return yield* sources.pause(source, { by: yield* Acting.name, note })
      }),
      resume: Effect.fnUntraced(function*({ params: { source } }) {
        return yield* sources.resume(source, { by: yield* Acting.name })
      }),
      test: ({ params: { source }, payload }) => sources.test(source, payload)
    })
  })
)
