/** The routes for what comes in from outside: told by a sensor, and listed. */
import { EventRefused } from "@fermata/core/EventRefused"
import { PayloadRefused, StartRefused, WorkflowNotFound } from "@fermata/core/RunsErrors"
import {
  Ingested,
  ReferenceEvent,
  SensorEvent,
  SensorEventNotFound,
  SensorPage,
  SensorRecord,
  SensorRefused
} from "@fermata/core/SensorEvent"
import { TaskRefused } from "@fermata/core/TaskErrors"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { DoneOnce } from "./Idempotency.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

/** What came in, the newest first, without payloads. */
export const SensorEvents = Schema.Struct({ events: Schema.Array(SensorRecord), ...Paging.next })
export interface SensorEvents extends Schema.Schema.Type<typeof SensorEvents> {}

const list = HttpApiEndpoint.get("list", "/events", {
  query: {
    /** By the name of the sensor, or of the source. */
    sensor: Schema.optionalKey(Schema.String),
    ...Paging.query
  },
  success: SensorEvents
}).annotate(RequiredScope, "read")

const get = HttpApiEndpoint.get("get", "/events/:position", {
  params: { position: Schema.String },
  success: SensorPage,
  error: Problem.of(SensorEventNotFound)
}).annotate(RequiredScope, "read")

/** Takes what a sensor saw, once for each key; also in the form of the reference. */
const ingest = HttpApiEndpoint.post("ingest", "/events", {
  query: {
    /** Answers once what it comes to is on its way, and tells whether its run was there before. */
    tell: Schema.optionalKey(Schema.Literal("true"))
  },
  payload: Schema.Union([SensorEvent, ReferenceEvent]),
  success: Ingested,
  error: [
    Problem.of(SensorRefused),
    Problem.of(EventRefused),
    Problem.of(WorkflowNotFound),
    Problem.of(PayloadRefused),
    Problem.of(StartRefused),
    Problem.of(TaskRefused)
  ]
}).annotate(RequiredScope, "operate").annotate(DoneOnce, "itself")

/** The routes below `/api/sensors`. */
export class SensorsGroup extends HttpApiGroup.make("sensors").add(list, get, ingest).prefix("/sensors")
  .annotate(ForTenants, true)
{}
