/** The routes that tell whether the server lives and what it has to do. */
import { Census, Owner, Reaped, ReapOptions } from "@fermata/core/Owner"
import { Dispatch } from "@fermata/core/TaskQueue"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import { DoneOnce } from "./Idempotency.ts"

const heartbeat = HttpApiEndpoint.get("heartbeat", "/heartbeat", {
  success: Schema.Struct({ status: Schema.Literal("alive") })
}).annotate(RequiredScope, "anyone")

const health = HttpApiEndpoint.get("health", "/health", {
  success: Schema.Struct({ status: Schema.Literal("healthy"), position: Schema.String })
}).annotate(RequiredScope, "anyone")

const workers = HttpApiEndpoint.get("workers", "/workers", {
  success: Schema.Struct({ workers: Schema.Array(Owner) })
}).annotate(RequiredScope, "read").annotate(ForTenants, true)

const { by: _, ...reapFields } = ReapOptions.fields

const reap = HttpApiEndpoint.post("reap", "/workers/reap", {
  payload: Schema.Struct(reapFields),
  success: Schema.Struct({ reaped: Schema.Array(Reaped) })
}).annotate(RequiredScope, "operate").annotate(DoneOnce, "itself")

const state = HttpApiEndpoint.get("state", "/state", {
  success: Schema.Struct({
    counts: Census,
    workers: Schema.Array(Owner),
    /** Tasks of all queues but the engine's own. */
    tasks: Schema.Struct({ queued: Schema.Int, running: Schema.Int }),
    /** Whether tasks are given out. */
    dispatch: Dispatch,
    /** The event that was published last, as far as it is kept; null for none. */
    lastEvent: Schema.NullOr(Schema.Struct({ id: Schema.String, name: Schema.String, at: Schema.Finite }))
  })
}).annotate(RequiredScope, "read")

/** What a process does, as Prometheus reads it. A process that serves nothing else may serve this route alone. */
export const metrics = HttpApiEndpoint.get("metrics", "/metrics", {
  success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" }))
}).annotate(RequiredScope, "read")

/** The routes about the server itself: `/api/heartbeat` touches no store, and `/api/health` does. */
export class SystemGroup extends HttpApiGroup.make("system").add(heartbeat, health, workers, reap, state, metrics) {}
