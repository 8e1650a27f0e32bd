/**
 * Who may ask for what: every route names the scope that its caller must have.
 */
import { type Scope, scopes } from "@fermata/core/AccessToken"
import { StorageFailed } from "@fermata/core/StorageFailed"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import { BadRequest, Forbidden, ServerFailed, TooManyRequests, Unauthorized } from "./ApiErrors.ts"
import * as Problem from "./Problem.ts"

export { type Scope, scopes }

/** What a route asks of its caller: a scope; `caller` is for routes that any token opens, and `anyone` for those that need none. */
export type Requirement = Scope | "caller" | "anyone"

/** What a route asks for. One that says nothing is open to nobody. */
export const RequiredScope: Context.Reference<Requirement | undefined> = Context.Reference<
  Requirement | undefined
>("@fermata/api/RequiredScope", { defaultValue: () => undefined })

/**
 * Whether a route is for callers who are confined to a tenant too: what it tells
 * and does is then of that tenant alone. The others are for whoever runs the store.
 */
export const ForTenants: Context.Reference<boolean> = Context.Reference<boolean>("@fermata/api/ForTenants", {
  defaultValue: () => false
})

/** The header by which a caller who is of no tenant asks for what is of one. */
export const tenantHeader = "fermata-tenant"

/** Whoever sent a request, as the server knows it. */
export class Caller extends Context.Service<Caller, {
  /** The name under which what it does is recorded. */
  readonly name: string
  /** Names of groups of people that it belongs to; its own name counts as one. */
  readonly roles: ReadonlyArray<string>
  readonly scopes: ReadonlySet<Scope>
  /** How it is known: by a token or the cookie of a login, because the server trusts its own machine, or not at all. */
  readonly how: "token" | "machine" | "nobody"
  /** The tenant that it is confined to. */
  readonly tenant?: string
  /** The id of its token. */
  readonly token?: string
  /** The token or login that it has shown, where that may end: what outlasts a request, such as a stream, asks whether it still counts. */
  readonly session?: { readonly id: string; readonly counts: Effect.Effect<boolean, StorageFailed> }
}>()("@fermata/api/Caller") {}

/** Lets a request in, or says why not; what any route may answer beside its own errors stands here too. */
export class Access extends HttpApiMiddleware.Service<Access, { provides: Caller }>()("@fermata/api/Access", {
  error: [
    Problem.of(BadRequest),
    Problem.of(Unauthorized),
    Problem.of(Forbidden),
    Problem.of(TooManyRequests),
    Problem.of(ServerFailed),
    Problem.of(StorageFailed, { hidden: ["cause"] })
  ]
}) {}
