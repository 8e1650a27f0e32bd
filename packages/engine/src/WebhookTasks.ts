/**
 * Deliveries of webhooks as the tasks that they are: how they are named, what
 * they hold, and what each attempt has come to. One delivery is one event on its
 * way to one endpoint, so its id follows from the two: however often an event is
 * read, it is delivered once.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import { type DeliveryAttempt, EndpointSecret, WebhookHeaders, WebhookProfile, WebhookUrl } from "@fermata/core/Webhook"
import * as Schema from "effect/Schema"
import type { TaskAttemptRow, TaskRow } from "./Backend.ts"
import { sha256HexNow } from "./Digest.ts"

/** The queue of deliveries. */
export const queue = "engine.webhooks"

/** What the task of a delivery holds. */
export const DeliveryPayload = Schema.Struct({
  /** The endpoint that is told, with its tenant; null for the webhook of a run. */
  endpoint: Schema.NullOr(Schema.String),
  /** Where the webhook of a run goes, and how. */
  target: Schema.optionalKey(Schema.Struct({
    url: WebhookUrl,
    secrets: Schema.Array(EndpointSecret),
    headers: WebhookHeaders,
    profile: WebhookProfile
  })),
  event: Schema.String,
  eventId: Schema.String,
  /** The run that the event is about, without its tenant. */
  run: Schema.optionalKey(Schema.String),
  /** What is sent. */
  body: Schema.String
})
export interface DeliveryPayload extends Schema.Schema.Type<typeof DeliveryPayload> {}

/** The payload in the row of a task; undefined where it is none of a delivery. */
export const payloadOf = ({ payload }: Pick<TaskRow, "payload">): DeliveryPayload | undefined => {
  const decoded = decode(payload)
  return decoded._tag === "Some" ? decoded.value : undefined
}

/** The id of the delivery of an event to the endpoint of this name, both with their tenants. */
export const idOf = (endpoint: string, eventId: string): string =>
  Tenant.qualify(Tenant.of(endpoint), `wh_${sha256HexNow(pairOf(endpoint, eventId)).slice(0, 32)}`)

/** The UUID of an attempt: the same whoever asks for it. */
export const attemptIdOf = (task: string, attempt: number): string => {
  const hex = sha256HexNow(`${task}.${attempt}`)
  const variant = (Number.parseInt(hex[16]!, 16) & 3 | 8).toString(16)
  // Of version 8, whose bits are whose makes them.
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20, 32)]
    .join("-")
}

/** What an attempt has come to. */
export const attemptOf = (
  task: Pick<TaskRow, "id" | "result">,
  { at, attempt, endedAt, error, outcome }: TaskAttemptRow
): DeliveryAttempt => {
  const failed = error === null ? undefined : JSON.parse(error) as { readonly code: string; readonly message: string }
  const httpCode = outcome === "completed"
    ? (JSON.parse(task.result ?? "null") as { readonly status?: number } | null)?.status
    : statusOf(failed?.code ?? "")
  return {
    id: attemptIdOf(task.id, attempt),
    attempt,
    at,
    ...(endedAt === null ? {} : { ms: endedAt - at }),
    status: statuses[outcome] ?? "failed",
    ...(httpCode === undefined ? {} : { httpCode }),
    ...(failed === undefined ? {} : { error: failed.message })
  }
}

/** The status of HTTP that a code tells (`http-503`); undefined where nobody has answered. */
export const statusOf = (code: string): number | undefined => {
  const found = /^http-(\d{3})$/.exec(code)
  return found === null ? undefined : Number(found[1])
}

/** How many deliveries of a run's webhook are known by it. */
export const mostOfRun = 100

/** What the row of a run's webhook has beside what it was set to: the ids of its latest deliveries, as JSON text. */
export const healthOf = (deliveries: ReadonlyArray<string>): string =>
  StoredJson.textOf({ deliveries: deliveries.slice(-mostOfRun) })

/** The ids of the latest deliveries of a run's webhook. */
export const deliveriesOf = (health: string): ReadonlyArray<string> => {
  const decoded = decodeHealth(health)
  return decoded._tag === "Some" ? decoded.value.deliveries : []
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeHealth = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ deliveries: Schema.Array(Schema.String) }))
)
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(DeliveryPayload))

/** No id has a line feed in it. */
const pairOf = (endpoint: string, eventId: string): string => `${endpoint}\n${eventId}`

const statuses: Readonly<Record<string, DeliveryAttempt["status"]>> = {
  running: "sending",
  completed: "delivered",
  failed: "failed",
  lost: "failed",
  released: "held",
  cancelled: "cancelled"
}
