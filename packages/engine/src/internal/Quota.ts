/** Starts that the quota of a tenant has no room for. */
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"

/** How long (s) whoever is refused is told to wait: nobody knows when a run ends. */
export const retryAfterSeconds = 10

/** Fails, since the tenant of this run has so many open runs as it may have. */
export const reached = (id: string, most: number): Effect.Effect<never, Tenant.QuotaReached> =>
  Effect.fail(
    new Tenant.QuotaReached({
      tenant: Tenant.of(id) ?? "",
      most,
      retryAfter: retryAfterSeconds
    })
  )
