/** Schedules as they are shown. */
import {
  type Firing,
  overlapOf,
  ScheduleNotFound,
  type ScheduleOptions,
  type ScheduleView
} from "@fermata/core/Schedule"
import * as ScheduleSentence from "@fermata/core/ScheduleSentence"
import * as ScheduleTime from "@fermata/core/ScheduleTime"
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import type { Backend, FiringRow, ScheduleRow } from "../../Backend.ts"
import * as CurrentTenant from "../../CurrentTenant.ts"
import type { EngineRuntime } from "../EngineRuntime.ts"
import * as Evaluation from "./Evaluation.ts"

export const make = ({ backend, host }: EngineRuntime) => ({
  list: Effect.fn("Schedules.list")(function*(
    { after, limit = 50 }: { readonly after?: string | undefined; readonly limit?: number | undefined } = {}
  ) {
    const tenant = yield* CurrentTenant.current
    const rows = yield* backend.schedules({
      tenant,
      limit: Math.min(limit, mostListed),
      after: after === undefined ? undefined : Tenant.qualify(tenant, after)
    })
    return rows.map((row) => viewOf(row, tenant, host.now()))
  }),
  show: Effect.fn("Schedules.show")(function*(name: string) {
    return viewOf(yield* find(backend, name), yield* CurrentTenant.current, host.now())
  }),
  firings: Effect.fn("Schedules.firings")(function*(
    name: string,
    { before, limit = 50 }: { readonly limit?: number | undefined; readonly before?: string | undefined } = {}
  ) {
    const { name: whole } = yield* find(backend, name)
    const tenant = yield* CurrentTenant.current
    return (yield* backend.firings(whole, limit, before)).map((row) => firingOf(row, tenant))
  }),
  next: Effect.fn("Schedules.next")(function*(name: string, count = 5) {
    const row = yield* find(backend, name)
    const options = Evaluation.optionsOf(row.options)
    const first = Evaluation.stateOf(row).nextSlot
    return ScheduleTime.slots(options, first, Infinity, Math.min(Math.max(1, count), mostNext)).map((slot) => ({
      slot,
      at: ScheduleTime.fireAt(row.name, options, slot)
    }))
  })
})

/** The schedule of this name in the tenant of whoever asks. */
export const find = Effect.fnUntraced(function*(backend: Backend, name: string) {
  const tenant = yield* CurrentTenant.current
  const row = yield* backend.schedule(Tenant.qualify(tenant, name))
  if (row !== null) return row
  const known = yield* backend.schedules({ tenant, limit: mostNamed })
  return yield* new ScheduleNotFound({ schedule: name, known: known.map((row) => nameIn(tenant, row.name)) })
})

/** A name as whoever is in the tenant knows it. */
export const nameIn = (tenant: string | undefined, name: string): string =>
  tenant === undefined ? name : Tenant.local(name)

/** The schedule as whoever is in the tenant sees it at a time. */
export const viewOf = (row: ScheduleRow, tenant: string | undefined, now: number): ScheduleView => {
  const options: ScheduleOptions = Evaluation.optionsOf(row.options)
  const { backfills, buffered, lastRun, lastSlot, missed, nextSlot, paused, problem, running, started } = Evaluation
    .stateOf(row)
  const view = {
    name: nameIn(tenant, row.name),
    ...options,
    overlap: overlapOf(options),
    catchUp: options.catchUp ?? "coalesce" as const,
    paused,
    ...(nextSlot === null ? {} : { nextSlot, nextAt: ScheduleTime.fireAt(row.name, options, nextSlot) }),
    ...(lastSlot === null ? {} : { lastSlot }),
    ...(lastRun === null ? {} : { lastRun }),
    ...(problem === null ? {} : { problem }),
    running,
    buffered: buffered.map(({ slot }) => slot),
    backfills: backfills as ScheduleView["backfills"],
    missed,
    started,
    by: row.by,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt
  }
  return { ...view, sentence: ScheduleSentence.of(view, now) }
}

/** A firing as whoever is in the tenant sees it. */
export const firingOf = (
  { at, by, cause, event, id, missed, outcome, problem, run, schedule, slot, task }: FiringRow,
  tenant: string | undefined
): Firing => ({
  id,
  schedule: nameIn(tenant, schedule),
  slot,
  at,
  cause: cause as Firing["cause"],
  outcome: outcome as Firing["outcome"],
  missed,
  ...(run === null ? {} : { run }),
  ...(event === null ? {} : { event }),
  ...(task === null ? {} : { task }),
  ...(problem === null ? {} : { problem }),
  ...(by === null ? {} : { by })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostListed = 500
const mostNext = 100
const mostNamed = 5
