/** The tenants of a store: what each has, and what it may have at a time. */
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Answers, QuotaOp, QuotaRow, StorageFailed, TenantRow } from "./Backend.ts"
import { HostClock } from "./HostClock.ts"
import * as Acting from "./internal/Acting.ts"
import { Store } from "./Store.ts"

/** The tenants of a store, for whoever runs it. A tenant is there as soon as it has a run or a quota. */
export class Tenants extends Context.Service<Tenants, {
  /** Those that have runs or quotas, by name. */
  readonly list: Effect.Effect<ReadonlyArray<Tenant.TenantView>, StorageFailed>
  /** One of them; without runs and quotas where the store knows none of this name. */
  readonly find: (tenant: string) => Effect.Effect<Tenant.TenantView, Tenant.TenantRefused | StorageFailed>
  /** What it may have at a time. */
  readonly quotasOf: (tenant: string) => Effect.Effect<Tenant.Quotas, StorageFailed>
  /** Sets what a tenant may have at a time, in place of what it could have before; without any limit it is free of all. */
  readonly limit: (
    tenant: string,
    quotas: Tenant.Quotas,
    options: { readonly by: string }
  ) => Effect.Effect<Tenant.TenantView, Tenant.TenantRefused | StorageFailed>
}>()("@fermata/engine/Tenants") {
  /** Those of the store of this process. */
  static readonly layer: Layer.Layer<Tenants, never, Store | HostClock> = Layer.effect(
    Tenants,
    Effect.gen(function*() {
      const { backend } = yield* Store
      const clock = yield* HostClock
      const checked = (tenant: string): Effect.Effect<string, Tenant.TenantRefused> =>
        Tenant.isName(tenant) ? Effect.succeed(tenant) : Effect.fail(new Tenant.TenantRefused({ tenant }))
      const find = Effect.fn("Tenants.find")(function*(tenant: string) {
        const [row] = yield* backend.tenants(yield* checked(tenant))
        return viewOf(row ?? { tenant, quota: null, openRuns: 0, runs: 0 })
      })
      return Tenants.of({
        list: Effect.map(Effect.suspend(() => backend.tenants()), (rows) => rows.map(viewOf)),
        find,
        quotasOf: (tenant) => Effect.map(backend.quota(tenant), quotasOf),
        limit: Effect.fn("Tenants.limit")(function*(tenant, { openRuns, streams }, { by }) {
          const stands = yield* find(tenant)
          const quota: QuotaRow | null = openRuns === undefined && streams === undefined
            ? null
            : { tenant, openRuns: openRuns ?? null, streams: streams ?? null, by, at: clock.now() }
          const limited = viewOf({ tenant, quota, openRuns: stands.openRuns, runs: stands.runs })
          const act = yield* Acting.of<Answers["quota"]>(clock.now, {
            action: "tenant.limit",
            target: tenant,
            by,
            detail: {
              ...(openRuns === undefined ? {} : { openRuns }),
              ...(streams === undefined ? {} : { streams })
            }
          }, () => limited)
          yield* Acting.write(
            (op: QuotaOp) => Effect.map(backend.write([op]), ([answer]) => answer),
            { op: "quota", tenant, row: quota },
            act
          )
          return limited
        })
      })
    })
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const quotasOf = (row: QuotaRow | null): Tenant.Quotas => ({
  ...(row === null || row.openRuns === null ? {} : { openRuns: row.openRuns }),
  ...(row === null || row.streams === null ? {} : { streams: row.streams })
})

const viewOf = ({ openRuns, quota, runs, tenant }: TenantRow): Tenant.TenantView => ({
  name: tenant,
  quotas: quotasOf(quota),
  ...(quota === null ? {} : { by: quota.by, at: quota.at }),
  openRuns,
  runs
})
