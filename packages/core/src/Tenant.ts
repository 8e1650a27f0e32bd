/**
 * Tenants: namespaces in one store. What is of a tenant has its name and a `~`
 * before its id: `acme~1f0c93ab…` is a run of the tenant `acme`. So whatever
 * names a run, such as a question, a child or a line of the audit, says whose
 * it is, and nothing is of two tenants.
 */
import * as Schema from "effect/Schema"

/** What a name of a tenant is, as a sentence for people. */
export const nameRule = "a tenant is 1 to 63 lower-case letters, digits and -, with a letter or a digit at both ends"

const letters = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
const whole = new RegExp(`^${letters}$`)
const first = new RegExp(`^(${letters})~`)

/** The name of a tenant. */
export const TenantName = Schema.String.check(Schema.isPattern(whole, { expected: nameRule }))

/** Whether a tenant may have this name. */
export const isName = (name: string): boolean => whole.test(name)

/** The tenant whose this is, by its id; undefined for what is of none. */
export const of = (id: string): string | undefined => {
  // Most ids are of none, and this is asked of every run.
  if (!id.includes("~")) return undefined
  return first.exec(id)?.[1]
}

/** The id as the tenant has it; what is of a tenant already stays as it is. */
export const qualify = (tenant: string | undefined, id: string): string =>
  tenant === undefined || id.startsWith(`${tenant}~`) ? id : `${tenant}~${id}`

/** The id without its tenant. */
export const local = (id: string): string => {
  const tenant = of(id)
  return tenant === undefined ? id : id.slice(tenant.length + 1)
}

/** Whether who is confined to this tenant, or to none, may know what has this id. */
export const reaches = (tenant: string | undefined, id: string): boolean => tenant === undefined || of(id) === tenant

/** What a tenant may have at a time. What is absent has no limit. */
export const Quotas = Schema.Struct({
  /** Runs that have not ended, its child runs too. */
  openRuns: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  /** Streams that it has open at one server. */
  streams: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
})
export interface Quotas extends Schema.Schema.Type<typeof Quotas> {}

/** A tenant, and what it has. */
export const TenantView = Schema.Struct({
  name: TenantName,
  quotas: Quotas,
  /** Who has set the quotas, and when (ms since the epoch); absent where it has none. */
  by: Schema.optionalKey(Schema.String),
  at: Schema.optionalKey(Schema.Finite),
  /** Its runs that have not ended. */
  openRuns: Schema.Int,
  /** All its runs. */
  runs: Schema.Int
})
export interface TenantView extends Schema.Schema.Type<typeof TenantView> {}

/** The tenant has as many open runs as it may have. Nothing was done; it may be asked for again when something has ended. */
export class QuotaReached extends Schema.TaggedError<QuotaReached>()("QuotaReached", {
  tenant: Schema.String,
  /** How many that is. */
  most: Schema.Int,
  /** When to ask again, in s; the header `Retry-After` says the same. */
  retryAfter: Schema.Int
}, { httpApiStatus: 429 }) {
  override get message(): string {
    return `Tenant ${this.tenant} has ${this.most} open runs, as many as it may have; wait until one has ended, or have its quota raised`
  }
}

/** What was deleted of a tenant. */
export const TenantDeleted = Schema.Struct({
  name: TenantName,
  /** How many runs it had. */
  runs: Schema.Int
})
export interface TenantDeleted extends Schema.Schema.Type<typeof TenantDeleted> {}

/** The tenant cannot be deleted yet. What was deleted of it before is gone; it may be asked for again. */
export class TenantInUse extends Schema.TaggedError<TenantInUse>()("TenantInUse", {
  tenant: Schema.String,
  /** How many runs have not ended; 0 where something is on its way from one to another. */
  openRuns: Schema.Int
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return this.openRuns === 0
      ? `Tenant ${this.tenant} has messages that are on their way: have a worker hand them on, and then delete it`
      : `Tenant ${this.tenant} has ${this.openRuns} open runs: cancel them, or wait for their end, and then delete it`
  }
}

/** No tenant can be called that. */
export class TenantRefused extends Schema.TaggedError<TenantRefused>()("TenantRefused", {
  tenant: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `"${this.tenant.slice(0, 80)}" is no tenant: ${nameRule}`
  }
}
