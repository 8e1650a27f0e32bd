/** Schedules at a server. */
import * as Effect from "effect/Effect"
import type { Operator } from "../Operator.ts"
import * as Calls from "./Calls.ts"

/** The verbs, as a command asks for them. Who acts is whoever the server knows. */
export const make = ({ ask, client }: Calls.Calls): Operator["schedules"] => {
  const at = (schedule: string) => ({ params: { schedule } })
  return {
    put: (name, options) => ask(client.schedules.put({ ...at(name), payload: options })),
    remove: (name) => ask(client.schedules.remove(at(name))),
    list: ({ after, limit = 50 } = {}) =>
      Calls.pages(
        (query) =>
          Effect.map(ask(client.schedules.list({ query })), ({ next, schedules }) => ({ items: schedules, next })),
        limit,
        after
      ),
    show: (name) => ask(client.schedules.get(at(name))),
    pause: (name) => ask(client.schedules.pause(at(name))),
    resume: (name) => ask(client.schedules.resume(at(name))),
    runNow: (name) => ask(client.schedules.run(at(name))),
    backfill: (name, request) => ask(client.schedules.backfill({ ...at(name), payload: request })),
    firings: (name, { before, limit = 50 } = {}) =>
      Calls.pages(
        (query) =>
          Effect.map(
            ask(client.schedules.firings({ ...at(name), query })),
            ({ firings, next }) => ({ items: firings, next })
          ),
        limit,
        before
      ),
    next: (name, count = 5) =>
      Effect.map(ask(client.schedules.next({ ...at(name), query: { count } })), ({ slots }) => slots),
    tick: ask(client.schedules.tick({}))
  }
}
