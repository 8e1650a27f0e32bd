/**
 * The tokens of a store, by which a server that works on it knows its callers:
 * made, listed and taken back, and looked up when somebody shows one.
 *
 * A token is `frm_<id>_<256 random bits>`. The store has its SHA-256 alone: what
 * is random needs no slow hash.
 */
import {
  type AccessToken,
  AccessTokenAmbiguous,
  AccessTokenNotFound,
  type AccessTokenOptions,
  AccessTokenRefused,
  type Scope,
  scopes as allScopes
} from "@fermata/core/AccessToken"
import type { AuditDetail } from "@fermata/core/AuditLine"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { type AccessTokenRow, type IssueOp, type Op, StorageFailed, type WithdrawOp } from "./Backend.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { sha256Hex } from "./Digest.ts"
import { HostClock } from "./HostClock.ts"
import * as Acting from "./internal/Acting.ts"
import { Store } from "./Store.ts"

/** A token that was shown does not count: the store has none like it, or it has run out. */
export class AccessDenied extends Data.TaggedError("AccessDenied")<{ readonly reason: "unknown" | "expired" }> {}

/** A token, and its text. */
export interface Made {
  readonly token: AccessToken
  readonly text: Redacted.Redacted<string>
}

/** How long a login lasts, in ms: 12 h. */
export const loginMs = 12 * 3_600_000

/** The tokens of a store. */
export class AccessTokens extends Context.Service<AccessTokens, {
  /** Makes a token, on behalf of whoever `by` is; in a tenant one of that tenant. */
  readonly create: (
    options: AccessTokenOptions & { readonly by: string }
  ) => Effect.Effect<Made, AccessTokenRefused | StorageFailed>
  /** Those of the tenant of whoever asks, in the order in which they were made, at most `limit` (50 when absent), behind the one with the id `after`. */
  readonly list: (
    filter?: { readonly limit?: number; readonly after?: string }
  ) => Effect.Effect<ReadonlyArray<AccessToken>, StorageFailed>
  /** Whether there is any. One that has run out counts here, so that no server opens by itself. */
  readonly some: Effect.Effect<boolean, StorageFailed>
  /** Takes back a token, named by its id or the first characters of it, and every login by it. */
  readonly remove: (
    id: string
  ) => Effect.Effect<AccessToken, AccessTokenNotFound | AccessTokenAmbiguous | StorageFailed>
  /** The token whose text this is, for a login the one that was shown then. Keeps that it was used, by the hour. */
  readonly check: (text: string) => Effect.Effect<AccessToken, AccessDenied | StorageFailed>
  /** Whether a text that was checked before would still pass: it was not taken back, has not run out, and its login has not ended. */
  readonly counts: (text: string) => Effect.Effect<boolean, StorageFailed>
  /** Makes another text for a token that is shown, for a browser to keep: it ends after `loginMs`, with its token, or by `logout`. */
  readonly login: (text: string) => Effect.Effect<Made, AccessDenied | StorageFailed>
  /** Ends a login. Nothing happens to a token that is none. */
  readonly logout: (text: string) => Effect.Effect<void, StorageFailed>
}>()("@fermata/engine/AccessTokens") {
  /** Those of the store of this process. */
  static readonly layer: Layer.Layer<AccessTokens, never, Store | HostClock> = Layer.effect(
    AccessTokens,
    Effect.gen(function*() {
      const { backend } = yield* Store
      const write = <O extends Op>(op: O) => Effect.map(backend.write([op]), ([answer]) => answer)
      const withdraw = Effect.fnUntraced(function*(
        by: string | undefined,
        { id, name, parent }: Pick<AccessTokenRow, "id" | "name" | "parent">,
        answer: () => unknown
      ) {
        const act = yield* Acting.of(clock.now, {
          action: parent === null ? "token.remove" : "token.logout",
          target: parent ?? id,
          by,
          detail: { name }
        }, answer)
        return (yield* Acting.write(write<WithdrawOp>, { op: "withdraw", id }, act)).withdrawn
      })
      const clock = yield* HostClock

      /** Its text is told once, so that no request for it is answered again. */
      const issue = Effect.fnUntraced(function*(
        row: Omit<AccessTokenRow, "id" | "hash" | "usedAt" | "createdAt">,
        detail: AuditDetail
      ) {
        const { id, text } = yield* newText
        const made = { ...row, id, hash: yield* sha256Hex(text), createdAt: clock.now() }
        const doing = Acting.of(clock.now, {
          action: row.parent === null ? "token.create" : "token.login",
          target: row.parent ?? id,
          by: row.by,
          detail
        }, () => null)
        const act = yield* row.tenant === null ? doing : CurrentTenant.within(row.tenant)(doing)
        const { issued } = yield* Acting.write(write<IssueOp>, { op: "issue", row: made }, act)
        return issued ? { token: tokenOf({ ...made, usedAt: null }), text: Redacted.make(text) } : undefined
      })

      const rowOf = Effect.fnUntraced(function*(text: string): Effect.fn.Return<
        AccessTokenRow,
        AccessDenied | StorageFailed
      > {
        const id = pattern.exec(text)?.[1]
        const row = id === undefined ? null : yield* backend.accessToken(id)
        if (row === null || !isSame(yield* sha256Hex(text), row.hash)) {
          return yield* new AccessDenied({ reason: "unknown" })
        }
        if (row.expiresAt !== null && row.expiresAt <= clock.now()) {
          return yield* new AccessDenied({ reason: "expired" })
        }
        return row
      })

      const check = Effect.fn("AccessTokens.check")(function*(text: string) {
        const row = yield* rowOf(text)
        const hour = Math.floor(clock.now() / hourMs) * hourMs
        if ((row.usedAt ?? -1) < hour) {
          const ids = row.parent === null ? [row.id] : [row.id, row.parent]
          yield* backend.write(ids.map((id): Op => ({ op: "used", id, at: hour }))).pipe(
            // Whoever may come in is not kept out because this could not be written down.
            Effect.catch((error) => Effect.logWarning("the use of a token could not be recorded", error))
          )
        }
        return tokenOf(row)
      })

      return AccessTokens.of({
        check,
        counts: (text) =>
          rowOf(text).pipe(Effect.as(true), Effect.catchTag("AccessDenied", () => Effect.succeed(false))),
        create: Effect.fn("AccessTokens.create")(function*({ by, expiresAt, groups = [], name, scopes, ...wanted }) {
          const own = yield* CurrentTenant.current
          const { tenant = own } = wanted
          const problem = problemOf({ groups, name, scopes }) ?? problemOfTenant(tenant, own) ??
            (expiresAt !== undefined && expiresAt <= clock.now() ? "it would have run out already" : undefined)
          if (problem !== undefined) return yield* new AccessTokenRefused({ problem })
          const made = yield* issue({
            name,
            scopes: StoredJson.textOf(allScopes.filter((scope) => scopes.includes(scope))),
            groups: StoredJson.textOf([...new Set(groups)]),
            by,
            expiresAt: expiresAt ?? null,
            parent: null,
            tenant: tenant ?? null
          }, { name, scopes, groups, ...(expiresAt === undefined ? {} : { expiresAt }) })
          return made ?? (yield* new AccessTokenRefused({ problem: "another one had the same id; make it again" }))
        }),
        list: Effect.fn("AccessTokens.list")(function*({ after, limit = 50 } = {}) {
          return (yield* backend.accessTokens(limit, after, yield* CurrentTenant.current)).map(tokenOf)
        }),
        some: Effect.map(backend.accessTokens(1), (rows) => rows.length > 0),
        remove: Effect.fn("AccessTokens.remove")(function*(id: string) {
          const tenant = yield* CurrentTenant.current
          const found = (yield* backend.accessTokens(Number.MAX_SAFE_INTEGER, undefined, tenant)).filter((row) =>
            row.id === id || (id.length >= shortest && row.id.startsWith(id))
          )
          if (found.length > 1) {
            return yield* new AccessTokenAmbiguous({ id, candidates: found.map((row) => row.id) })
          }
          const [only] = found
          const gone = only !== undefined && (yield* withdraw(undefined, only, () => tokenOf(only)))
          return gone ? tokenOf(only) : yield* new AccessTokenNotFound({ id })
        }),
        login: Effect.fn("AccessTokens.login")(function*(text: string) {
          const row = yield* rowOf(text)
          const ends = clock.now() + loginMs
          const made = yield* issue({
            name: row.name,
            scopes: row.scopes,
            groups: row.groups,
            by: row.name,
            expiresAt: Math.min(ends, row.expiresAt ?? ends),
            parent: row.parent ?? row.id,
            tenant: row.tenant
          }, { name: row.name })
          // Somebody has taken the token back meanwhile.
          return made ?? (yield* new AccessDenied({ reason: "unknown" }))
        }),
        logout: Effect.fn("AccessTokens.logout")(function*(text: string) {
          yield* rowOf(text).pipe(
            Effect.flatMap((row) =>
              row.parent === null ? Effect.void : Effect.asVoid(withdraw(row.name, row, () => null))
            ),
            Effect.catchTag("AccessDenied", () => Effect.void)
          )
        })
      })
    })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const hourMs = 3_600_000
const shortest = 4

const pattern = /^frm_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/

const newText = Effect.map(WebCrypto, (web) => {
  const id = Hex.encode(web.getRandomValues(new Uint8Array(6)))
  return { id, text: `frm_${id}_${Base64Url.encode(web.getRandomValues(new Uint8Array(32)))}` }
})

/** Takes as long for every two texts of one length: how much of a digest was right is nobody's to measure. */
const isSame = (a: string, b: string): boolean => {
  if (a.length !== b.length) return false
  let differences = 0
  for (let index = 0; index < a.length; index++) differences |= a.charCodeAt(index) ^ b.charCodeAt(index)
  return differences === 0
}

const texts = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Schema.String)))

/** A scope that this build does not know opens nothing here. */
const tokenOf = (
  { by, createdAt, expiresAt, groups, id, name, parent, scopes, tenant, usedAt }: AccessTokenRow
): AccessToken => {
  const known = texts(scopes)
  return {
    id: parent ?? id,
    name,
    scopes: allScopes.filter((scope) => known.includes(scope)),
    groups: texts(groups),
    by,
    createdAt,
    ...(expiresAt === null ? {} : { expiresAt }),
    ...(usedAt === null ? {} : { usedAt }),
    ...(tenant === null ? {} : { tenant })
  }
}

const problemOf = (
  { groups, name, scopes }: {
    readonly name: string
    readonly scopes: ReadonlyArray<Scope>
    readonly groups: ReadonlyArray<string>
  }
): string | undefined => {
  const unfit = [name, ...groups].find((text) => !fits(text))
  if (unfit !== undefined) {
    return `${
      unfit.slice(0, 60) === "" ? "an empty text" : `"${unfit.slice(0, 60)}"`
    } is no name: it is 1 to 200 characters, none of which is a control character, and no space at either end`
  }
  return scopes.length === 0 ? `it needs a scope: ${allScopes.join(", ")}` : undefined
}

const problemOfTenant = (tenant: string | undefined, own: string | undefined): string | undefined =>
  tenant !== undefined && !Tenant.isName(tenant)
    ? `"${tenant.slice(0, 80)}" is no tenant: ${Tenant.nameRule}`
    : own === undefined || tenant === own
    ? undefined
    : `whoever makes it is of the tenant ${own}, and makes none of another`

const fits = (text: string): boolean =>
  text.trim() === text && text !== "" && text.length <= 200 && !/\p{Cc}/u.test(text)
