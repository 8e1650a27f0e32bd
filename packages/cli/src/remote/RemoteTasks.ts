/** Tasks and their queues at a server. */
import * as Effect from "effect/Effect"
import type { Operator } from "../Operator.ts"
import * as Calls from "./Calls.ts"

/** The verbs, as a command asks for them. Who acts is whoever the server knows. */
export const make = ({ ask, client }: Calls.Calls): Operator["tasks"] => ({
  enqueue: (request) => ask(client.tasks.add({ payload: request })),
  list: ({ before, limit = 50, ...filter } = {}) =>
    Calls.pages(
      (query) =>
        Effect.map(
          ask(client.tasks.list({ query: { ...query, ...filter } })),
          ({ next, tasks }) => ({ items: tasks, next })
        ),
      limit,
      before
    ),
  show: (task) => ask(client.tasks.get({ params: { task } })),
  attempts: (task) => Effect.map(ask(client.tasks.attempts({ params: { task } })), ({ attempts }) => attempts),
  cancel: (task, { isQueuedOnly = false, reason } = {}) =>
    ask(
      client.tasks.cancel({
        params: { task },
        payload: { running: !isQueuedOnly, ...(reason === undefined ? {} : { reason }) }
      })
    ),
  retry: (task) => ask(client.tasks.retry({ params: { task } })),
  queues: Calls.pages((query) =>
    Effect.map(ask(client.queues.list({ query })), ({ next, queues }) => ({ items: queues, next }))
  ),
  configure: (queue, settings) => ask(client.queues.configure({ params: { queue }, payload: settings })),
  pause: (queue) => ask(client.queues.pause({ params: { queue } })),
  resume: (queue) => ask(client.queues.resume({ params: { queue } })),
  dispatch: ask(client.pause.get({})),
  setDispatch: (paused) => ask(client.pause.set({ payload: { paused } }))
})
