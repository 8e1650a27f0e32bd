/** Calls of a server: what an answer fails with is the verb's own, and whatever lies between is a failure of the command. */
import { Client } from "@fermata/api/Client"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { ServerPlace } from "../ServerPlace.ts"
import * as ServerFailure from "./ServerFailure.ts"

/** The longest page of a list. */
export const pageSize = 500

/** A server that is called. */
export interface Calls {
  readonly place: ServerPlace
  readonly client: Client["Service"]
  /** What the server answers. Whatever is no answer of its verb ends the command, as a defect that `refine` tells. */
  readonly ask: <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, Exclude<E, ServerFailure.Between>, R>
}

/** Calls of the server at this place, about one tenant where that is given. */
export const make = (place: ServerPlace, tenant?: string): Effect.Effect<Calls, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { token, url } = place
    const layer = Client.layer({
      url,
      ...(token === undefined ? {} : { token }),
      ...(tenant === undefined ? {} : { tenant })
    })
    const context = yield* Layer.build(Layer.provide(layer, Layer.provide(untraced, FetchHttpClient.layer)))
    return {
      place,
      client: Context.get(context, Client),
      ask: (call) =>
        Effect.catch(
          call,
          (error) =>
            ServerFailure.isBetween(error)
              ? Effect.flatMap(ServerFailure.of(place, error), Effect.die)
              : Effect.fail(error as Exclude<typeof error, ServerFailure.Between>)
        )
    }
  })

/** All pages of a list, or as many as have so many items. */
export const pages = Effect.fnUntraced(function*<A, E>(
  page: (query: { readonly limit: number; readonly after?: string }) => Effect.Effect<
    { readonly items: ReadonlyArray<A>; readonly next?: string | undefined },
    E
  >,
  most = Number.POSITIVE_INFINITY,
  first?: string
): Effect.fn.Return<ReadonlyArray<A>, E> {
  const all: Array<A> = []
  let after = first
  while (all.length < most) {
    const limit = Math.min(pageSize, most - all.length)
    const { items, next } = yield* page({ limit, ...(after === undefined ? {} : { after }) })
    all.push(...items)
    if (next === undefined) break
    after = next
  }
  return all
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What a command does is in no trace, so a run that it starts is linked to none. */
const untraced = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(
    HttpClient.HttpClient,
    HttpClient.transform((call) => Effect.provideService(call, HttpClient.TracerDisabledWhen, () => true))
  )
)
