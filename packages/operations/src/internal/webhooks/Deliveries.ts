/** Deliveries as they are shown, and the queue that they are in. */
import * as Tenant from "@fermata/core/Tenant"
import * as TimeText from "@fermata/core/TimeText"
import type { Delivery, DeliveryPage, DeliveryStatus } from "@fermata/core/Webhook"
import type { StorageFailed, TaskAttemptRow, TaskRow, TaskRowFilter } from "@fermata/engine/Backend"
import type { Store } from "@fermata/engine/Store"
import * as WebhookTasks from "@fermata/engine/WebhookTasks"
import * as Effect from "effect/Effect"

/** The delivery in the row of a task; undefined where it is none. */
export const viewOf = (row: TaskRow): Delivery | undefined => {
  const payload = WebhookTasks.payloadOf(row)
  if (payload === undefined) return undefined
  const { endpoint, event, eventId, run } = payload
  const status = statuses[row.status as keyof typeof statuses]
  return {
    id: row.id,
    ...(endpoint === null ? {} : { endpoint }),
    ...(run === undefined ? {} : { run }),
    event,
    eventId,
    status,
    attempts: row.attempts,
    ...(row.status === "queued" && row.notBefore > 0 ? { nextAt: row.notBefore } : {}),
    ...(row.error === null ? {} : { error: (JSON.parse(row.error) as { readonly message: string }).message }),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt
  }
}

/** A delivery with each attempt; `url` is where its endpoint is now. */
export const pageOf = (
  row: TaskRow,
  payload: WebhookTasks.DeliveryPayload,
  attempts: ReadonlyArray<TaskAttemptRow>,
  url: string | undefined
): DeliveryPage => {
  const view = viewOf(row)!
  return {
    ...view,
    url: payload.target?.url ?? url ?? "",
    body: payload.body,
    tried: attempts.map((attempt) => WebhookTasks.attemptOf(row, attempt)),
    sentence: sentenceOf(view)
  }
}

/** Which tasks are deliveries to the endpoint of this name. */
export const filterOf = (endpoint: string): Pick<TaskRowFilter, "lane" | "queue"> => ({
  queue: Tenant.qualify(Tenant.of(endpoint), WebhookTasks.queue),
  lane: endpoint
})

/** The status of tasks that are deliveries of this status. */
export const taskStatusOf = (status: DeliveryStatus): string =>
  Object.entries(statuses).find(([, delivery]) => delivery === status)![0]

/** Requests to one endpoint at a time, unless the queue was set otherwise. */
const perEndpoint = 4

/** Sets the queue up, where nobody has. */
export const setUp = Effect.fnUntraced(function*(
  { backend }: Pick<Store["Service"], "backend">,
  now: number
): Effect.fn.Return<void, StorageFailed> {
  const queues = yield* backend.queues(undefined)
  if (queues.some(({ at, name }) => name === WebhookTasks.queue && at !== null)) return
  yield* backend.write([{
    op: "queue",
    name: WebhookTasks.queue,
    limits: {
      concurrency: null,
      perLane: perEndpoint,
      rateCount: null,
      ratePerMs: null,
      laneRateCount: null,
      laneRatePerMs: null,
      maxQueued: null,
      retry: null
    },
    by: "fermata",
    now
  }])
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const statuses = {
  queued: "queued",
  running: "sending",
  completed: "delivered",
  failed: "dead",
  cancelled: "cancelled"
} as const satisfies Record<string, DeliveryStatus>

const sentenceOf = ({ attempts, error, nextAt, status }: Delivery): string => {
  const tried = attempts === 1 ? "1 attempt" : `${attempts} attempts`
  const last = error === undefined ? "" : `; last: ${error}`
  switch (status) {
    case "delivered":
      return `It has arrived, with ${tried}.`
    case "sending":
      return `It is being sent, as attempt ${attempts}.`
    case "dead":
      return `It is dead after ${tried}${last}. It can be sent again.`
    case "cancelled":
      return `It was cancelled after ${tried}.`
    case "queued":
      return nextAt === undefined
        ? `It waits to be sent, after ${tried}${last}.`
        : `It is sent again at ${TimeText.time(nextAt)}, after ${tried}${last}.`
  }
}
