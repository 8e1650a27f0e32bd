/** The routes for the webhook of one run. */
import { Delivery, RunWebhook, RunWebhookState } from "@fermata/core/Webhook"
import { DeliveryNotFound, DeliveryOpen, WebhookRefused } from "@fermata/core/WebhookErrors"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Problem from "./Problem.ts"
import { actErrors, findErrors } from "./RunsGroup.ts"

const Run = { run: Schema.String }

const get = HttpApiEndpoint.get("get", "/:run/webhook", {
  params: Run,
  /** Absent where the run has none. */
  success: Schema.Struct({ webhook: Schema.optionalKey(RunWebhookState) }),
  error: findErrors
}).annotate(RequiredScope, "read")

/** From now on the run tells this webhook, in place of one that it has. */
const put = HttpApiEndpoint.put("put", "/:run/webhook", {
  params: Run,
  payload: RunWebhook,
  success: RunWebhookState,
  error: [...actErrors, Problem.of(WebhookRefused)]
}).annotate(RequiredScope, "operate")

const redeliver = HttpApiEndpoint.post("redeliver", "/:run/webhook/deliveries/:delivery/redeliver", {
  /** The id of a delivery, or of one of its attempts as the state of the run has it. */
  params: { ...Run, delivery: Schema.String },
  success: Delivery,
  error: [...findErrors, Problem.of(DeliveryNotFound), Problem.of(DeliveryOpen)]
}).annotate(RequiredScope, "operate")

/** The routes below `/api/runs/:run/webhook`. */
export class RunWebhooksGroup extends HttpApiGroup.make("runWebhooks").add(get, put, redeliver).prefix("/runs")
  .annotate(ForTenants, true)
{}
