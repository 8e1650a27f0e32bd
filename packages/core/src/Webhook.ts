/**
 * Webhooks: requests by which a store tells others what has happened. An
 * endpoint is told of events by their names, and a run may have a webhook of its
 * own, given at its start. Times are ms since the epoch.
 */
import * as Schema from "effect/Schema"
import * as EventName from "./EventName.ts"
import { SecretRef } from "./SecretRef.ts"
import { TenantName } from "./Tenant.ts"

/** What the name of an endpoint is, as a sentence for people. */
export const nameRule =
  "the name of an endpoint is 1 to 63 lower-case letters, digits and . _ -, with a letter or a digit at the front"

/** The name of an endpoint, without its tenant. */
export const EndpointName = Schema.String.check(
  Schema.isPattern(/^[a-z0-9][a-z0-9._-]{0,62}$/, { expected: nameRule })
)

/** Where webhooks go. Whether one may go there is up to the egress policy of whoever sends. */
export const WebhookUrl = Schema.String.check(
  Schema.isMaxLength(2_000),
  Schema.isPattern(/^https?:\/\/[^\s/@]+(\/[^\s]*)?$/i, {
    expected: "an address that begins with https:// or http:// and names nobody before an @"
  }),
  Schema.makeFilter((url) => URL.canParse(url) || "it cannot be read as an address")
)

/**
 * Which headers tell what is sent: those of Standard Webhooks alone, or beside
 * them those of the `lamachina` engine (`X-LaMachina-Event`, `-RunId`,
 * `-Delivery`, `-Timestamp` and `-Signature`).
 */
export const WebhookProfile = Schema.Literals(["standard", "lamachina"])
export type WebhookProfile = typeof WebhookProfile.Type

/** Headers that say how a message travels, or who sends it, are not the user's to set. */
const own =
  "content-(type|length|encoding)|host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|webhook-.*|x-lamachina-.*"

const HeaderName = Schema.String.check(
  Schema.isPattern(new RegExp(`^(?!(?:${own})$)[A-Za-z0-9!#$%&'*+.^_|~-]{1,100}$`, "i"), {
    expected: "the name of a header that the sender does not set itself"
  })
)

/** The value of a header: text of visible characters and spaces, or a reference to the secret that holds it. */
const HeaderValue = Schema.Union([
  Schema.String.check(
    Schema.isPattern(/^[\x20-\x7e]{0,2000}$/, {
      expected: "a text of up to 2000 visible characters of ASCII and spaces"
    })
  ),
  SecretRef
])

/** Headers that go along with each request, by their names; at most 20. */
export const WebhookHeaders = Schema.Record(HeaderName, HeaderValue).check(Schema.isMaxProperties(20))
export interface WebhookHeaders extends Schema.Schema.Type<typeof WebhookHeaders> {}

/** How long (ms) it is waited before each attempt: at once, 10 s, 60 s, 5 min, 30 min. Then the delivery is dead. */
export const defaultRetryMs: ReadonlyArray<number> = [0, 10_000, 60_000, 300_000, 1_800_000]

/** How long (ms) a receiver may take for its answer. */
export const defaultTimeoutMs = 15_000

/** What an endpoint is: where it is, which events it is told of, and how. */
export const EndpointSettings = Schema.Struct({
  url: WebhookUrl,
  /** Names and patterns of events (`ticket.*`, `engine.run.completed`): published ones, and those that the engine tells. */
  events: Schema.Array(EventName.EventPattern).check(Schema.isMinLength(1), Schema.isMaxLength(50)),
  /** Only events that the engine tells about runs of this workflow. */
  workflow: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200))),
  /** Only events of this tenant, for an endpoint that is of none and hears all. */
  tenant: Schema.optionalKey(TenantName),
  /** By which requests are signed; unsigned when absent. For the profile `standard` it is base64, with `whsec_` before it or not. */
  secret: Schema.optionalKey(SecretRef),
  /** `standard` when absent. */
  profile: Schema.optionalKey(WebhookProfile),
  headers: Schema.optionalKey(WebhookHeaders),
  /** ms before each attempt, the first too; `defaultRetryMs` when absent. */
  retryMs: Schema.optionalKey(
    Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 604_800_000 }))).check(
      Schema.isMinLength(1),
      Schema.isMaxLength(20)
    )
  ),
  /** ms; `defaultTimeoutMs` when absent. */
  timeoutMs: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 60_000 })))
})
export interface EndpointSettings extends Schema.Schema.Type<typeof EndpointSettings> {}

/** A secret that requests are signed by: the first for good, the others until they are no longer asked for. */
export const EndpointSecret = Schema.Struct({
  secret: SecretRef.fields.secret,
  until: Schema.optionalKey(Schema.Finite)
})
export interface EndpointSecret extends Schema.Schema.Type<typeof EndpointSecret> {}

/**
 * How an endpoint stands. `ok`; `open`: it has failed so often in a row that
 * nothing is sent until `openUntil`; `half`: then one request tries it;
 * `paused`: somebody has paused it, and what it is to be told of waits; `gone`:
 * it has answered 410, and it is told of nothing until it is resumed.
 */
export const EndpointState = Schema.Literals(["ok", "open", "half", "paused", "gone"])
export type EndpointState = typeof EndpointState.Type

const { secret: _secret, ...settings } = EndpointSettings.fields

/** An endpoint, and how it stands. */
export const Endpoint = Schema.Struct({
  name: Schema.String,
  ...settings,
  secrets: Schema.Array(EndpointSecret),
  state: EndpointState,
  /** Attempts that have failed in a row. */
  failures: Schema.Int,
  /** Until when nothing is sent to it. */
  openUntil: Schema.optionalKey(Schema.Finite),
  /** Deliveries that were not made because its queue was full. */
  dropped: Schema.Int,
  /** How it stands, in one sentence. */
  sentence: Schema.String,
  by: Schema.String,
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite
})
export interface Endpoint extends Schema.Schema.Type<typeof Endpoint> {}

/** What a webhook of one run tells: that the run waits for somebody, is done, has failed, or was cancelled. */
export const RunWebhookEvent = Schema.Literals(["paused", "done", "failed", "cancelled"])
export type RunWebhookEvent = typeof RunWebhookEvent.Type

/** What a webhook of a run tells where it does not say. */
export const defaultRunEvents: ReadonlyArray<RunWebhookEvent> = ["paused", "done", "failed"]

/** The webhook of one run, given at its start or when it is resumed. */
export const RunWebhook = Schema.Struct({
  url: WebhookUrl,
  /** `paused`, `done` and `failed` when absent. */
  events: Schema.optionalKey(Schema.Array(RunWebhookEvent).check(Schema.isMinLength(1), Schema.isMaxLength(4))),
  secret: EndpointSettings.fields.secret,
  headers: EndpointSettings.fields.headers,
  profile: EndpointSettings.fields.profile
})
export interface RunWebhook extends Schema.Schema.Type<typeof RunWebhook> {}

/** One request that was sent, or is about to be. */
export const DeliveryAttempt = Schema.Struct({
  /** A UUID, which the request carries where the profile has a header for it. */
  id: Schema.String,
  /** From 1 on. */
  attempt: Schema.Int,
  at: Schema.Finite,
  /** How long it took. */
  ms: Schema.optionalKey(Schema.Finite),
  /** `held`: it was not sent, since the endpoint was not to be tried yet. */
  status: Schema.Literals(["sending", "delivered", "failed", "held", "cancelled"]),
  /** What the receiver has answered. */
  httpCode: Schema.optionalKey(Schema.Int),
  error: Schema.optionalKey(Schema.String)
})
export interface DeliveryAttempt extends Schema.Schema.Type<typeof DeliveryAttempt> {}

/** How a delivery stands. `dead`: it is not tried again unless somebody asks for it. */
export const DeliveryStatus = Schema.Literals(["queued", "sending", "delivered", "dead", "cancelled"])
export type DeliveryStatus = typeof DeliveryStatus.Type

/** One event on its way to one endpoint, or that has come there. */
export const Delivery = Schema.Struct({
  /** The id of the message (`webhook-id`), the same in each attempt. */
  id: Schema.String,
  /** The endpoint that is told; absent for the webhook of a run. */
  endpoint: Schema.optionalKey(Schema.String),
  /** The run that the event is about. */
  run: Schema.optionalKey(Schema.String),
  /** The name of the event; `status.done` and so on for the webhook of a run. */
  event: Schema.String,
  /** The id of the event. */
  eventId: Schema.String,
  status: DeliveryStatus,
  attempts: Schema.Int,
  /** When it is tried next. */
  nextAt: Schema.optionalKey(Schema.Finite),
  /** Why the last attempt failed. */
  error: Schema.optionalKey(Schema.String),
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite
})
export interface Delivery extends Schema.Schema.Type<typeof Delivery> {}

/** A delivery with what is sent, and each attempt. */
export const DeliveryPage = Schema.Struct({
  ...Delivery.fields,
  url: Schema.String,
  /** What is sent, as text. */
  body: Schema.String,
  tried: Schema.Array(DeliveryAttempt),
  /** How it stands, in one sentence. */
  sentence: Schema.String
})
export interface DeliveryPage extends Schema.Schema.Type<typeof DeliveryPage> {}

/** Which deliveries of an endpoint are meant: those that have all of these, the newest first. */
export const DeliveryFilter = Schema.Struct({
  status: Schema.optionalKey(DeliveryStatus),
  event: Schema.optionalKey(Schema.String),
  /** At most this many, from 1 to 500; 50 when absent. */
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 500 }))),
  /** Those made before the one with this id. */
  before: Schema.optionalKey(Schema.String)
})
export interface DeliveryFilter extends Schema.Schema.Type<typeof DeliveryFilter> {}

/** What came of having dead deliveries sent again. */
export const Redelivered = Schema.Struct({
  /** How many are sent again. */
  redelivered: Schema.Int,
  /** There are more: ask again. */
  isMore: Schema.Boolean
})
export interface Redelivered extends Schema.Schema.Type<typeof Redelivered> {}

/** One attempt of the webhook of a run, as the state document has it. */
export const RunDelivery = Schema.Struct({
  id: Schema.String,
  event: Schema.String,
  attempt: Schema.Int,
  status: DeliveryAttempt.fields.status,
  httpCode: Schema.optionalKey(Schema.Int),
  error: Schema.optionalKey(Schema.String),
  at: Schema.Finite
})
export interface RunDelivery extends Schema.Schema.Type<typeof RunDelivery> {}

/** The webhook of a run, and what became of it. A secret is a reference. */
export const RunWebhookState = Schema.Struct({
  url: Schema.String,
  events: Schema.Array(RunWebhookEvent),
  secret: Schema.optionalKey(SecretRef),
  headers: Schema.optionalKey(WebhookHeaders),
  profile: WebhookProfile,
  /** Each attempt, in order: of the latest 100 deliveries. */
  deliveries: Schema.Array(RunDelivery)
})
export interface RunWebhookState extends Schema.Schema.Type<typeof RunWebhookState> {}
