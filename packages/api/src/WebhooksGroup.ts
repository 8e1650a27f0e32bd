/** The routes for webhooks that go out: endpoints, and what is sent to them. */
import { SecretRef } from "@fermata/core/SecretRef"
import { Delivery, DeliveryFilter, DeliveryPage, Endpoint, EndpointSettings, Redelivered } from "@fermata/core/Webhook"
import { DeliveryNotFound, DeliveryOpen, EndpointNotFound, WebhookRefused } from "@fermata/core/WebhookErrors"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Paging from "./Paging.ts"
import * as Problem from "./Problem.ts"

/** Endpoints by name. */
export const EndpointPage = Schema.Struct({ endpoints: Schema.Array(Endpoint), ...Paging.next })
export interface EndpointPage extends Schema.Schema.Type<typeof EndpointPage> {}

/** Deliveries, the newest first. */
export const DeliveriesPage = Schema.Struct({ deliveries: Schema.Array(Delivery), ...Paging.next })
export interface DeliveriesPage extends Schema.Schema.Type<typeof DeliveriesPage> {}

const Params = { webhook: Schema.String }
const missing = Problem.of(EndpointNotFound)
const refused = Problem.of(WebhookRefused)

const list = HttpApiEndpoint.get("list", "/", {
  query: Paging.query,
  success: EndpointPage
}).annotate(RequiredScope, "read")

const get = HttpApiEndpoint.get("get", "/:webhook", {
  params: Params,
  success: Endpoint,
  error: missing
}).annotate(RequiredScope, "read")

/** Sets an endpoint, in place of the one of its name. It says where the store tells what it knows, so it takes the scope `admin`. */
const put = HttpApiEndpoint.put("put", "/:webhook", {
  params: Params,
  payload: EndpointSettings,
  success: Endpoint,
  error: refused
}).annotate(RequiredScope, "admin")

const remove = HttpApiEndpoint.delete("remove", "/:webhook", {
  params: Params,
  success: Endpoint,
  error: missing
}).annotate(RequiredScope, "admin")

const rotate = HttpApiEndpoint.post("rotate", "/:webhook/rotate", {
  params: Params,
  payload: Schema.Struct({
    ...SecretRef.fields,
    /** How long (ms) the secret before signs too; a day when absent. */
    overlapMs: Schema.optionalKey(Schema.Int)
  }),
  success: Endpoint,
  error: [missing, refused]
}).annotate(RequiredScope, "admin")

const pause = HttpApiEndpoint.post("pause", "/:webhook/pause", {
  params: Params,
  success: Endpoint,
  error: missing
}).annotate(RequiredScope, "operate")

const resume = HttpApiEndpoint.post("resume", "/:webhook/resume", {
  params: Params,
  success: Endpoint,
  error: missing
}).annotate(RequiredScope, "operate")

const test = HttpApiEndpoint.post("test", "/:webhook/test", {
  params: Params,
  success: Delivery,
  error: [missing, refused]
}).annotate(RequiredScope, "operate")

const { before: _before, limit: _limit, ...filter } = DeliveryFilter.fields

const deliveries = HttpApiEndpoint.get("deliveries", "/:webhook/deliveries", {
  params: Params,
  query: { ...filter, ...Paging.query },
  success: DeliveriesPage,
  error: missing
}).annotate(RequiredScope, "read")

const OneParams = { ...Params, delivery: Schema.String }

const delivery = HttpApiEndpoint.get("delivery", "/:webhook/deliveries/:delivery", {
  params: OneParams,
  success: DeliveryPage,
  error: Problem.of(DeliveryNotFound)
}).annotate(RequiredScope, "read")

const redeliver = HttpApiEndpoint.post("redeliver", "/:webhook/deliveries/:delivery/redeliver", {
  params: OneParams,
  success: Delivery,
  error: [Problem.of(DeliveryNotFound), Problem.of(DeliveryOpen)]
}).annotate(RequiredScope, "operate")

/** Sends all dead deliveries of the endpoint again. */
const actions = HttpApiEndpoint.post("actions", "/:webhook/deliveries/actions", {
  params: Params,
  payload: Schema.Struct({
    action: Schema.Literal("redeliver"),
    /** Only of events of this name. */
    event: Schema.optionalKey(Schema.String),
    /** Only those made then or later, and then or earlier; ms since the epoch. */
    since: Schema.optionalKey(Schema.Finite),
    until: Schema.optionalKey(Schema.Finite)
  }),
  success: Redelivered,
  error: missing
}).annotate(RequiredScope, "operate")

/** The routes below `/api/webhooks`. */
export class WebhooksGroup extends HttpApiGroup.make("webhooks")
  .add(list, get, put, remove, rotate, pause, resume, test, deliveries, actions, delivery, redeliver)
  .prefix("/webhooks")
  .annotate(ForTenants, true)
{}
