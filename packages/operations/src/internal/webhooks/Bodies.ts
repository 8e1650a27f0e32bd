/** What is sent to endpoints, as text. */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { EventMessage } from "@fermata/engine/StartRequest"
import * as DateTime from "effect/DateTime"

/** Characters of JSON of the data of an event that are sent; what is longer is left out, and said so. */
export const mostData = 262_144

/**
 * An event as an endpoint is told of it: `type`, `timestamp`, the `id` of the
 * event, its `correlationId` and `tenant`, and its payload as `data`.
 */
export const ofEvent = (event: EventMessage, at: number): string => {
  const { correlationId, id, name, payload, tenant } = event
  const data = StoredJson.textOf(payload)
  return StoredJson.compose({
    type: name,
    timestamp: isoOf(at),
    id: Tenant.local(id),
    ...(correlationId === undefined ? {} : { correlationId: Tenant.local(correlationId) }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(data.length > mostData ? { data: null, omitted: data.length } : { data: payload })
  }).text
}

/** What a test sends. */
export const ofTest = (endpoint: string, id: string, at: number): string =>
  StoredJson.textOf({ type: testEvent, timestamp: isoOf(at), id, data: { endpoint } })

/** The name of the event that a test sends. */
export const testEvent = "webhook.test"

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isoOf = (at: number): string => DateTime.formatIso(DateTime.makeUnsafe(at))
