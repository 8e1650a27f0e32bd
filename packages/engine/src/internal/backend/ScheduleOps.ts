/**
 * What is written to a store of schedules, and kept of them.
 *
 * A row is changed only by who has seen its version, so of two processes that
 * find it due at once one fires. What a firing starts leaves in the outbox with
 * the row, and the end of a run of a schedule comes back as a message (`FreeOp`):
 * neither looks at a run.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { Acted } from "./Act.ts"
import type { OutboxRow } from "./Rows.ts"

/** A schedule. Times are ms since the epoch. */
export interface ScheduleRow {
  /** Unique in the store; with its tenant before it. */
  readonly name: string
  /** What it alone produces, with its tenant before it: unique in the store. */
  readonly producer: string | null
  /** JSON of what is said of it. */
  readonly options: string
  /** JSON of how it stands; see `ScheduleState`. */
  readonly state: string
  /** When somebody has to look at it: 0 for at once; null while nothing is to come. */
  readonly dueAt: number | null
  /** Counts its changes. */
  readonly version: number
  readonly by: string
  readonly createdAt: number
  readonly updatedAt: number
}

/** How a schedule stands. */
export interface ScheduleState {
  /** When its times were said: intervals count from there. */
  readonly since: number
  readonly paused: boolean
  /** The next slot; null where none comes. */
  readonly nextSlot: number | null
  readonly lastSlot: number | null
  readonly lastRun: string | null
  /** Why nothing was started at the last slot; null where something was. */
  readonly problem: string | null
  /** Runs that it has started and of whose end it has not been told. */
  readonly running: ReadonlyArray<string>
  /** Slots that wait for those: the ids of their firings, and who asked for them. */
  readonly buffered: ReadonlyArray<
    { readonly id: string; readonly slot: number; readonly cause: string; readonly by: string }
  >
  /** Spans of which slots are yet to be fired: those behind `after`, up to `until`. */
  readonly backfills: ReadonlyArray<
    { readonly after: number; readonly until: number; readonly overlap: string; readonly by: string }
  >
  readonly missed: number
  readonly started: number
}

/** What became of a slot. */
export interface FiringRow {
  readonly schedule: string
  /** Unique in its schedule. */
  readonly id: string
  readonly slot: number
  readonly at: number
  readonly cause: string
  readonly outcome: string
  readonly missed: number
  readonly run: string | null
  readonly event: string | null
  readonly task: string | null
  readonly problem: string | null
  readonly by: string | null
}

/**
 * Stores a schedule: a new one where `seen` is null, or in place of the version
 * that was seen. Another that has its producer stands in the way.
 */
export interface ScheduleOp extends Acted {
  readonly op: "schedule"
  readonly row: ScheduleRow
  readonly seen: number | null
}

/** Forgets a schedule and its firings. Runs that it has started go on. */
export interface UnscheduleOp extends Acted {
  readonly op: "unschedule"
  readonly name: string
}

/**
 * Fires: stores the schedule as it is then, what became of its slots, and what
 * that starts, if the schedule is of the version that was seen. A firing of a
 * known id takes the place of that one; of those behind the last `kept` the
 * oldest go.
 */
export interface FireOp extends Acted {
  readonly op: "fire"
  readonly row: ScheduleRow
  readonly seen: number
  readonly firings: ReadonlyArray<FiringRow>
  readonly outbox: ReadonlyArray<OutboxRow>
  readonly kept: number
}

/** A run of a schedule has ended. What waited for it is looked at at once. */
export interface FreeOp {
  readonly op: "free"
  readonly schedule: string
  readonly run: string
}

/** The operations on schedules. */
export type SchedulesOp = ScheduleOp | UnscheduleOp | FireOp | FreeOp

/** The answers to them. */
export interface ScheduleAnswers {
  /** `stale`: it has another version, or is there, or is not. `taken`: `owner` has its producer. */
  readonly schedule: { readonly result: "stored" | "stale" | "taken"; readonly owner?: string }
  /** Whether it was there. */
  readonly unschedule: { readonly removed: boolean }
  readonly fire: { readonly fired: boolean }
  /** Whether it had started that run, and whether something waited for it. */
  readonly free: { readonly freed: boolean; readonly due: boolean }
}

/** Which schedules are read: by name, those of one tenant when it is given, behind `after`. */
export interface ScheduleFilter {
  readonly tenant?: string | undefined
  readonly after?: string | undefined
  readonly limit: number
}

/** The schedule once a run of it has ended; the same where it knows of none. */
export const freed = (row: ScheduleRow, run: string): ScheduleRow => {
  const state: ScheduleState = JSON.parse(row.state)
  if (!state.running.includes(run)) return row
  const running = state.running.filter((other) => other !== run)
  const isWaitedFor = running.length === 0 && !state.paused &&
    (state.buffered.length > 0 || state.backfills.length > 0)
  return {
    ...row,
    state: StoredJson.textOf({ ...state, running }),
    dueAt: isWaitedFor ? 0 : row.dueAt,
    version: row.version + 1
  }
}

/** The id of what a slot of a schedule starts, without its tenant. */
export const startedId = (schedule: string, firing: string): string => `schedule:${Tenant.local(schedule)}:${firing}`

/** The schedule that has added a task of this id, with its tenant; undefined for a task that no schedule has added. */
export const scheduleOf = (task: string): string | undefined => {
  const name = /^schedule:(.+):(?:now-[0-9a-f]{32}|[-+]?\d+-\d\d-\d\dT[\d:.]+Z)$/.exec(Tenant.local(task))?.[1]
  return name === undefined ? undefined : Tenant.qualify(Tenant.of(task), name)
}

/** The message by which a schedule is told that what it has started has ended. */
export const endMessage = (schedule: string, started: string): OutboxRow => ({
  id: `free:${started}`,
  kind: "free",
  payload: StoredJson.textOf({ schedule, run: started })
})

/** Whether a schedule is of those that a filter asks for. */
export const fits = ({ after, tenant }: ScheduleFilter, name: string): boolean =>
  Tenant.reaches(tenant, name) && (after === undefined || name > after)
