/**
 * What stands before each route, behind whoever lets its caller in: on whose
 * behalf the engine acts, and whether the request was answered before.
 */
import { Caller } from "@fermata/api/Access"
import { AnswerToldOnce, KeyReused } from "@fermata/api/ApiErrors"
import { Idempotency, replayedHeader } from "@fermata/api/Idempotency"
import { routes } from "@fermata/api/RouteTable"
import { type Actor, AnsweredBefore, CurrentActor, type Request } from "@fermata/engine/Actor"
import { rememberedMs } from "@fermata/engine/AuditChain"
import type { RequestRow } from "@fermata/engine/Backend"
import { sha256Hex } from "@fermata/engine/Digest"
import { Store } from "@fermata/engine/Store"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Acting from "./Acting.ts"
import * as ProblemResponse from "./ProblemResponse.ts"

/** The requests of the store of this process. */
export const layer: Layer.Layer<Idempotency, never, Store> = Layer.effect(
  Idempotency,
  Effect.gen(function*() {
    const { backend } = yield* Store
    return Idempotency.of(Effect.fnUntraced(function*(route, { endpoint, group }) {
      const caller = yield* Caller
      const { method, once, status } = table.get(`${group.identifier}.${endpoint.identifier}`)!
      const asked = method === "GET" || once === "itself"
        ? undefined
        : yield* requestOf(yield* HttpServerRequest, caller.name)
      if (asked === undefined) return yield* Effect.provideService(route, CurrentActor, actorOf(caller, asked))
      const known = yield* backend.request(asked.caller, asked.key)
      if (known !== null && known.at > (yield* Clock.currentTimeMillis) - rememberedMs) {
        return yield* again(status, asked, known)
      }
      return yield* Effect.provideService(route, CurrentActor, actorOf(caller, asked)).pipe(
        Effect.catchDefect((defect) =>
          // Another request of the same key was faster.
          defect instanceof AnsweredBefore ? again(status, asked, defect.request) : Effect.die(defect)
        )
      )
    }))
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The routes by their names. */
const table = new Map(routes.map((route) => [route.name, route]))

/** Whoever is let in without a token or a name says who it is by what it does, as a login does by its token. */
const actorOf = ({ how, name, token }: Caller["Service"], request: Request | undefined): Actor => ({
  ...(how === "nobody" ? {} : { who: name }),
  how: token === undefined ? "http" : `http:${token}`,
  ...(request === undefined ? {} : { request })
})

const requestOf = Effect.fnUntraced(function*(request: HttpServerRequest, caller: string) {
  const key = yield* Acting.keyOf(request)
  if (key === undefined) return undefined
  const path = ProblemResponse.pathOf(request)
  const route = `${request.method} ${path}`
  // What stands before all routes has read it.
  const body = yield* Effect.orDie(request.text)
  return { caller, key, route, hash: yield* sha256Hex(`${route}\n${body}`) }
})

/** What was answered before, or why this request gets none of it. */
const again = (
  status: number,
  { hash }: Request,
  known: RequestRow
): Effect.Effect<HttpServerResponse.HttpServerResponse, KeyReused | AnswerToldOnce> => {
  if (known.hash !== hash) return Effect.fail(new KeyReused({ key: known.key }))
  if (known.answer === null) return Effect.fail(new AnswerToldOnce({ key: known.key, at: known.at }))
  return Effect.succeed(
    HttpServerResponse.text(known.answer, {
      status,
      contentType: "application/json",
      headers: { [replayedHeader]: "true" }
    })
  )
}
