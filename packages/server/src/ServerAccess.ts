/** Ways to let callers in: what a server is given beside its routes. */
import { Access, Caller, RequiredScope, type Requirement, type Scope, scopes } from "@fermata/api/Access"
import { Forbidden, Unauthorized } from "@fermata/api/ApiErrors"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import { HostClock } from "@fermata/engine/HostClock"
import type { Store } from "@fermata/engine/Store"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Callers from "./internal/Callers.ts"
import * as ProblemResponse from "./internal/ProblemResponse.ts"
import * as Refusals from "./internal/Refusals.ts"

/**
 * Lets in whoever reaches the server, as this person, with every scope: for a
 * server that listens on the loopback interface alone, where who calls has the
 * machine anyway. That it is this person is asserted, not proven.
 */
export const layerOpen = ({ person }: { readonly person: string }): Layer.Layer<Access> =>
  Layer.succeed(Access, (route) => Effect.provideService(route, Caller, Callers.machine(person)))

/**
 * Lets in whoever shows a token of the store, in the header `Authorization:
 * Bearer …` or, where there is no such header, in the cookie of a login; with
 * the scopes and groups of that token.
 *
 * As long as the store has no token at all, a caller without one is let in as
 * `person`, where that is given: for a server on the loopback interface. From
 * the first token on, this one asks for tokens too.
 */
export const layerTokens = (
  { person }: { readonly person?: string | undefined } = {}
): Layer.Layer<Access, never, HostClock | Store> =>
  Layer.effect(
    Access,
    Effect.gen(function*() {
      const tokens = yield* AccessTokens
      const count = Refusals.make(yield* HostClock)
      const callerOf = Effect.fnUntraced(function*(request: HttpServerRequest, required: Requirement | undefined) {
        if (required === "anyone") return Callers.nobody
        const shown = Callers.shown(request)
        if (shown === undefined) {
          return person !== undefined && !(yield* tokens.some)
            ? Callers.machine(person)
            : yield* new Unauthorized({
              reason: "missing",
              problem: "This server asks for a token, as Authorization: Bearer …"
            })
        }
        return yield* Callers.ofToken(tokens, shown)
      })
      const refuse = (refusal: Forbidden | Unauthorized) =>
        Effect.flatMap(HttpServerRequest, (request) => Effect.as(count(request, refusal), ProblemResponse.of(refusal)))
      return Access.of((route, { endpoint, group }) =>
        Effect.gen(function*() {
          const required = Context.get(Context.merge(group.annotations, endpoint.annotations), RequiredScope)
          const caller = yield* callerOf(yield* HttpServerRequest, required)
          const lack = lackOf(caller.scopes, required)
          if (lack !== undefined) return yield* refuse(lack)
          return yield* Effect.provideService(route, Caller, caller)
        }).pipe(
          Effect.catchIf((error) => error instanceof Unauthorized, (error) => refuse(error))
        )
      )
    })
  ).pipe(Layer.provide(AccessTokens.layer))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A route that does not say what it asks for is open to nobody. */
const lackOf = (has: ReadonlySet<Scope>, required: Requirement | undefined): Forbidden | undefined => {
  if (required === "anyone" || required === "caller") return undefined
  if (required === undefined) return new Forbidden({ problem: "This route is open to nobody" })
  if (has.has(required)) return undefined
  const own = scopes.filter((scope) => has.has(scope)).join(", ")
  return new Forbidden({ problem: `This takes the scope ${required}, and the token has ${own}`, scope: required })
}
