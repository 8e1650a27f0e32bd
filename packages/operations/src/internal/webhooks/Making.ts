/** From events to deliveries: which endpoint is told of which event, and what. */
import { engineWorkflows } from "@fermata/core/BulkAct"
import * as EventName from "@fermata/core/EventName"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { EnqueueOp } from "@fermata/engine/Backend"
import { areOfOne } from "@fermata/engine/ChangeLog"
import type { ToldEvent } from "@fermata/engine/Events"
import type { EventMessage } from "@fermata/engine/StartRequest"
import * as WebhookTasks from "@fermata/engine/WebhookTasks"
import * as Predicate from "effect/Predicate"
import * as Bodies from "./Bodies.ts"
import * as EndpointRows from "./EndpointRows.ts"

/** Whether the endpoint is told of the event. */
export const concerns = ({ health, row, stored }: EndpointRows.Read, { event, position }: ToldEvent): boolean =>
  !health.gone &&
  isBehind(row.since, position) &&
  (Tenant.of(row.name) ?? stored.tenant ?? event.tenant) === event.tenant &&
  stored.events.some((pattern) => EventName.matches(pattern, event.name)) &&
  isOfWorkflow(stored.workflow, event)

/** The task by which an endpoint is told of an event. */
export const taskOf = (read: EndpointRows.Read, { at, event }: Omit<ToldEvent, "position">, now: number): EnqueueOp => {
  const run = runOf(event)
  return enqueue(
    read.row.name,
    {
      endpoint: read.row.name,
      event: event.name,
      eventId: event.id,
      ...(run === undefined ? {} : { run: Tenant.local(run) }),
      body: Bodies.ofEvent(event, at)
    },
    now,
    now + (EndpointRows.retryOf(read.stored)[0] ?? 0)
  )
}

/** The task that tells the endpoint, or the webhook of a run, of this name. */
export const enqueue = (
  name: string,
  payload: WebhookTasks.DeliveryPayload,
  now: number,
  notBefore = now
): EnqueueOp => ({
  op: "enqueue",
  task: {
    id: WebhookTasks.idOf(name, payload.eventId),
    queue: Tenant.qualify(Tenant.of(name), WebhookTasks.queue),
    kind: payload.event,
    source: null,
    subject: null,
    priority: 0,
    notBefore: notBefore <= now ? 0 : notBefore,
    lane: name,
    adapter: "",
    profile: null,
    dedupe: null,
    payload: StoredJson.textOf(payload),
    // Whoever sends it says when it has failed for good.
    maxAttempts: mostAttempts,
    waiterRun: null,
    waiterStep: null
  },
  onDuplicate: "join",
  isLimited: true,
  now
})

/** The run that an event of the engine is about. */
export const runOf = ({ name, payload }: EventMessage): string | undefined =>
  EventName.isReserved(name) && Predicate.isObject(payload) && "runId" in payload && typeof payload.runId === "string"
    ? payload.runId
    : undefined

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostAttempts = 1_000_000

/** What was committed before the endpoint came is not for it. A position of before the store was put back is of before. */
const isBehind = (since: string | null, position: string): boolean =>
  since === null || !areOfOne(since, position) || position > since

/** What the engine does for itself is told only where it is asked for by its name. */
const isOfWorkflow = (wanted: string | undefined, { name, payload, source }: EventMessage): boolean => {
  const workflow = EventName.isReserved(name) && Predicate.isObject(payload) && "workflow" in payload
    ? payload.workflow
    : source
  return wanted === undefined
    ? !engineWorkflows.includes(String(workflow))
    : workflow === wanted
}
