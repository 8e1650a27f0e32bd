/** Processes that only look at a store. */
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer } from "effect"
import type { Backend } from "../../src/Backend.ts"
import { Events } from "../../src/Events.ts"
import { Feed } from "../../src/Feed.ts"
import { Runs } from "../../src/Runs.ts"

/** A backend that says what it is asked. */
export const counting = (backend: Backend) => {
  const asked: Array<string> = []
  const counted = Object.fromEntries(
    Object.entries(backend).map(([name, member]: [string, unknown]) => [
      name,
      typeof member === "function"
        ? (...values: ReadonlyArray<unknown>) =>
          Effect.suspend(() => {
            asked.push(`${name} ${values[0]}`)
            return Reflect.apply(member, backend, values)
          })
        : Effect.isEffect(member)
        ? Effect.suspend(() => {
          asked.push(name)
          return member
        })
        : member
    ])
  ) as unknown as Backend
  const of = (kind: string) => asked.filter((one) => one.split(" ")[0] === kind).length
  return { backend: counted, asked, of }
}

/** A process that only looks, with its services, once it does. */
export const watcher = (backend: Backend) =>
  Effect.gen(function*() {
    const services = Layer.mergeAll(Feed.layer, Runs.layer, Events.layer)
    const context = yield* Layer.build(
      services.pipe(Layer.provideMerge(TestHost.layerOf(backend, { worker: false })))
    )
    const host = Context.get(context, TestHost)
    yield* host.settled
    return {
      feed: Context.get(context, Feed),
      runs: Context.get(context, Runs),
      events: Context.get(context, Events),
      host
    }
  })
