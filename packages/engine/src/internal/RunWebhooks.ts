/** The webhook of one run: where it is kept, and what became of it. */
import { StartRefused } from "@fermata/core/RunsErrors"
import type { StartOptions } from "@fermata/core/RunStart"
import * as SchemaProblem from "@fermata/core/SchemaProblem"
import * as StoredJson from "@fermata/core/StoredJson"
import { defaultRunEvents, type RunDelivery, RunWebhook, type RunWebhookState } from "@fermata/core/Webhook"
import { WebhookRefused } from "@fermata/core/WebhookErrors"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import {
  type Answers,
  type Backend,
  endpointOfRun,
  type EndpointOp,
  type EndpointRow,
  type StorageFailed
} from "../Backend.ts"
import * as CurrentTenant from "../CurrentTenant.ts"
import type { StartRequest } from "../StartRequest.ts"
import * as WebhookTasks from "../WebhookTasks.ts"
import * as Acting from "./Acting.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"

export const make = ({ host }: Pick<EngineRuntime, "host">, backend: Backend) => {
  /** The row that keeps the webhook of a run, behind one that was seen. */
  const opOf = Effect.fnUntraced(function*(
    run: string,
    webhook: RunWebhook,
    by: string,
    known: EndpointRow | null
  ): Effect.fn.Return<EndpointOp, StorageFailed> {
    const now = host.now()
    return {
      op: "endpoint",
      seen: known?.version ?? null,
      row: {
        name: endpointOfRun(run),
        run,
        isOpen: true,
        settings: StoredJson.textOf(webhook),
        health: known?.health ?? WebhookTasks.healthOf([]),
        since: known === null ? yield* backend.position : known.since,
        by,
        createdAt: known?.createdAt ?? now,
        updatedAt: now
      }
    }
  })

  /**
   * Starts a run that may have a webhook, which is kept before: so nothing that the run comes to is missed, and that of
   * a start which came to nothing is told of nothing.
   */
  const starting = Effect.fnUntraced(function*<A, E>(
    { by = "unknown", webhook }: StartOptions,
    request: StartRequest,
    start: (request: StartRequest) => Effect.Effect<A, E>
  ): Effect.fn.Return<A, E | StartRefused | StorageFailed> {
    if (webhook === undefined) return yield* start(request)
    const checked = yield* Effect.mapError(
      check(webhook),
      (problem) => new StartRefused({ workflow: request.workflow, problem: `its webhook is none: ${problem}` })
    )
    const run = yield* CurrentTenant.idOf(request.id)
    if ((yield* backend.run(run)) === null) yield* backend.write([yield* opOf(run, checked, by, null)])
    return yield* start(request)
  })

  /** Keeps the webhook of an open run, in place of one that it has. */
  const set = Effect.fnUntraced(function*(
    run: string,
    webhook: RunWebhook,
    by: string
  ): Effect.fn.Return<RunWebhookState, WebhookRefused | StorageFailed> {
    const checked = yield* Effect.mapError(check(webhook), (problem) => new WebhookRefused({ problem }))
    for (let known = yield* backend.endpoint(endpointOfRun(run));;) {
      const act = yield* Acting.of<Answers["endpoint"]>(
        host.now,
        { action: "run.webhook", target: run, by, detail: { host: new URL(checked.url).host } },
        () => settingsIn(checked, [])
      )
      const { kept, row } = yield* Acting.write(
        (op: EndpointOp) => Effect.map(backend.write([op]), ([answer]) => answer),
        yield* opOf(run, checked, by, known),
        act
      )
      if (kept) return Option.getOrThrow(yield* stateOf(backend, run))
      known = row
    }
  })

  return { starting, set }
}

/** The webhook of a run with its deliveries; nothing where it has none. */
export const stateOf = Effect.fnUntraced(function*(
  backend: Backend,
  run: string
): Effect.fn.Return<Option.Option<RunWebhookState>, StorageFailed> {
  const row = yield* backend.endpoint(endpointOfRun(run))
  if (row === null) return Option.none()
  const deliveries: Array<RunDelivery> = []
  for (const id of WebhookTasks.deliveriesOf(row.health)) {
    const task = yield* backend.task(id)
    const payload = task === null ? undefined : WebhookTasks.payloadOf(task)
    if (task === null || payload === undefined) continue
    for (const attempt of yield* backend.taskAttempts(id)) {
      const { ms: _, ...told } = WebhookTasks.attemptOf(task, attempt)
      // What was not sent is no attempt.
      if (told.status !== "held") deliveries.push({ ...told, event: payload.event })
    }
  }
  return Option.some(settingsIn(yield* settingsOf(row), deliveries.toSorted((a, b) => a.at - b.at)))
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const check = SchemaProblem.read(RunWebhook)
const decodeStored = Schema.decodeUnknownEffect(Schema.fromJsonString(RunWebhook))

const settingsOf = ({ settings }: Pick<EndpointRow, "settings">): Effect.Effect<RunWebhook> =>
  Effect.orDie(decodeStored(settings))

const settingsIn = (
  { events = defaultRunEvents, profile = "standard", ...webhook }: RunWebhook,
  deliveries: ReadonlyArray<RunDelivery>
): RunWebhookState => ({ ...webhook, events, profile, deliveries })
