/** The routes for access: who calls, the login of a browser, and tokens. */
import {
  AccessToken,
  AccessTokenAmbiguous,
  AccessTokenNotFound,
  AccessTokenOptions,
  AccessTokenRefused,
  MadeAccessToken,
  scopes
} from "@fermata/core/AccessToken"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { DoneOnce } from "./Idempotency.ts"
import * as Problem from "./Problem.ts"

/** Whoever calls, as what it does is recorded. */
export const Me = Schema.Struct({
  name: Schema.String,
  /** Names under which questions may ask it: its own, and those of its groups. */
  roles: Schema.Array(Schema.String),
  scopes: Schema.Array(Schema.Literals(scopes)),
  /** By a token, or because the server trusts its own machine. */
  how: Schema.Literals(["token", "machine"]),
  /** To which tenant its token is confined. */
  tenant: Schema.optionalKey(Schema.String)
})
export interface Me extends Schema.Schema.Type<typeof Me> {}

/** Tokens of a list, the oldest first. `next` is there where more may follow: give it as `after`. */
export const AccessTokenPage = Schema.Struct({
  tokens: Schema.Array(AccessToken),
  next: Schema.optionalKey(Schema.String)
})
export interface AccessTokenPage extends Schema.Schema.Type<typeof AccessTokenPage> {}

const me = HttpApiEndpoint.get("me", "/me", { success: Me }).annotate(RequiredScope, "caller")

/** Answers with the cookie `fermata`, by which pages of this server are let in for 12 h. */
const login = HttpApiEndpoint.post("login", "/login", {
  payload: Schema.Struct({ token: Schema.String }),
  success: Me
}).annotate(RequiredScope, "anyone").annotate(DoneOnce, "itself")

/** Ends what the login of the cookie has begun, and has the cookie forgotten. */
const logout = HttpApiEndpoint.post("logout", "/logout", {
  success: HttpApiSchema.NoContent
}).annotate(RequiredScope, "anyone").annotate(DoneOnce, "itself")

const tokens = HttpApiEndpoint.get("tokens", "/tokens", {
  query: {
    limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 500 }))),
    after: Schema.optionalKey(Schema.String)
  },
  success: AccessTokenPage
}).annotate(RequiredScope, "admin")

/** The text of the token is in this answer, and in none after it. */
const createToken = HttpApiEndpoint.post("createToken", "/tokens", {
  payload: AccessTokenOptions,
  success: MadeAccessToken.pipe(HttpApiSchema.status(201)),
  error: [Problem.of(AccessTokenRefused)]
}).annotate(RequiredScope, "admin")

/** Takes back a token, and every login by it. */
const removeToken = HttpApiEndpoint.delete("removeToken", "/tokens/:token", {
  params: { token: Schema.String },
  success: AccessToken,
  error: [Problem.of(AccessTokenNotFound), Problem.of(AccessTokenAmbiguous)]
}).annotate(RequiredScope, "admin")

/** The routes about access. */
export class AccessGroup extends HttpApiGroup.make("access")
  .add(me, login, logout, tokens, createToken, removeToken)
  .annotate(ForTenants, true)
{}
