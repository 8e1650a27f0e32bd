/**
 * The routes that tell what happens as it comes: server-sent events, each with
 * the place at which to go on, in this process or in another.
 */
import { runStatuses } from "@fermata/core/RunStatus"
import { RunSummary } from "@fermata/core/RunSummary"
import { Wait } from "@fermata/core/Wait"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { findErrors } from "./RunsGroup.ts"

const optional = Schema.optionalKey

/** An event of a stream, as its lines hold it. `id` is where to go on from; those without one are not kept. */
const event = <const Name extends string, S extends Schema.Top>(name: Name, data: S) =>
  Schema.Struct({
    id: optional(Schema.UndefinedOr(Schema.String)),
    event: Schema.Literal(name),
    data: Schema.fromJsonString(data)
  })

/** How a run stands now, where that is nothing that its journal tells. */
export const Stands = Schema.Struct({
  status: Schema.Literals(runStatuses),
  reason: optional(Schema.String),
  waits: Schema.Array(Wait)
})
export interface Stands extends Schema.Schema.Type<typeof Stands> {}

const nothing = Schema.Struct({})

/** The server goes: go on with another, from the last `id`. */
const closing = event("closing", nothing)
/** What let the caller in counts no more: its token was taken back or has run out, or its login has ended. */
const refused = event("refused", nothing)
/** The place is none of this store, as after a restore: look at everything anew, and go on from `from`. */
const reset = event("reset", Schema.Struct({ from: Schema.String }))

/** An entry of a journal as it was stored, with its `_tag`, `seq`, `at` and `epoch`. */
export const Entry = Schema.Record(Schema.String, Schema.Unknown)

/** What is committed about a run: its entries (`from` to `to`, by `seq`) or, with none, how it stands. */
export const RunChange = Schema.Struct({
  position: Schema.String,
  run: RunSummary,
  entries: optional(Schema.Tuple([Schema.Int, Schema.Int])),
  /** The names of the events that the engine tells of it. */
  events: Schema.Array(Schema.String)
})
export interface RunChange extends Schema.Schema.Type<typeof RunChange> {}

/** What a step says while it works: one value, behind those before it; or, with a null, why something is missing there. */
export const Said = Schema.Struct({
  entry: Schema.Int,
  chunk: Schema.Int,
  value: Schema.Unknown,
  cut: optional(Schema.Literals(["chunk", "stream", "store", "unreadable"]))
})
export interface Said extends Schema.Schema.Type<typeof Said> {}

const sse = <const Events extends ReadonlyArray<Schema.Top>>(events: Events) =>
  HttpApiSchema.StreamSse({ events: Schema.Union(events) as never })

const after = optional(Schema.String)

const run = HttpApiEndpoint.get("run", "/runs/:run/stream", {
  params: { run: Schema.String },
  query: {
    /** Behind which `seq` it begins, or `now`. The header `Last-Event-ID` comes before it. */
    after,
    /**
     * With `rest` the stream ends too once only a person, a signal or an operator
     * makes the run go on, and none of them has acted yet; how it stands is told
     * behind every batch of entries.
     */
    until: optional(Schema.Literal("rest")),
    /** With `until=rest`: a time at which the run goes on by itself counts as never when it is further away than so many ms. */
    far: optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
  },
  success: sse([
    event("message", Entry),
    event("status", Stands),
    event("end", Schema.Struct({ status: Schema.Literals(runStatuses) })),
    /** The journal cannot be read from this entry on. */
    event("corrupt", Schema.Struct({ seq: Schema.Int, problem: Schema.String })),
    /** The place is behind the end of the journal, as after a restore: forget what was told, all of it comes again. */
    event("reset", nothing),
    closing,
    refused
  ]),
  error: findErrors
}).annotate(RequiredScope, "read")

const tokens = HttpApiEndpoint.get("tokens", "/runs/:run/tokens", {
  params: { run: Schema.String },
  /** Behind which place it begins, such as `17.4`. */
  query: { after },
  success: sse([event("message", Said), event("end", nothing), closing, refused]),
  error: findErrors
}).annotate(RequiredScope, "read")

/** The forms in which the stream of an agent comes: our own events, the UI message stream of the AI SDK, AG-UI. */
export const agentFormats = ["events", "ai-sdk", "ag-ui"] as const

const agent = HttpApiEndpoint.get("agent", "/runs/:run/agent", {
  params: { run: Schema.String },
  query: {
    /** Behind which place it begins, as an `id` of the same form said it. */
    after,
    /** Our own events when absent. */
    format: optional(Schema.Literals(agentFormats)),
    /** Whether the runs of subagents come too; `true` when absent. */
    children: optional(Schema.Literals(["true", "false"]))
  },
  success: sse([
    event("message", Schema.Record(Schema.String, Schema.Unknown)),
    event("end", nothing),
    closing,
    refused
  ]),
  error: findErrors
}).annotate(RequiredScope, "read")

const all = HttpApiEndpoint.get("all", "/stream", {
  query: {
    /** Behind which position it begins; from now on where there is none. */
    after,
    workflow: optional(Schema.String),
    status: optional(Schema.Array(Schema.Literals(runStatuses))),
    /** Only commits of which the engine tells an event whose name fits this pattern, such as `engine.run.*`. */
    events: optional(Schema.String),
    root: optional(Schema.String)
  },
  success: sse([event("message", RunChange), event("position", nothing), reset, closing, refused]),
  error: findErrors
}).annotate(RequiredScope, "read")

/** The routes that are streams. */
export class StreamsGroup extends HttpApiGroup.make("streams").add(run, tokens, agent, all)
  .annotate(ForTenants, true)
{}
