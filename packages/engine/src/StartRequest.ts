/**
 * A wish to start a run, as it travels through the outbox.
 */
import { Amount } from "@fermata/core/Amount"
import { PayloadRefused, StartRefused } from "@fermata/core/RunsErrors"
import type { StartOptions } from "@fermata/core/RunStart"
import * as StoredJson from "@fermata/core/StoredJson"
import { TaskRequest } from "@fermata/core/Task"
import * as Tenant from "@fermata/core/Tenant"
import { Trigger } from "@fermata/core/Trigger"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { OutboxRow, StartOp } from "./Backend.ts"
import * as RunTitle from "./internal/RunTitle.ts"

/** A run that is asked for, as it travels through the outbox. Values are encoded. */
export const StartRequest = Schema.Struct({
  id: Schema.String,
  workflow: Schema.String,
  version: Schema.String,
  /** `program`, or the kind of the document that the run is pinned to. */
  kind: Schema.String,
  definition: Schema.NullOr(Schema.String),
  root: Schema.String,
  parent: Schema.NullOr(Schema.String),
  /** A run that is told when this one ends. */
  listener: Schema.NullOr(Schema.String),
  payload: Schema.Unknown,
  by: Schema.optionalKey(Schema.String),
  trigger: Schema.optionalKey(Trigger),
  /** What the run is about; when absent, the first short text of its payload. */
  title: Schema.optionalKey(Schema.String),
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** What the run may spend. */
  granted: Schema.optionalKey(Amount),
  /** The span in which it is asked for, as `traceparent` of the W3C. */
  caller: Schema.optionalKey(Schema.String),
  /** The events that the run may ask for, and at which places in them; see `EventLog`. */
  subscriptions: Schema.Array(
    Schema.Struct({ event: Schema.String, paths: Schema.optionalKey(Schema.Array(Schema.String)) })
  )
})
export type StartRequest = typeof StartRequest.Type

/** A message to a run's inbox, as it travels through the outbox. */
export const InboxRequest = Schema.Struct({
  run: Schema.String,
  id: Schema.String,
  kind: Schema.String,
  message: Schema.Unknown
})
export type InboxRequest = typeof InboxRequest.Type

/** A run leaves another that it has asked for; the rest is the row that stops that one, should nobody want it any more. */
export const LeaveRequest = Schema.Struct({
  listener: Schema.String,
  run: Schema.String,
  id: Schema.String,
  kind: Schema.String,
  payload: Schema.String
})
export type LeaveRequest = typeof LeaveRequest.Type

/** A task that is asked for. It was acknowledged, so no limit refuses it. */
export const TaskMessage = Schema.Struct({
  /** The request, with an id, which is unique in its tenant. */
  request: TaskRequest,
  tenant: Schema.optionalKey(Schema.String),
  /** The run, and the step in it, that wait for its end. */
  waiter: Schema.optionalKey(Schema.Struct({ run: Schema.String, step: Schema.String }))
})
export type TaskMessage = typeof TaskMessage.Type

/** A run of a schedule has ended. */
export const FreeRequest = Schema.Struct({ schedule: Schema.String, run: Schema.String })
export type FreeRequest = typeof FreeRequest.Type

/** A published event. Events of one run carry its id as `correlationId`. */
export const EventMessage = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  payload: Schema.Unknown,
  correlationId: Schema.optionalKey(Schema.String),
  source: Schema.optionalKey(Schema.String),
  /** The tenant in which it is published, whose name then stands before its id too. */
  tenant: Schema.optionalKey(Schema.String),
  /** Whoever publishes it, on its way to the runs that it starts; it is not kept. */
  by: Schema.optionalKey(Schema.String)
})
export type EventMessage = typeof EventMessage.Type

/** The row of the outbox in which an event travels. */
export const outboxRow = (event: EventMessage): OutboxRow => ({
  id: `event:${event.id}`,
  kind: "event",
  payload: StoredJson.compose({ ...event }).text
})

/** The row of the outbox in which a task travels. The id is that of the task, so that it is asked for once. */
export const taskRow = (message: TaskMessage & { readonly request: { readonly id: string } }): OutboxRow => ({
  id: `task:${Tenant.qualify(message.tenant, message.request.id)}`,
  kind: "task",
  payload: StoredJson.compose({ ...message, request: StoredJson.compose({ ...message.request }) }).text
})

/** The `source` of events that the engine tells. */
export const engineSource = "engine"

/** The operation that carries out a start request at this time; `askedBy` is the run that it comes from. Its first entry is `RunRequested`. */
export const startOp = (
  request: StartRequest,
  at: number,
  owner: string | null,
  askedBy: string | null = request.parent
): {
  readonly op: StartOp
  readonly entry: object
} => {
  const entry = {
    seq: 0,
    at,
    epoch: 0,
    _tag: "RunRequested",
    workflow: request.workflow,
    version: request.version,
    payload: request.payload,
    ...(request.by === undefined ? {} : { by: request.by }),
    ...(request.parent === null ? {} : { parent: request.parent }),
    ...(request.trigger === undefined ? {} : { trigger: request.trigger }),
    ...(request.granted === undefined ? {} : { granted: request.granted }),
    ...(request.caller === undefined ? {} : { caller: request.caller })
  }
  const title = request.title === undefined ? RunTitle.ofPayload(request.payload) : RunTitle.of(request.title)
  return {
    entry,
    op: {
      op: "start",
      run: {
        id: request.id,
        workflow: request.workflow,
        version: request.version,
        kind: request.kind,
        definition: request.definition,
        root: request.root,
        parent: request.parent,
        status: "queued",
        owner,
        dueAt: 0,
        createdAt: at,
        ...(title === undefined ? {} : { title }),
        ...(request.labels === undefined ? {} : { labels: request.labels })
      },
      rows: [],
      blobs: [],
      subscriptions: request.subscriptions.map(({ event, paths = [] }) => ({
        run: request.id,
        event: Tenant.qualify(Tenant.of(request.id), event),
        paths
      })),
      ...(request.trigger === undefined ? {} : { since: request.trigger.id }),
      ...(askedBy === null ? {} : { askedBy }),
      listener: request.listener
    }
  }
}

/** The request as the tenant has it: a run of that tenant. */
export const inTenant = (request: StartRequest, tenant: string | undefined): StartRequest => {
  const id = Tenant.qualify(tenant, request.id)
  return id === request.id ? request : { ...request, id, root: request.root === request.id ? id : request.root }
}

/** The payload as text; fails when it cannot be stored. */
export const payloadText = (workflow: string, payload: unknown): Effect.Effect<StoredJson.StoredJson, PayloadRefused> =>
  Effect.suspend(() =>
    Effect.fromResult(
      Result.mapError(StoredJson.of(payload ?? null), ({ reason }) =>
        new PayloadRefused({ workflow, problem: `it cannot be stored: ${reason}` }))
    )
  )

/** An empty key is most often a variable that was not set, and would make all such starts one run. */
export const checkKey = (workflow: string, key: string | undefined): Effect.Effect<void, StartRefused> =>
  key === ""
    ? Effect.fail(
      new StartRefused({ workflow, problem: "its key is empty; give a text that stands for this run, or no key" })
    )
    : Effect.void

/** The request with the title and the labels that the run is started with. A run that nothing names is told by its key. */
export const described = (
  request: StartRequest,
  { key, labels, title = request.title ?? key }: Pick<StartOptions, "key" | "labels" | "title">
): Effect.Effect<StartRequest, StartRefused> => {
  const problem = labels === undefined ? undefined : problemOfLabels(labels)
  return problem !== undefined
    ? Effect.fail(new StartRefused({ workflow: request.workflow, problem }))
    : Effect.succeed({
      ...request,
      ...(title === undefined ? {} : { title }),
      ...(labels === undefined || Object.keys(labels).length === 0 ? {} : { labels: { ...labels } })
    })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostLabels = { count: 20, name: 63, value: 200 }

const problemOfLabels = (labels: Readonly<Record<string, string>>): string | undefined => {
  const names = Object.keys(labels)
  if (names.length > mostLabels.count) return `it has ${names.length} labels; at most ${mostLabels.count} are kept`
  for (const name of names) {
    const { length } = labels[name]!
    if (!/^[\w./-]+$/.test(name) || name.length > mostLabels.name) {
      return `the name of its label ${
        StoredJson.quote(name)
      } is none: give up to ${mostLabels.name} letters, digits and _ . / -`
    }
    if (length === 0 || length > mostLabels.value) {
      return `its label ${name} has ${length} characters; give 1 to ${mostLabels.value}`
    }
  }
  return undefined
}
