/**
 * For how long runs that have ended are kept: rules, each of some runs, and
 * which of them counts. A run goes with all that was asked for below it, so
 * rules are about runs at the top of their trees.
 */
import * as Schema from "effect/Schema"
import { TenantName } from "./Tenant.ts"

/** The statuses of runs that have ended. */
export const endedStatuses = ["completed", "failed", "cancelled"] as const

/** The most runs that a rule may keep by their number, of a workflow and status: they are counted when others go. */
export const mostKept = 1_000_000

const scopeFields = {
  /** Runs of this tenant; absent for the runs of all tenants and of none. */
  tenant: Schema.optionalKey(TenantName),
  /** Runs of this workflow; absent for those of every one. */
  workflow: Schema.optionalKey(Schema.NonEmptyString),
  /** Runs that ended so; absent for all that have ended. */
  status: Schema.optionalKey(Schema.Literals(endedStatuses))
}

const limitFields = {
  /** ms since its end, behind which a run goes. */
  maxAgeMs: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  /** How many runs of each workflow and status are kept, those that ended last. */
  maxCount: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: mostKept })))
}

/** Of which runs a rule is. */
export const RetentionScope = Schema.Struct(scopeFields)
export interface RetentionScope extends Schema.Schema.Type<typeof RetentionScope> {}

/** What somebody says: of which runs, and for how long these are kept. A run goes as soon as one of the two says so. */
export const RetentionLimits = Schema.Struct({ ...scopeFields, ...limitFields })
export interface RetentionLimits extends Schema.Schema.Type<typeof RetentionLimits> {}

/** A rule, and who set it when (ms since the epoch). */
export const RetentionRule = Schema.Struct({
  ...scopeFields,
  ...limitFields,
  by: Schema.String,
  at: Schema.Finite
})
export interface RetentionRule extends Schema.Schema.Type<typeof RetentionRule> {}

/** What was deleted. */
export const Deleted = Schema.Struct({
  runId: Schema.String,
  /** How many runs: it, and all that was asked for below it. */
  runs: Schema.Int
})
export interface Deleted extends Schema.Schema.Type<typeof Deleted> {}

/** No such rule can be. Nothing was changed. */
export class RetentionRefused extends Schema.TaggedError<RetentionRefused>()("RetentionRefused", {
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return this.problem
  }
}

/** There is no rule of just these runs. */
export class RetentionNotFound extends Schema.TaggedError<RetentionNotFound>()("RetentionNotFound", {
  scope: RetentionScope
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no rule for ${scopeText(this.scope)}`
  }
}

/** Of which runs a rule is, in words: `failed runs of order of tenant acme`. */
export const scopeText = ({ status, tenant, workflow }: RetentionScope): string =>
  `${status === undefined ? "" : `${status} `}runs of ${workflow ?? "all workflows"}${
    tenant === undefined ? "" : ` of tenant ${tenant}`
  }`

/** Runs of one workflow and status, of a tenant or of none. */
export interface Group {
  readonly tenant: string | undefined
  readonly workflow: string
  readonly status: string
}

/** The rule that counts for these runs: one of their tenant before one of all, then one of their workflow, then one of their status. */
export const ruleOf = <R extends RetentionScope>(
  rules: ReadonlyArray<R>,
  { status, tenant, workflow }: Group
): R | undefined => {
  let found: R | undefined
  for (const rule of rules) {
    if ((rule.tenant ?? tenant) !== tenant || (rule.workflow ?? workflow) !== workflow) continue
    if ((rule.status ?? status) !== status) continue
    if (found === undefined || weight(rule) > weight(found)) found = rule
  }
  return found
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const weight = ({ status, tenant, workflow }: RetentionScope): number =>
  (tenant === undefined ? 0 : 4) + (workflow === undefined ? 0 : 2) + (status === undefined ? 0 : 1)
