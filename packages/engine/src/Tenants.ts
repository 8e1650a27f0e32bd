/** The tenants of a store: what each has, and what it may have at a time. */
import { endedStatuses } from "@fermata/core/Retention"
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Answers, ForgetOp, QuotaOp, QuotaRow, StorageFailed, TenantRow } from "./Backend.ts"
import { HostClock } from "./HostClock.ts"
import * as Acting from "./internal/Acting.ts"
import * as RunDeletions from "./internal/RunDeletions.ts"
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
  /**
   * Deletes all that a tenant has, for good: its runs with their journals and
   * whatever they keep, events, tokens, rules, quotas, sums, schedules, tasks and
   * what came in for it. Refused while one of its runs is open. The lines of the
   * audit stay, since a chain with some taken out proves nothing; they have names
   * and ids, and nothing that a run was given or gave.
   */
  readonly delete: (
    tenant: string,
    options: { readonly by: string }
  ) => Effect.Effect<Tenant.TenantDeleted, Tenant.TenantRefused | Tenant.TenantInUse | StorageFailed>
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
      const host = { hostElapsed: clock.elapsed, hostSleep: clock.sleep }

      /** What of the tenant is not done yet: its open runs, or something that is on its way. */
      const inUse = Effect.fnUntraced(function*(tenant: string) {
        const { openRuns } = yield* find(tenant)
        const own = `"${tenant}~`
        const messages = openRuns > 0 ? [] : yield* backend.outbox(mostMessages, true)
        return openRuns > 0 || messages.some(({ payload }) => payload.includes(own))
          ? yield* new Tenant.TenantInUse({ tenant, openRuns })
          : undefined
      })

      /** Deletes runs of the tenant as long as there are any that can go. How many went. */
      const removeRuns = Effect.fnUntraced(function*(tenant: string, top: boolean) {
        let runs = 0
        while (true) {
          const rows = yield* backend.runs({ tenant, top, status: endedStatuses, limit: runsAtOnce })
          const answers = yield* RunDeletions.removeAll(backend, host, rows.map(({ id }) => id))
          yield* RunDeletions.clearAll(backend, host)
          const gone = answers.flatMap((answer) => answer.result === "removed" ? [answer.runs] : [])
          runs += gone.reduce((sum, count) => sum + count, 0)
          if (gone.length === 0) return runs
        }
      })

      const forget = (op: ForgetOp) => Effect.map(backend.write([op]), ([answer]) => answer)

      return Tenants.of({
        delete: Effect.fn("Tenants.delete")(function*(name: string, { by }: { readonly by: string }) {
          const tenant = yield* checked(name)
          yield* inUse(tenant)
          const { runs } = yield* find(tenant)
          // What has lost the run at its top goes by itself.
          yield* removeRuns(tenant, true)
          yield* removeRuns(tenant, false)
          yield* inUse(tenant)
          const rest: ForgetOp = { op: "forget", tenant, limit: RunDeletions.rowsAtOnce }
          while ((yield* RunDeletions.paced(host, forget(rest))).left) { /* More follows. */ }
          const deleted: Tenant.TenantDeleted = { name: tenant, runs }
          const act = yield* Acting.of<Answers["forget"]>(
            clock.now,
            { action: "tenant.delete", target: tenant, by, detail: { runs } },
            () => deleted
          )
          yield* Acting.write(forget, rest, act)
          yield* RunDeletions.clearAll(backend, host)
          return deleted
        }),
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

const runsAtOnce = 100
/** How many messages that are on their way are looked at. */
const mostMessages = 1_000

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
