/** The routes for schedules: said, shown, steered, and what became of their slots. */
import { NamedSchedule, ReferenceSchedule } from "@fermata/core/ReferenceSchedule"
import {
  BackfillRequest,
  BackfillStarted,
  Firing,
  ProducerTaken,
  ScheduleNotFound,
  ScheduleOptions,
  ScheduleRefused,
  ScheduleView,
  Ticked
} from "@fermata/core/Schedule"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { DoneOnce } from "./Idempotency.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

/** Schedules by name. `next` is there where more may follow: give it as `after`. */
export const SchedulePage = Schema.Struct({ schedules: Schema.Array(ScheduleView), ...Paging.next })
export interface SchedulePage extends Schema.Schema.Type<typeof SchedulePage> {}

/** What became of slots, the newest first. */
export const FiringPage = Schema.Struct({ firings: Schema.Array(Firing), ...Paging.next })
export interface FiringPage extends Schema.Schema.Type<typeof FiringPage> {}

/** Slots that are to come, and when each is fired; ms since the epoch. */
export const NextSlots = Schema.Struct({
  slots: Schema.Array(Schema.Struct({ slot: Schema.Int, at: Schema.Int }))
})
export interface NextSlots extends Schema.Schema.Type<typeof NextSlots> {}

/** A schedule as it was put: `same` where all of it was said before. */
export const ScheduleSaid = Schema.Struct({
  schedule: ScheduleView,
  result: Schema.Literals(["created", "changed", "same"])
})
export interface ScheduleSaid extends Schema.Schema.Type<typeof ScheduleSaid> {}

const Params = { schedule: Schema.String }
const notFound = Problem.of(ScheduleNotFound)
const refused = Problem.of(ScheduleRefused)
const taken = Problem.of(ProducerTaken)

const list = HttpApiEndpoint.get("list", "/", {
  query: Paging.query,
  success: SchedulePage
}).annotate(RequiredScope, "read")

/** Makes or changes the schedule that it names, which may be said in the form of the reference too. */
const add = HttpApiEndpoint.post("add", "/", {
  payload: Schema.Union([NamedSchedule, ReferenceSchedule]),
  success: ScheduleSaid,
  error: [refused, taken]
}).annotate(RequiredScope, "operate")

/** Fires what is due, without waiting for a worker to do it: at once again it fires nothing. */
const tick = HttpApiEndpoint.post("tick", "/tick", {
  success: Ticked
}).annotate(RequiredScope, "operate").annotate(DoneOnce, "itself")

const get = HttpApiEndpoint.get("get", "/:schedule", {
  params: Params,
  success: ScheduleView,
  error: [notFound]
}).annotate(RequiredScope, "read")

const put = HttpApiEndpoint.put("put", "/:schedule", {
  params: Params,
  payload: ScheduleOptions,
  success: ScheduleSaid,
  error: [refused, taken]
}).annotate(RequiredScope, "operate")

const remove = HttpApiEndpoint.delete("remove", "/:schedule", {
  params: Params,
  success: ScheduleView,
  error: [notFound]
}).annotate(RequiredScope, "operate")

const pause = HttpApiEndpoint.post("pause", "/:schedule/pause", {
  params: Params,
  success: ScheduleView,
  error: [notFound]
}).annotate(RequiredScope, "operate")

const resume = HttpApiEndpoint.post("resume", "/:schedule/resume", {
  params: Params,
  success: ScheduleView,
  error: [notFound]
}).annotate(RequiredScope, "operate")

/** Fires now, and answers what became of that. */
const run = HttpApiEndpoint.post("run", "/:schedule/run", {
  params: Params,
  success: Firing,
  error: [notFound, refused]
}).annotate(RequiredScope, "operate")

const backfill = HttpApiEndpoint.post("backfill", "/:schedule/backfill", {
  params: Params,
  payload: BackfillRequest,
  success: BackfillStarted,
  error: [notFound, refused]
}).annotate(RequiredScope, "operate")

const firings = HttpApiEndpoint.get("firings", "/:schedule/firings", {
  params: Params,
  query: Paging.query,
  success: FiringPage,
  error: [notFound]
}).annotate(RequiredScope, "read")

const next = HttpApiEndpoint.get("next", "/:schedule/next", {
  params: Params,
  query: { count: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))) },
  success: NextSlots,
  error: [notFound]
}).annotate(RequiredScope, "read")

/** The routes below `/api/schedules`. */
export class SchedulesGroup extends HttpApiGroup.make("schedules")
  .add(list, add, tick, get, put, remove, pause, resume, run, backfill, firings, next)
  .prefix("/schedules")
  .annotate(ForTenants, true)
{}
