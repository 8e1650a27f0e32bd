/**
 * Schedules: what is to be started at which times, and what becomes of a time
 * that comes while the last run goes on, or that passed while nothing was at
 * work. Times are ms since the epoch.
 *
 * A *slot* is a time that a schedule names; a *firing* is what became of one.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as EventName from "./EventName.ts"
import * as FirstIssue from "./internal/FirstIssue.ts"
import { TaskRequest } from "./Task.ts"

/** The shortest interval (ms). */
export const shortestIntervalMs = 1_000
/** The longest interval, delay or window (ms): ten years of 366 days. */
export const longestMs = 10 * 366 * 86_400_000

const lengthMs = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: longestMs }))

/** Every so many ms, from when the schedule was made, or from `startAt`. */
export const IntervalSpec = Schema.Struct({
  everyMs: Schema.Int.check(Schema.isBetween({ minimum: shortestIntervalMs, maximum: longestMs }))
})

/** The times of a cron expression of five fields, or of a name such as `@daily`. */
export const CronSpec = Schema.Struct({
  cron: Schema.String,
  /** Of the IANA database, or an offset such as `+02:00`; `UTC` when absent. */
  zone: Schema.optionalKey(Schema.String)
})

/** Which times a schedule names. */
export const ScheduleSpec = Schema.Union([IntervalSpec, CronSpec])
export type ScheduleSpec = typeof ScheduleSpec.Type

/** A run of a workflow: a program, a contract, or an agent. Each slot is one run. */
export const WorkflowTarget = Schema.Struct({
  workflow: Schema.NonEmptyString,
  /** The highest that is registered at the slot when absent. */
  version: Schema.optionalKey(Schema.String),
  /** JSON. */
  input: Schema.optionalKey(Schema.Unknown),
  title: Schema.optionalKey(Schema.String),
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})

/** An event, published once for each slot; without a payload it says which slot that is. */
export const EventTarget = Schema.Struct({
  event: Schema.Struct({ name: EventName.EventName, payload: Schema.optionalKey(Schema.Unknown) })
})

const { id: _id, notBefore: _notBefore, ...taskFields } = TaskRequest.fields

/** A task for each slot; its source is the schedule, where it names none. */
export const TaskTarget = Schema.Struct({ task: Schema.Struct(taskFields) })

/** What is started. */
export const ScheduleTarget = Schema.Union([WorkflowTarget, EventTarget, TaskTarget])
export type ScheduleTarget = typeof ScheduleTarget.Type

/** What becomes of a slot that comes while a run of the schedule goes on. */
export const overlaps = ["skip", "buffer-one", "buffer-all", "cancel-other", "terminate-other", "allow-all"] as const
/**
 * `skip`: nothing is started. `buffer-one`: it waits, the first of them alone.
 * `buffer-all`: it waits, each in its turn. `cancel-other`: the run that goes on
 * is cancelled, and the new one starts when that has ended. `terminate-other`:
 * it is cancelled, and the new one starts at once. `allow-all`: it starts.
 */
export type Overlap = (typeof overlaps)[number]

/** What becomes of slots that passed while nothing was at work. */
export const catchUps = ["coalesce", "skip", "all"] as const
/**
 * `coalesce`: one firing for all of them. `skip`: only one that is not older than
 * the window. `all`: each that is not older than the window.
 */
export type CatchUp = (typeof catchUps)[number]

/** How old (ms) a slot may be that is caught up with, where nothing is said. */
export const defaultWindowMs: { readonly [policy in CatchUp]: number | undefined } = {
  coalesce: undefined,
  skip: 60_000,
  all: 86_400_000
}

/** What is said of a schedule. */
export const ScheduleOptions = Schema.Struct({
  spec: ScheduleSpec,
  target: ScheduleTarget,
  /** No slot before this; of an interval, the first. */
  startAt: Schema.optionalKey(Schema.Int),
  /** No slot behind this. */
  endAt: Schema.optionalKey(Schema.Int),
  /** No slot sooner than so long (ms) after the schedule was made; of an interval, the first. */
  delayMs: Schema.optionalKey(lengthMs),
  /** Each slot is fired up to so much (ms) later, always before the next one: how much follows from name and slot. */
  jitterMs: Schema.optionalKey(lengthMs),
  /** When absent, `skip` for a workflow and `allow-all` for an event or a task, which waits in its queue. */
  overlap: Schema.optionalKey(Schema.Literals(overlaps)),
  /** `coalesce` when absent. */
  catchUp: Schema.optionalKey(Schema.Literals(catchUps)),
  /** How old (ms) a slot may be that is caught up with: by default one minute for `skip`, a day for `all`, and any age for `coalesce`. */
  windowMs: Schema.optionalKey(lengthMs),
  /** What it alone produces, such as the name of an event or the key of a task: a second schedule that says the same is refused. */
  producer: Schema.optionalKey(Schema.NonEmptyString.check(Schema.isMaxLength(200))),
  /** For people. */
  note: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(1_000)))
})
export interface ScheduleOptions extends Schema.Schema.Type<typeof ScheduleOptions> {}

/** What becomes of a slot that comes while what the last has started goes on. */
export const overlapOf = ({ overlap, target }: Pick<ScheduleOptions, "overlap" | "target">): Overlap =>
  overlap ?? ("workflow" in target ? "skip" : "allow-all")

/** What became of a slot. */
export const firingOutcomes = ["started", "skipped", "buffered", "failed"] as const
/** Why a slot was looked at: it was due, somebody asked for it now, or for the slots of a span. */
export const firingCauses = ["due", "now", "backfill"] as const

/** What became of a slot of a schedule. */
export const Firing = Schema.Struct({
  /** Unique in its schedule, and the same for the same slot. */
  id: Schema.String,
  schedule: Schema.String,
  slot: Schema.Int,
  /** When that was decided. */
  at: Schema.Int,
  cause: Schema.Literals(firingCauses),
  outcome: Schema.Literals(firingOutcomes),
  /** Slots before this one that passed while nothing was at work, and for which nothing was started. */
  missed: Schema.Int,
  /** The run that was started, the event that was published, or the task that was added. */
  run: Schema.optionalKey(Schema.String),
  event: Schema.optionalKey(Schema.String),
  task: Schema.optionalKey(Schema.String),
  /** Why nothing was started. */
  problem: Schema.optionalKey(Schema.String),
  /** Who asked for it, where somebody did. */
  by: Schema.optionalKey(Schema.String)
})
export interface Firing extends Schema.Schema.Type<typeof Firing> {}

/** Slots of a span that are yet to be fired. */
export const Backfill = Schema.Struct({
  /** The slots behind this, and up to `until`. */
  after: Schema.Int,
  until: Schema.Int,
  overlap: Schema.Literals(overlaps),
  by: Schema.String
})
export interface Backfill extends Schema.Schema.Type<typeof Backfill> {}

/** A schedule, and how it stands. */
export const ScheduleView = Schema.Struct({
  name: Schema.String,
  ...ScheduleOptions.fields,
  overlap: Schema.Literals(overlaps),
  catchUp: Schema.Literals(catchUps),
  /** In words: when it fires, and what comes next. */
  sentence: Schema.String,
  /** Nothing is fired until it is resumed, unless somebody asks for it. */
  paused: Schema.Boolean,
  /** The next slot; absent where none comes. */
  nextSlot: Schema.optionalKey(Schema.Int),
  /** When that is fired, jitter included. */
  nextAt: Schema.optionalKey(Schema.Int),
  lastSlot: Schema.optionalKey(Schema.Int),
  /** The run that was started last, or the task. */
  lastRun: Schema.optionalKey(Schema.String),
  /** Why nothing was started at the last slot. */
  problem: Schema.optionalKey(Schema.String),
  /** Its runs that go on, or its tasks that have not ended, as far as overlaps concern it. */
  running: Schema.Array(Schema.String),
  /** Slots that wait for those to end. */
  buffered: Schema.Array(Schema.Int),
  backfills: Schema.Array(Backfill),
  /** How many slots passed while nothing was at work, and were not fired. */
  missed: Schema.Int,
  /** How many firings have started something. */
  started: Schema.Int,
  /** Who said the last of it. */
  by: Schema.String,
  createdAt: Schema.Int,
  updatedAt: Schema.Int
})
export interface ScheduleView extends Schema.Schema.Type<typeof ScheduleView> {}

/** The name under which a run has the slot of a schedule as what started it. */
export const firingEvent = "schedule.fired"

/** How many slots a backfill may have. */
export const mostBackfilled = 10_000
/** How many slots may wait at a schedule for runs to end. */
export const mostBuffered = 1_000
/** How many firings of a schedule are kept. */
export const mostFirings = 200
/** How many firings an evaluation tells of. */
export const mostTold = 500
/** How many spans of backfills a schedule may have at a time. */
export const mostBackfills = 10

/** Which slots are to be fired although their time has passed. */
export const BackfillRequest = Schema.Struct({
  /** The first time and the last, both within. */
  from: Schema.Int,
  until: Schema.Int,
  /** One after another (`buffer-all`) when absent. */
  overlap: Schema.optionalKey(Schema.Literals(overlaps))
})
export interface BackfillRequest extends Schema.Schema.Type<typeof BackfillRequest> {}

/** A backfill that was recorded, and how many slots it has. */
export const BackfillStarted = Schema.Struct({ schedule: Schema.String, slots: Schema.Int })
export interface BackfillStarted extends Schema.Schema.Type<typeof BackfillStarted> {}

/** What an evaluation of the schedules that were due has come to. */
export const Ticked = Schema.Struct({
  /** How many runs were started and events published. */
  started: Schema.Int,
  /** What became of the slots: of the first 500. */
  firings: Schema.Array(Firing)
})
export interface Ticked extends Schema.Schema.Type<typeof Ticked> {}

/** What a name of a schedule is, as a sentence for people. */
export const nameRule = "a schedule is named by 1 to 200 letters, digits, and . _ : - between them"

/** Whether a schedule may have this name. */
export const isName = (name: string): boolean => /^[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,198}[A-Za-z0-9])?$/.test(name)

/** There is no schedule of this name. */
export class ScheduleNotFound extends Schema.TaggedError<ScheduleNotFound>()("ScheduleNotFound", {
  schedule: Schema.String,
  /** Some that there are. */
  known: Schema.Array(Schema.String)
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no schedule "${this.schedule.slice(0, 120)}"${
      this.known.length === 0 ? "; there is none" : `; there is ${this.known.join(", ")}`
    }`
  }
}

/** No schedule can be like that. Nothing was stored. */
export class ScheduleRefused extends Schema.TaggedError<ScheduleRefused>()("ScheduleRefused", {
  schedule: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `Schedule "${this.schedule.slice(0, 120)}" is refused: ${this.problem}`
  }
}

/** Another schedule produces that already. Nothing was stored. */
export class ProducerTaken extends Schema.TaggedError<ProducerTaken>()("ProducerTaken", {
  schedule: Schema.String,
  producer: Schema.String,
  /** The schedule that has it. */
  owner: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Schedule "${this.schedule}" is refused: "${this.producer}" is produced by schedule "${this.owner}" already, and by one alone; change that one, or remove it first`
  }
}

/** Reads what is said of the schedule of this name; what is wrong with it is told, with its place. */
export const read = (schedule: string, value: unknown): Result.Result<ScheduleOptions, ScheduleRefused> =>
  Result.mapError(decode(value), (error) => new ScheduleRefused({ schedule, problem: FirstIssue.of(error) }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decode = Schema.decodeUnknownResult(ScheduleOptions, { onExcessProperty: "error" })
