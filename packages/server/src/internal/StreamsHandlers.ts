/** What the routes that are streams do. */
import * as StreamPlace from "@fermata/agent/StreamPlace"
import { Caller } from "@fermata/api/Access"
import { Api } from "@fermata/api/Api"
import { BadRequest } from "@fermata/api/ApiErrors"
import * as Position from "@fermata/core/Position"
import { Chunks } from "@fermata/engine/Chunks"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import { Tenants } from "@fermata/engine/Tenants"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Result from "effect/Result"
import { Streams } from "../Streams.ts"
import * as AgentTold from "./AgentTold.ts"
import * as AllStream from "./AllStream.ts"
import * as EventStream from "./EventStream.ts"
import { InFlight } from "./InFlight.ts"
import * as RunStream from "./RunStream.ts"
import * as TokenStream from "./TokenStream.ts"

/** The group `streams`. */
export const layer = HttpApiBuilder.group(
  Api,
  "streams",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    const feed = yield* Feed
    const store = yield* Store
    const chunks = yield* Chunks
    const streams = yield* Streams
    const tenants = yield* Tenants
    const inFlight = yield* InFlight
    const all = AllStream.make({ feed, runs })
    /** Answers with a stream, which has a place as long as its request lasts, so that none is kept for an answer that nobody reads. */
    const opened = Effect.fnUntraced(function*(told: Omit<EventStream.Told, "place">) {
      const caller = yield* Caller
      const quota = caller.tenant === undefined ? undefined : (yield* tenants.quotasOf(caller.tenant)).streams
      const place = yield* Effect.result(streams.enter(caller, quota))
      return Result.isFailure(place)
        ? yield* inFlight.refuse(yield* HttpServerRequest, place.failure)
        : yield* EventStream.response({ ...told, place: place.success })
    })
    return handlers
      .handleRaw(
        "run",
        Effect.fnUntraced(function*({ params, query, request }) {
          const { entries, id, root } = yield* runs.find(params.run)
          const after = placeOf(request, query.after)
          const from = after === "now" ? entries : after === undefined ? 0 : (yield* seqOf(after)) + 1
          return yield* opened({
            events: query.until === "rest"
              ? RunStream.toRest(runs, id, from, query.far)
              : RunStream.of({ feed, runs, store }, { id, root }, from)
          })
        })
      )
      .handleRaw(
        "tokens",
        Effect.fnUntraced(function*({ params, query, request }) {
          const { id } = yield* runs.find(params.run)
          const after = placeOf(request, query.after)
          const cursor = after === undefined ? Position.start : yield* read(Position.parseCursor(after))
          return yield* opened({ events: TokenStream.of({ chunks, runs }, id, cursor) })
        })
      )
      .handleRaw(
        "agent",
        Effect.fnUntraced(function*({ params, query, request }) {
          const { id } = yield* runs.find(params.run)
          const after = placeOf(request, query.after)
          const from = after === undefined ? {} : yield* read(StreamPlace.parse(after, id))
          return yield* opened(AgentTold.of({ chunks, runs }, id, {
            format: query.format ?? "events",
            children: query.children !== "false",
            from
          }))
        })
      )
      .handleRaw(
        "all",
        Effect.fnUntraced(function*({ query: { after, root, ...filter }, request }) {
          const place = placeOf(request, after)
          const top = root === undefined ? {} : { root: (yield* runs.find(root)).id }
          let reached = place === undefined || place === "now" ? yield* feed.position : place
          return yield* opened({
            events: all(reached, { ...filter, ...top, ...(yield* CurrentTenant.filter) }, (position) => {
              reached = position
            }),
            idle: () => ({ id: reached, name: "position", data: "{}" })
          })
        })
      )
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Where the client stood: what its browser says of the last event comes before what stood in the address at first. */
const placeOf = ({ headers }: HttpServerRequest, after: string | undefined): string | undefined =>
  headers["last-event-id"] ?? after

const seqOf = (text: string): Effect.Effect<number, BadRequest> =>
  Effect.map(read(Position.parse(text)), ({ seq }) => seq)

const read = <A>(parsed: Result.Result<A, Position.PositionMalformed>): Effect.Effect<A, BadRequest> =>
  Result.isSuccess(parsed)
    ? Effect.succeed(parsed.success)
    : Effect.fail(
      new BadRequest({
        problem: parsed.failure.message,
        issues: [{ path: "query.after", message: parsed.failure.message }]
      })
    )
