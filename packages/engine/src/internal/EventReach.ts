/** Which runs an event starts and reaches. */
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Backend, StorageFailed } from "../Backend.ts"
import { mayEqual } from "../EventLog.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"

/** A run that an event concerns. */
export interface Concerned {
  readonly runId: string
  /** How many entries its journal had before. */
  readonly from: number
  /** Whether the event has started it. */
  readonly started: boolean
}

/** The runs that wait for such an event now, or that it names as an input of theirs. */
export const waitingFor = Effect.fnUntraced(function*(
  backend: Backend,
  event: string,
  payload: unknown,
  isInput: boolean,
  tenant: string | undefined
): Effect.fn.Return<ReadonlyArray<Concerned>, StorageFailed> {
  const waiting = (yield* backend.eventWaits(Tenant.qualify(tenant, event)))
    .filter(({ equality }) => equality === null || mayEqual(payload, equality))
    .map(({ run }) => run)
  const named = isInput && Predicate.hasProperty(payload, "runId") && typeof payload.runId === "string"
    ? [Tenant.qualify(tenant, payload.runId)]
    : []
  const rows = yield* Effect.forEach(new Set([...waiting, ...named]), (run) => backend.run(run))
  return rows.flatMap((row) => row === null ? [] : [{ runId: row.id, from: row.length, started: false }])
})

/** Waits until this process or another has handed the event on to the runs that it concerns. */
export const handedOn = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  backend: Backend,
  settled: Effect.Effect<void>,
  outboxId: string
): Effect.fn.Return<void, StorageFailed> {
  while (true) {
    yield* settled
    const rows = yield* backend.outbox(outboxLimit, true)
    if (!rows.some(({ id }) => id === outboxId)) return
    yield* runtime.host.hostSleep(lookMs)
  }
})

/** The runs that an event has started, among the latest. */
export const startedBy = Effect.fnUntraced(function*(
  backend: Backend,
  eventId: string,
  tenant: string | undefined
): Effect.fn.Return<ReadonlyArray<Concerned>, StorageFailed> {
  const runs = yield* backend.runs({ limit: latest, tenant })
  const first = yield* Effect.forEach(
    runs,
    ({ id }) => Effect.map(backend.entries(id, 0, 1), ([entry]) => ({ id, entry }))
  )
  return first.flatMap(({ entry, id }) =>
    entry !== undefined && triggerId(entry) === eventId ? [{ runId: id, from: 0, started: true }] : []
  )
})

/** The id of the event that the first entry of a run names as what started it. */
export const triggerId = (entry: string): unknown => {
  const { trigger }: { readonly trigger?: { readonly id?: unknown } } = JSON.parse(entry)
  return trigger?.id
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const lookMs = 20
const outboxLimit = 10_000
const latest = 200
