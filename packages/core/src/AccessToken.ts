/**
 * Tokens by which a server knows who calls it. What is secret of a token is told
 * once, when it is made; here is what is known of it after that.
 */
import * as Schema from "effect/Schema"

/**
 * What a caller may do: `read` looks at everything, `operate` starts and steers
 * runs, `approve` answers questions as the person whose token it is, `worker`
 * reports what was done elsewhere, and `admin` manages tokens and reads the audit.
 * None of them holds another.
 */
export const scopes = ["read", "operate", "approve", "worker", "admin"] as const
/** One of the scopes. */
export type Scope = (typeof scopes)[number]

/** A token, without what is secret of it. Several may have one name: they are of one person. */
export const AccessToken = Schema.Struct({
  /** By which it is taken back; the token itself names it too. */
  id: Schema.String,
  /** Who acts by it, as is recorded of what it does. */
  name: Schema.String,
  scopes: Schema.Array(Schema.Literals(scopes)),
  /** Groups of people that its person belongs to, which questions may ask. */
  groups: Schema.Array(Schema.String),
  /** Who made it. */
  by: Schema.String,
  /** ms since the epoch. */
  createdAt: Schema.Finite,
  /** From when on it counts no more, ms since the epoch; never where it is absent. */
  expiresAt: Schema.optionalKey(Schema.Finite),
  /** The hour (ms since the epoch) in which it was last shown to a server. */
  usedAt: Schema.optionalKey(Schema.Finite),
  /** To which tenant it is confined: there is nothing of others for whoever shows it. Absent for one of whoever runs the store. */
  tenant: Schema.optionalKey(Schema.String)
})
export interface AccessToken extends Schema.Schema.Type<typeof AccessToken> {}

/** What a token is to be. */
export const AccessTokenOptions = Schema.Struct({
  name: AccessToken.fields.name,
  scopes: AccessToken.fields.scopes,
  groups: Schema.optionalKey(AccessToken.fields.groups),
  expiresAt: AccessToken.fields.expiresAt,
  /** In a tenant always that one. */
  tenant: AccessToken.fields.tenant
})
export interface AccessTokenOptions extends Schema.Schema.Type<typeof AccessTokenOptions> {}

/** A token that was made, and its text, which nobody is told again. */
export const MadeAccessToken = Schema.Struct({ ...AccessToken.fields, token: Schema.String })
export interface MadeAccessToken extends Schema.Schema.Type<typeof MadeAccessToken> {}

/** No token can be like that, and none was made. */
export class AccessTokenRefused extends Schema.TaggedError<AccessTokenRefused>()("AccessTokenRefused", {
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `No token is made: ${this.problem}`
  }
}

/** No token has this id, and none has one that begins with it. */
export class AccessTokenNotFound extends Schema.TaggedError<AccessTokenNotFound>()("AccessTokenNotFound", {
  id: Schema.String
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no token "${this.id}"`
  }
}

/** Several tokens have ids that begin like this. */
export class AccessTokenAmbiguous extends Schema.TaggedError<AccessTokenAmbiguous>()("AccessTokenAmbiguous", {
  id: Schema.String,
  candidates: Schema.Array(Schema.String)
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Several tokens begin with "${this.id}": ${this.candidates.join(", ")}; give more of the id`
  }
}
