/**
 * In which tenant something is done. A surface (a server, a command, a program)
 * says so around what somebody asks of it, and what a run of a tenant asks for
 * is of that tenant too. Who is in a tenant finds, starts, tells and hears what
 * is of that tenant, and nothing else is there for it.
 */
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** The tenant of whoever acts in this fiber; undefined for whoever runs the store. In the body of a run it is that of the run. */
export const CurrentTenant: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "@fermata/engine/CurrentTenant",
  { defaultValue: () => undefined }
)

/** Does something in a tenant. A name that no tenant can have is a defect. */
export const within = (tenant: string) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Tenant.isName(tenant)
    ? Effect.provideService(effect, CurrentTenant, tenant)
    : Effect.die(new Error(`"${tenant}" is no tenant: ${Tenant.nameRule}`))

/** The tenant of whoever acts. */
export const current: Effect.Effect<string | undefined> = Effect.withFiberSucceed((fiber) =>
  fiber.getRef(CurrentTenant)
)

/** The id as the tenant of whoever acts has it. */
export const idOf = (id: string): Effect.Effect<string> =>
  Effect.withFiberSucceed((fiber) => Tenant.qualify(fiber.getRef(CurrentTenant), id))

/** What of a filter confines it to the tenant of whoever acts. */
export const filter: Effect.Effect<{ readonly tenant?: string }> = Effect.map(
  current,
  (tenant) => tenant === undefined ? {} : { tenant }
)
