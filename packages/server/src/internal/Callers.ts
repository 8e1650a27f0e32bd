/** Who sent a request, by what it shows. */
import { type Caller, scopes } from "@fermata/api/Access"
import { Unauthorized } from "@fermata/api/ApiErrors"
import type { AccessToken } from "@fermata/core/AccessToken"
import type { StorageFailed } from "@fermata/core/StorageFailed"
import type { AccessDenied, AccessTokens } from "@fermata/engine/AccessTokens"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"

type Who = Caller["Service"]

/** The name of the cookie that a login sets. */
export const cookie = "fermata"

/** Whoever reaches a server that trusts its machine. */
export const machine = (person: string): Who => ({
  name: person,
  roles: [person],
  scopes: new Set(scopes),
  how: "machine"
})

/** Whoever asks for what anyone may have. */
export const nobody: Who = { name: "nobody", roles: [], scopes: new Set(), how: "nobody" }

/** What a request shows: what its header says comes before the cookie, also where it is wrong. */
export const shown = ({ cookies, headers }: HttpServerRequest): string | undefined => {
  const { authorization } = headers
  return authorization === undefined ? cookies[cookie] : /^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? ""
}

/** The caller whose token this is. */
export const ofToken = (
  tokens: AccessTokens["Service"],
  text: string
): Effect.Effect<Who, Unauthorized | StorageFailed> =>
  tokens.check(text).pipe(
    Effect.map((token) => ({
      ...of(token),
      session: { id: text.split("_", 2).join("_"), counts: tokens.counts(text) }
    })),
    Effect.catchTag("AccessDenied", denied)
  )

/** A token that does not count, as a refusal. */
export const denied = ({ reason }: AccessDenied): Effect.Effect<never, Unauthorized> =>
  Effect.fail(
    new Unauthorized({
      reason,
      problem: reason === "expired" ? "The token has run out" : "This is no token of this server"
    })
  )

/** The caller of a token. */
export const of = ({ groups, id, name, scopes, tenant }: AccessToken): Who => ({
  name,
  roles: [...new Set([name, ...groups])],
  scopes: new Set(scopes),
  how: "token",
  token: id,
  ...(tenant === undefined ? {} : { tenant })
})

/** A name in a tenant, as one among those of all. No name has a line feed in it, so none reads like that of another. */
export const keyOf = ({ name, tenant }: { readonly name: string; readonly tenant?: string | undefined }): string =>
  tenant === undefined ? name : `${tenant}\n${name}`
