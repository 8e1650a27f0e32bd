/** The rules that people have let stand, as operators list them and take them back. */
import { RuleAmbiguous, RuleNotFound } from "@fermata/core/RunsErrors"
import type { StandingFilter } from "@fermata/core/StandingRule"
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import type { Backend, RevokeOp, StandingRow, StorageFailed } from "../Backend.ts"
import * as CurrentTenant from "../CurrentTenant.ts"
import * as Acting from "./Acting.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"

/** The rules that stand, in the tenant of whoever asks: there they bear the names of its agents alone. */
export const list = (
  backend: Pick<Backend, "standing">,
  { agent, ...rest }: StandingFilter
): Effect.Effect<ReadonlyArray<StandingRow>, StorageFailed> =>
  Effect.flatMap(CurrentTenant.current, (tenant) =>
    Effect.map(
      backend.standing({ ...rest, ...(agent === undefined ? {} : { agent: Tenant.qualify(tenant, agent) }) }),
      (rows) =>
        tenant === undefined ?
          rows :
          rows.flatMap((row) => Tenant.of(row.runId) === tenant ? [{ ...row, agent: Tenant.local(row.agent) }] : [])
    ))

export const make = ({ host, store: { backend }, writer }: EngineRuntime) => {
  const rules = Effect.fn("Runs.rules")((filter: StandingFilter = {}) => list(backend, filter))

  const revoke = Effect.fn("Runs.revoke")(function*(rule: string) {
    const all = yield* list(backend, {})
    const ids = all.map(({ id }) => id)
    const found = all.filter(({ id }) => id === rule || (rule.length >= shortest && id.startsWith(rule)))
    if (found.length > 1) return yield* new RuleAmbiguous({ rule, candidates: found.map(({ id }) => id) })
    const [only] = found
    if (only === undefined) return yield* new RuleNotFound({ rule, known: ids })
    const act = yield* Acting.of(
      host.now,
      { action: "rule.revoke", target: only.id, detail: { agent: only.agent } },
      () => only
    )
    const { revoked } = yield* Acting.write(writer.write<RevokeOp>, { op: "revoke", id: only.id }, act)
    // Somebody else was faster.
    return revoked ? only : yield* new RuleNotFound({ rule, known: ids.filter((id) => id !== only.id) })
  })

  return { rules, revoke }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const shortest = 4
