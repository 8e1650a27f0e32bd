/**
 * Who may ask for what: every route names the scope that its caller must have.
 */
import { StorageFailed } from "@fermata/core/StorageFailed"
import * as Context from "effect/Context"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import { BadRequest, Forbidden, ServerFailed, TooManyRequests, Unauthorized } from "./ApiErrors.ts"
import * as Problem from "./Problem.ts"

/**
 * What a caller may do: `read` looks at everything, `operate` starts and steers
 * runs, `approve` answers questions as the person whose token it is, `worker`
 * reports what was done elsewhere, and `admin` manages tokens and reads the audit.
 */
export const scopes = ["read", "operate", "approve", "worker", "admin"] as const
/** One of the scopes. */
export type Scope = (typeof scopes)[number]

/** The scope that a route asks for; `anyone` is for routes that need no token at all. */
export const RequiredScope: Context.Reference<Scope | "anyone" | undefined> = Context.Reference<
  Scope | "anyone" | undefined
>("@fermata/api/RequiredScope", { defaultValue: () => undefined })

/** Whoever sent a request, as the server knows it. */
export class Caller extends Context.Service<Caller, {
  /** The name under which what it does is recorded. */
  readonly name: string
  /** Names of groups of people that it belongs to; its own name counts as one. */
  readonly roles: ReadonlyArray<string>
  readonly scopes: ReadonlySet<Scope>
  /** How it is known: by a token or cookie, or because the server trusts its own machine. */
  readonly how: "token" | "machine"
  /** The id of its token. */
  readonly token?: string
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
