/** What the routes about access do. */
import { Caller, scopes } from "@fermata/api/Access"
import type { Me } from "@fermata/api/AccessGroup"
import { Api } from "@fermata/api/Api"
import { AccessTokens, loginMs } from "@fermata/engine/AccessTokens"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpEffect from "effect/http/HttpEffect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Redacted from "effect/Redacted"
import * as Callers from "./Callers.ts"
import * as Front from "./Front.ts"
import * as ProblemResponse from "./ProblemResponse.ts"

/** The group `access`. */
export const layer = HttpApiBuilder.group(
  Api,
  "access",
  Effect.fn(function*(handlers) {
    const tokens = yield* AccessTokens
    return handlers
      .handle("me", () => Effect.map(Caller, meOf))
      .handle("login", ({ payload, request }) =>
        tokens.login(payload.token).pipe(
          Effect.tap(({ text }) =>
            HttpEffect.appendPreResponseHandler((_, response) =>
              Effect.succeed(
                HttpServerResponse.setCookieUnsafe(response, Callers.cookie, Redacted.value(text), {
                  ...cookieOptions(request),
                  maxAge: Duration.millis(loginMs)
                })
              )
            )
          ),
          Effect.map(({ token }) => meOf(Callers.of(token))),
          Effect.catchTag("AccessDenied", Callers.denied),
          Effect.tapError((error) =>
            HttpEffect.appendPreResponseHandler((_, response) =>
              Effect.succeed(
                HttpServerResponse.setHeaders(
                  response,
                  error._tag === "Unauthorized" ? ProblemResponse.headersOf(error) : {}
                )
              )
            )
          )
        ))
      .handleRaw("logout", ({ request }) =>
        Effect.as(
          tokens.logout(request.cookies[Callers.cookie] ?? ""),
          HttpServerResponse.expireCookieUnsafe(
            HttpServerResponse.empty({ status: 204 }),
            Callers.cookie,
            cookieOptions(request)
          )
        ))
      .handle("tokens", ({ query: { after, limit = defaultLimit } }) =>
        // One more than is shown, so that the last page says that it is.
        Effect.map(tokens.list({ limit: limit + 1, ...(after === undefined ? {} : { after }) }), (found) => {
          const shown = found.slice(0, limit)
          return { tokens: shown, ...(found.length > limit ? { next: shown.at(-1)!.id } : {}) }
        }))
      .handle(
        "createToken",
        Effect.fnUntraced(function*({ payload }) {
          const { text, token } = yield* tokens.create({ ...payload, by: (yield* Caller).name })
          return { ...token, token: Redacted.value(text) }
        })
      )
      .handle("removeToken", ({ params }) => tokens.remove(params.token))
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const defaultLimit = 50

const meOf = ({ how, name, roles, scopes: has, tenant }: Caller["Service"]): Me => ({
  name,
  roles,
  scopes: scopes.filter((scope) => has.has(scope)),
  how: how === "machine" ? "machine" : "token",
  ...(tenant === undefined ? {} : { tenant })
})

/** No script reads it, no page of another site sends it, and beyond the machine it goes over TLS alone. */
const cookieOptions = (request: HttpServerRequest) => ({
  path: "/",
  httpOnly: true,
  sameSite: "strict" as const,
  secure: !Front.isLoopback(request)
})
