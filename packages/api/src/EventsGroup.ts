/** The routes for events: published, and listed as far as they are kept. */
import { EventRefused } from "@fermata/core/EventRefused"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

const optional = Schema.optionalKey

/** An event in the store. */
export const KeptEvent = Schema.Struct({
  /** Its place among all events; texts of later ones are greater. */
  position: Schema.String,
  /** ms since the epoch, when it was handed on. */
  at: Schema.Finite,
  id: Schema.String,
  name: Schema.String,
  payload: Schema.Unknown,
  /** What it belongs to, such as the id of a run. */
  correlationId: optional(Schema.String),
  /** Where it comes from, for people. */
  source: optional(Schema.String)
})
export interface KeptEvent extends Schema.Schema.Type<typeof KeptEvent> {}

/** Events, the last published first. */
export const EventPage = Schema.Struct({ events: Schema.Array(KeptEvent), ...Paging.next })
export interface EventPage extends Schema.Schema.Type<typeof EventPage> {}

/** An event to publish. */
export const EmitBody = Schema.Struct({
  name: Schema.String,
  /** What it says; `{}` when absent. */
  payload: optional(Schema.Unknown),
  /** Events of one id are one event. */
  id: optional(Schema.String),
  correlationId: optional(Schema.String),
  /** Answers once the event is handed on, with the runs that it concerns. */
  tell: optional(Schema.Literal(true))
})
export interface EmitBody extends Schema.Schema.Type<typeof EmitBody> {}

/** An event that is published. */
export const Emitted = Schema.Struct({
  id: Schema.String,
  /** The runs that it has started, and those that waited for it, with the length that their journals had before; where they were asked for. */
  runs: optional(
    Schema.Array(Schema.Struct({ runId: Schema.String, from: Schema.Int, started: Schema.Boolean }))
  )
})
export interface Emitted extends Schema.Schema.Type<typeof Emitted> {}

const list = HttpApiEndpoint.get("list", "/", {
  query: { name: optional(Schema.String), ...Paging.query },
  success: EventPage
}).annotate(RequiredScope, "read")

const emit = HttpApiEndpoint.post("emit", "/", {
  payload: EmitBody,
  success: Emitted.pipe(HttpApiSchema.status(201)),
  error: Problem.of(EventRefused)
}).annotate(RequiredScope, "operate")

/** The routes below `/api/events`. */
export class EventsGroup extends HttpApiGroup.make("events").add(list, emit).prefix("/events")
  .annotate(ForTenants, true)
{}
