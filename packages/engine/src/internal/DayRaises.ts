/** Operators let all runs of a workflow together spend more on a day. */
import type { DayRaise, DayRaised } from "@fermata/core/DayRaise"
import { DayRaiseRefused, type WorkflowNotFound } from "@fermata/core/RunsErrors"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import type { Answers, Backend, DayRaiseRow, StorageFailed } from "../Backend.ts"
import * as CurrentTenant from "../CurrentTenant.ts"
import * as DayRaises from "../DayRaises.ts"
import * as Acting from "./Acting.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as RunStarts from "./RunStarts.ts"
import * as Telling from "./secrets/Telling.ts"

/** By how much what a workflow may spend on a day is raised, who says so, and why. */
export interface Raise extends Spent.Amount {
  readonly by: string
  /** The UTC day, such as `2026-11-30`: today where it is absent, and no earlier one. */
  readonly day?: string
  /** For people. */
  readonly note?: string
  /** One that was recorded under this before is a duplicate. */
  readonly id?: string
}

// The days of a workflow are those of its runs in one tenant.

export const make = (runtime: EngineRuntime, backend: Backend) => ({
  raiseDay: Effect.fn("Runs.raiseDay")(function*(
    workflow: string,
    given: Raise
  ): Effect.fn.Return<DayRaised, DayRaiseRefused | WorkflowNotFound | StorageFailed> {
    yield* RunStarts.definitionOf(backend, workflow, undefined)
    const { by, id = runtime.messages.newId("raise"), note, ...rest } = Telling.json(given)
    const at = runtime.host.now()
    const today = SpentByDay.dayOf(at)
    const day = rest.day === undefined ? today : SpentByDay.read(rest.day)
    const amount = { micros: rest.micros ?? 0, tokens: rest.tokens ?? 0 }
    const problem = Spent.problemOf(amount) ??
      (Spent.isZero(amount) ? "say by how much: by money, by tokens, or by both" : undefined) ??
      (day === undefined
        ? `"${rest.day}" is no day; say it as ${SpentByDay.textOf(today)}`
        : day < today
        ? `${rest.day} is over: it is ${
          SpentByDay.textOf(today)
        } (UTC), and a call counts on the day on which it is made`
        : undefined)
    if (day === undefined || problem !== undefined) {
      return yield* new DayRaiseRefused({ workflow, problem: problem ?? "it is for no day" })
    }
    const tenant = yield* CurrentTenant.current
    const raised = ({ raised, result, told }: Answers["raise"]): DayRaised => ({
      workflow,
      day: SpentByDay.textOf(day),
      result,
      raised,
      told
    })
    const act = yield* Acting.of(
      runtime.host.now,
      {
        action: "day.raise",
        target: Tenant.qualify(tenant, workflow),
        by,
        detail: { day: SpentByDay.textOf(day), ...amount }
      },
      raised
    )
    return raised(
      yield* runtime.messages.raise(
        DayRaises.op({
          id: Tenant.qualify(tenant, id),
          workflow: Tenant.qualify(tenant, workflow),
          day,
          ...amount,
          by,
          note: note ?? null,
          at
        }),
        act
      )
    )
  }),
  dayRaises: Effect.fn("Runs.dayRaises")(function*(
    { since, until, workflow }: {
      readonly workflow?: string
      readonly since?: number
      readonly until?: number
    } = {}
  ): Effect.fn.Return<ReadonlyArray<DayRaise>, StorageFailed> {
    const tenant = yield* CurrentTenant.current
    const rows = yield* backend.dayRaises({
      ...(workflow === undefined ? {} : { workflow: Tenant.qualify(tenant, workflow) }),
      ...(since === undefined ? {} : { since: SpentByDay.dayOf(since) }),
      ...(until === undefined ? {} : { until: SpentByDay.dayOf(until) })
    })
    return rows.filter((row) => Tenant.reaches(tenant, row.workflow)).map((row) => actOf(tenant, row))
  })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const actOf = (
  tenant: string | undefined,
  { at, by, day, id, micros, note, tokens, workflow }: DayRaiseRow
): DayRaise => ({
  id: tenant === undefined ? id : Tenant.local(id),
  workflow: tenant === undefined ? workflow : Tenant.local(workflow),
  day: SpentByDay.textOf(day),
  raised: Spent.make(micros, tokens),
  by,
  ...(note === null ? {} : { note }),
  at
})
