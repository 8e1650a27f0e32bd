/**
 * What stands before each route, behind whoever lets its caller in: on whose
 * behalf the engine acts, whether its caller has room for one more request, and
 * whether the request was answered before.
 */
import { Caller, ForTenants, tenantHeader } from "@fermata/api/Access"
import { AnswerToldOnce, BadRequest, Forbidden, KeyReused } from "@fermata/api/ApiErrors"
import { Idempotency, replayedHeader } from "@fermata/api/Idempotency"
import { routes } from "@fermata/api/RouteTable"
import * as Tenant from "@fermata/core/Tenant"
import { type Actor, AnsweredBefore, CurrentActor, type Request } from "@fermata/engine/Actor"
import { rememberedMs } from "@fermata/engine/AuditChain"
import type { RequestRow } from "@fermata/engine/Backend"
import { CurrentTenant } from "@fermata/engine/CurrentTenant"
import { sha256Hex } from "@fermata/engine/Digest"
import { HostClock } from "@fermata/engine/HostClock"
import { Store } from "@fermata/engine/Store"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Acting from "./Acting.ts"
import * as Callers from "./Callers.ts"
import { CurrentPlace, InFlight } from "./InFlight.ts"
import * as ProblemResponse from "./ProblemResponse.ts"
import * as Refusals from "./Refusals.ts"

/** The requests of the store of this process. */
export const layer: Layer.Layer<Idempotency, never, HostClock | InFlight | Store> = Layer.effect(
  Idempotency,
  Effect.gen(function*() {
    const { backend } = yield* Store
    const inFlight = yield* InFlight
    const count = Refusals.make(yield* HostClock)
    return Idempotency.of(Effect.fnUntraced(function*(route, { endpoint, group }) {
      const caller = yield* Caller
      const request = yield* HttpServerRequest
      const refusal = (yield* CurrentPlace)?.of(caller)
      if (refusal !== undefined) return yield* inFlight.refuse(request, refusal)
      const { method, once, scope, status } = table.get(`${group.identifier}.${endpoint.identifier}`)!
      const isForTenants = Context.get(Context.merge(group.annotations, endpoint.annotations), ForTenants)
      // What anyone may have is about nothing of the store.
      const tenant = scope === "anyone" ? undefined : yield* Effect.tapErrorTag(
        tenantOf(request, caller, isForTenants),
        "Forbidden",
        (forbidden) => count(request, forbidden)
      )
      const within = <A, E, R>(act: Effect.Effect<A, E, R>) => Effect.provideService(act, CurrentTenant, tenant)
      const asked = method === "GET" || once === "itself"
        ? undefined
        : yield* requestOf(request, Callers.keyOf({ name: caller.name, tenant }))
      if (asked === undefined) return yield* within(Effect.provideService(route, CurrentActor, actorOf(caller, asked)))
      const known = yield* backend.request(asked.caller, asked.key)
      if (known !== null && known.at > (yield* Clock.currentTimeMillis) - rememberedMs) {
        return yield* again(status, asked, known)
      }
      return yield* within(Effect.provideService(route, CurrentActor, actorOf(caller, asked))).pipe(
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

/** In which tenant the request is answered: that of its caller, or the one that a caller who is of none asks for. */
const tenantOf = (
  { headers }: HttpServerRequest,
  caller: Caller["Service"],
  isForTenants: boolean
): Effect.Effect<string | undefined, BadRequest | Forbidden> => {
  const asked = headers[tenantHeader]
  if (asked !== undefined && !Tenant.isName(asked)) {
    return Effect.fail(
      new BadRequest({
        problem: `header.${tenantHeader}: ${Tenant.nameRule}`,
        issues: [{ path: `header.${tenantHeader}`, message: Tenant.nameRule }]
      })
    )
  }
  if (asked !== undefined && caller.tenant !== undefined && asked !== caller.tenant) {
    return Effect.fail(new Forbidden({ problem: `You are of the tenant ${caller.tenant}, and see nothing of others` }))
  }
  const tenant = caller.tenant ?? asked
  return tenant === undefined || isForTenants
    ? Effect.succeed(tenant)
    : Effect.fail(
      new Forbidden({
        problem: caller.tenant === undefined
          ? `This is about the whole store, and not about one tenant: ask without the header ${tenantHeader}`
          : `This is for whoever runs the store, and you are of the tenant ${caller.tenant}`
      })
    )
}

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
