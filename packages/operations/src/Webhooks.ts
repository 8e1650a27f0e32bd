/**
 * Webhooks: endpoints that are told of what happens in a store, each event once
 * in a way that its receiver can check, and again until it has arrived.
 *
 * An event becomes a delivery for each endpoint that wants it, in the transaction
 * that says that the event was read. A delivery is a task of the queue
 * `engine.webhooks`, in the lane of its endpoint, so that it outlives any
 * process, has its attempts on record, and waits for nobody else's endpoint.
 */
import * as SchemaProblem from "@fermata/core/SchemaProblem"
import type { SecretRef } from "@fermata/core/SecretRef"
import * as Tenant from "@fermata/core/Tenant"
import {
  type Delivery,
  type DeliveryFilter,
  type DeliveryPage,
  type Endpoint,
  EndpointName,
  EndpointSettings,
  nameRule,
  type Redelivered
} from "@fermata/core/Webhook"
import { DeliveryNotFound, DeliveryOpen, EndpointNotFound, WebhookRefused } from "@fermata/core/WebhookErrors"
import * as AuditedActs from "@fermata/engine/AuditedActs"
import {
  type Answers,
  type DropEndpointOp,
  endpointOfRun,
  type RetryTaskOp,
  type StorageFailed,
  type TaskRow
} from "@fermata/engine/Backend"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import * as Egress from "@fermata/engine/Egress"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import { HostClock } from "@fermata/engine/HostClock"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { Store } from "@fermata/engine/Store"
import { Tasks } from "@fermata/engine/Tasks"
import * as WebhookTasks from "@fermata/engine/WebhookTasks"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Bodies from "./internal/webhooks/Bodies.ts"
import * as Breaker from "./internal/webhooks/Breaker.ts"
import * as Deliveries from "./internal/webhooks/Deliveries.ts"
import * as Delivering from "./internal/webhooks/Delivering.ts"
import * as EndpointRows from "./internal/webhooks/EndpointRows.ts"
import * as Endpoints from "./internal/webhooks/Endpoints.ts"
import * as Making from "./internal/webhooks/Making.ts"
import * as Sending from "./internal/webhooks/Sending.ts"
import { RunBody } from "./RunBody.ts"

/** On whose behalf something is done, where nobody acts (`CurrentActor`). */
export interface By {
  readonly by: string
}

/** Dead deliveries of an endpoint that are sent again. Times in ms since the epoch. */
export interface Redeliver extends By {
  /** Of events of this name. */
  readonly event?: string | undefined
  /** Made at this time or later, and at this time or earlier. */
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** How long (ms) requests are signed by the secret before too, once another has taken its place: a day. */
export const defaultOverlapMs = 86_400_000

/** How many deliveries one act sends again. */
export const mostRedelivered = 10_000

/** The endpoints of a store, and what is sent to them. */
export class Webhooks extends Context.Service<Webhooks, {
  /** Sets an endpoint, in place of one of this name; it is told of what is committed from its first setting on. */
  readonly put: (
    name: string,
    settings: EndpointSettings,
    options: By
  ) => Effect.Effect<Endpoint, WebhookRefused | StorageFailed>
  /** Those of the tenant of whoever asks, by name, at most `limit` (50 when absent), behind the one of the name `after`. */
  readonly list: (
    filter?: { readonly limit?: number; readonly after?: string }
  ) => Effect.Effect<ReadonlyArray<Endpoint>, StorageFailed>
  /** One of them. */
  readonly show: (name: string) => Effect.Effect<Endpoint, EndpointNotFound | StorageFailed>
  /** Takes an endpoint away. What is still on its way to it is dead. */
  readonly remove: (name: string, options: By) => Effect.Effect<Endpoint, EndpointNotFound | StorageFailed>
  /**
   * From now on requests are signed by another secret, and for `overlapMs`
   * (`defaultOverlapMs` when absent) by the one before too, so that a receiver
   * changes it when it likes.
   */
  readonly rotate: (
    name: string,
    options: By & { readonly secret: SecretRef; readonly overlapMs?: number }
  ) => Effect.Effect<Endpoint, EndpointNotFound | WebhookRefused | StorageFailed>
  /** What the endpoint is to be told of waits until it is resumed. */
  readonly pause: (name: string, options: By) => Effect.Effect<Endpoint, EndpointNotFound | StorageFailed>
  /** Ends a pause; an endpoint that was gone, or left alone because it failed, is told again at once. */
  readonly resume: (name: string, options: By) => Effect.Effect<Endpoint, EndpointNotFound | StorageFailed>
  /** Sends the endpoint an event `webhook.test`, on the way that all others go. */
  readonly test: (
    name: string,
    options: By
  ) => Effect.Effect<Delivery, EndpointNotFound | WebhookRefused | StorageFailed>
  /** Deliveries to an endpoint, the newest first. */
  readonly deliveries: (
    name: string,
    filter?: DeliveryFilter
  ) => Effect.Effect<ReadonlyArray<Delivery>, EndpointNotFound | StorageFailed>
  /** One delivery, also of the webhook of a run, with each attempt; only one to `endpoint` where that is given. */
  readonly delivery: (
    id: string,
    options?: { readonly endpoint?: string }
  ) => Effect.Effect<DeliveryPage, DeliveryNotFound | StorageFailed>
  /** Sends a delivery again that is dead, was cancelled, or has arrived before. */
  readonly redeliver: (
    id: string,
    options: By & { readonly endpoint?: string }
  ) => Effect.Effect<Delivery, DeliveryNotFound | DeliveryOpen | StorageFailed>
  /** Sends what a run has told its webhook again: the delivery of this id, or the one that an attempt of this id was of. */
  readonly redeliverOfRun: (
    run: string,
    delivery: string,
    options: By
  ) => Effect.Effect<Delivery, DeliveryNotFound | DeliveryOpen | StorageFailed>
  /** Sends all dead deliveries of an endpoint again, the oldest first: at most `mostRedelivered`. */
  readonly redeliverDead: (
    name: string,
    options: Redeliver
  ) => Effect.Effect<Redelivered, EndpointNotFound | StorageFailed>
}>()("@fermata/operations/Webhooks") {
  /** Those of the store of this process. Nothing is sent by this layer alone: see `served`. */
  static readonly layer: Layer.Layer<Webhooks, never, Store | Tasks> = Layer.effect(
    Webhooks,
    Effect.gen(function*() {
      const store = yield* Store
      const tasks = yield* Tasks
      const { backend } = store
      const endpoints = Endpoints.make(store)
      const { change, now } = endpoints
      const write = <O extends DropEndpointOp | RetryTaskOp>(op: O) =>
        Effect.map(backend.write([op]), ([answer]) => answer)

      const view = (read: EndpointRows.Read) => Effect.map(now, (at) => EndpointRows.viewOf(read, at))
      const found = Effect.fnUntraced(function*(name: string) {
        const id = yield* CurrentTenant.idOf(name)
        const read = Tenant.reaches(yield* CurrentTenant.current, id) ? yield* endpoints.find(id) : undefined
        return read ?? (yield* new EndpointNotFound({ endpoint: name.slice(0, 100) }))
      })
      /** Changes an endpoint that is there, as an act. */
      const act = Effect.fnUntraced(function*(
        name: string,
        { action, by, detail }: Pick<Endpoints.Doing, "action" | "by" | "detail">,
        next: (known: EndpointRows.Read, now: number) => Pick<EndpointRows.Read, "health" | "stored">
      ) {
        const { row } = yield* found(name)
        const at = yield* now
        const read = yield* change(row.name, (known) => known && next(known, at), {
          action,
          by,
          ...(detail === undefined ? {} : { detail }),
          answer: (read) => EndpointRows.viewOf(read, at)
        })
        if (read === undefined) return yield* new EndpointNotFound({ endpoint: name })
        yield* tasks.look
        return yield* view(read)
      })

      const rowOf = Effect.fnUntraced(function*(id: string, endpoint?: string) {
        const whole = yield* CurrentTenant.idOf(id)
        const lane = endpoint === undefined ? undefined : yield* CurrentTenant.idOf(endpoint)
        const row = Tenant.reaches(yield* CurrentTenant.current, whole) ? yield* backend.task(whole) : null
        const payload = row === null || Tenant.local(row.queue) !== WebhookTasks.queue
          ? undefined
          : WebhookTasks.payloadOf(row)
        return row === null || payload === undefined || (lane ?? row.lane) !== row.lane
          ? yield* new DeliveryNotFound({ delivery: id.slice(0, 100) })
          : { row, payload }
      })

      /** Has a delivery sent again, as an act. */
      const redeliver = Effect.fnUntraced(function*(row: TaskRow, by: string) {
        const at = yield* now
        const op: RetryTaskOp = { op: "retryTask", task: row.id, now: at, isDoneToo: true }
        const told = ({ task }: Answers["retryTask"]) => task === null ? null : Deliveries.viewOf(task) ?? null
        const act = yield* AuditedActs.of<Answers["retryTask"]>(
          () => at,
          { action: "webhook.redeliver", target: row.id, by },
          told
        )
        const answer = yield* AuditedActs.write(write<RetryTaskOp>, op, act)
        const delivery = told(answer)
        if (delivery === null) return yield* new DeliveryNotFound({ delivery: row.id })
        if (answer.result !== "queued") return yield* new DeliveryOpen({ delivery: row.id, status: delivery.status })
        yield* tasks.look
        return delivery
      })

      return Webhooks.of({
        put: Effect.fn("Webhooks.put")(function*(given, settings, { by }) {
          const name = yield* CurrentTenant.idOf(given)
          const { secret, ...rest } = yield* checked(given, settings, Tenant.of(name))
          const at = yield* now
          const read = yield* change(name, (known) => {
            const secrets = secret === undefined ? [] : [secret]
            const isElsewhere = known !== undefined && known.stored.url !== rest.url
            return {
              stored: { ...rest, secrets },
              // What was known of another place says nothing of this one.
              health: known === undefined || isElsewhere
                ? { ...Breaker.healthy, paused: known?.health.paused ?? false }
                : known.health
            }
          }, {
            action: "webhook.put",
            by,
            detail: { host: hostOf(rest.url), events: rest.events.join(" ") },
            answer: (read) => EndpointRows.viewOf(read, at)
          })
          yield* tasks.look
          return yield* view(read!)
        }),
        list: Effect.fn("Webhooks.list")(function*({ after, limit = 50 } = {}) {
          const tenant = yield* CurrentTenant.current
          const rows = yield* backend.endpoints({
            limit,
            tenant,
            ...(after === undefined ? {} : { after: Tenant.qualify(tenant, after) })
          })
          return yield* Effect.forEach(
            rows.flatMap((row) => EndpointRows.read(row) ?? []),
            view
          )
        }),
        show: Effect.fn("Webhooks.show")(function*(name) {
          return yield* view(yield* found(name))
        }),
        remove: Effect.fn("Webhooks.remove")(function*(name, { by }) {
          const read = yield* found(name)
          const gone = yield* view(read)
          const act = yield* AuditedActs.of<Answers["dropEndpoint"]>(
            () => read.row.updatedAt,
            { action: "webhook.rm", target: read.row.name, by, detail: { host: hostOf(read.stored.url) } },
            () => gone
          )
          const { dropped } = yield* AuditedActs.write(
            write<DropEndpointOp>,
            { op: "dropEndpoint", name: read.row.name },
            act
          )
          if (!dropped) return yield* new EndpointNotFound({ endpoint: name })
          // What waits for it ends.
          yield* endpoints.hold(read.row.name, Breaker.healthy)
          yield* tasks.look
          return gone
        }),
        rotate: Effect.fn("Webhooks.rotate")(function*(name, { by, overlapMs = defaultOverlapMs, secret }) {
          const ref = yield* Effect.mapError(readSecret(secret), (problem) => new WebhookRefused({ problem }))
          if (!(overlapMs >= 0 && overlapMs <= 30 * 86_400_000)) {
            return yield* new WebhookRefused({ problem: "overlapMs: give 0 ms to 30 days" })
          }
          return yield* act(name, {
            action: "webhook.rotate",
            by,
            detail: { secret: ref.secret, overlapMs }
          }, ({ health, stored }, at) => {
            const others = stored.secrets.filter((one) => one.secret !== ref.secret)
              .map(({ secret, until }) => ({ secret, until: Math.min(until ?? Infinity, at + overlapMs) }))
              .filter(({ until }) => until > at)
              .slice(0, mostSecrets - 1)
            return { health, stored: { ...stored, secrets: [{ secret: ref.secret }, ...others] } }
          })
        }),
        pause: Effect.fn("Webhooks.pause")((name, { by }) =>
          act(name, { action: "webhook.pause", by }, ({ health, stored }) => ({
            stored,
            health: { ...health, paused: true }
          }))
        ),
        resume: Effect.fn("Webhooks.resume")((name, { by }) =>
          act(name, { action: "webhook.resume", by }, ({ health, stored }) => ({
            stored,
            health: Breaker.resumed(health)
          }))
        ),
        test: Effect.fn("Webhooks.test")(function*(name, { by }) {
          const read = yield* found(name)
          const at = yield* now
          const eventId = `test:${(yield* WebCrypto).randomUUID()}`
          const op = Making.enqueue(read.row.name, {
            endpoint: read.row.name,
            event: Bodies.testEvent,
            eventId,
            body: Bodies.ofTest(Tenant.local(read.row.name), eventId, at)
          }, at)
          const told = (answer: Answers["enqueue"]) => "task" in answer ? Deliveries.viewOf(answer.task) : undefined
          const act = yield* AuditedActs.of<Answers["enqueue"]>(
            () => at,
            { action: "webhook.test", target: read.row.name, by },
            (answer) => told(answer) ?? null
          )
          const answer = yield* AuditedActs.write(
            (one: typeof op) => Effect.map(backend.write([one]), ([answer]) => answer),
            op,
            act
          )
          yield* tasks.look
          return told(answer) ??
            (yield* new WebhookRefused({ problem: "the queue of webhooks is full; wait until some are sent" }))
        }),
        deliveries: Effect.fn("Webhooks.deliveries")(function*(name, { before, event, limit = 50, status } = {}) {
          const { row } = yield* found(name)
          const rows = yield* backend.tasks({
            ...Deliveries.filterOf(row.name),
            limit,
            ...(event === undefined ? {} : { kind: event }),
            ...(status === undefined ? {} : { status: Deliveries.taskStatusOf(status) }),
            ...(before === undefined ? {} : { before: yield* CurrentTenant.idOf(before) })
          })
          return rows.flatMap((row) => Deliveries.viewOf(row) ?? [])
        }),
        delivery: Effect.fn("Webhooks.delivery")(function*(id, { endpoint } = {}) {
          const { payload, row } = yield* rowOf(id, endpoint)
          const attempts = yield* backend.taskAttempts(row.id)
          const read = payload.endpoint === null ? undefined : yield* endpoints.find(payload.endpoint)
          return Deliveries.pageOf(row, payload, attempts, read?.stored.url)
        }),
        redeliver: Effect.fn("Webhooks.redeliver")(function*(id, { by, endpoint }) {
          return yield* redeliver((yield* rowOf(id, endpoint)).row, by)
        }),
        redeliverOfRun: Effect.fn("Webhooks.redeliverOfRun")(function*(given, delivery, { by }) {
          const run = yield* CurrentTenant.idOf(given)
          const known = Tenant.reaches(yield* CurrentTenant.current, run)
            ? yield* backend.endpoint(endpointOfRun(run))
            : null
          for (const id of known === null ? [] : WebhookTasks.deliveriesOf(known.health)) {
            const row = yield* backend.task(id)
            if (row === null) continue
            const isMeant = Tenant.local(id) === Tenant.local(delivery) ||
              (yield* backend.taskAttempts(id)).some(({ attempt }) =>
                WebhookTasks.attemptIdOf(id, attempt) === delivery
              )
            if (isMeant) return yield* redeliver(row, by)
          }
          return yield* new DeliveryNotFound({ delivery: delivery.slice(0, 100) })
        }),
        redeliverDead: Effect.fn("Webhooks.redeliverDead")(function*(name, { by, event, since, until }) {
          const { row } = yield* found(name)
          const wanted = ({ createdAt }: TaskRow) =>
            createdAt >= (since ?? -Infinity) && createdAt <= (until ?? Infinity)
          const dead: Array<string> = []
          for (let before: string | undefined; dead.length <= mostRedelivered;) {
            const rows: ReadonlyArray<TaskRow> = yield* backend.tasks({
              ...Deliveries.filterOf(row.name),
              status: "failed",
              limit: pageSize,
              ...(event === undefined ? {} : { kind: event }),
              ...(before === undefined ? {} : { before })
            })
            dead.push(...rows.filter(wanted).map(({ id }) => id))
            const last = rows.at(-1)
            if (rows.length < pageSize || last === undefined || last.createdAt < (since ?? -Infinity)) break
            before = last.id
          }
          const ids = dead.toReversed().slice(0, mostRedelivered)
          const answer: Redelivered = { redelivered: ids.length, isMore: dead.length > ids.length }
          // Said before it is done: what a process that dies leaves is asked for again.
          const read = yield* change(row.name, (known) => known, {
            action: "webhook.redeliver-dead",
            by,
            detail: { ...answer, ...(event === undefined ? {} : { event }) },
            answer: () => answer
          })
          if (read === undefined) return yield* new EndpointNotFound({ endpoint: name })
          const at = yield* now
          for (let from = 0; from < ids.length; from += pageSize) {
            yield* backend.write(
              ids.slice(from, from + pageSize).map((task): RetryTaskOp => ({ op: "retryTask", task, now: at }))
            )
            yield* tasks.look
          }
          return answer
        })
      })
    })
  )

  /**
   * Has this process work for webhooks: make deliveries of what is committed, as
   * one of all processes that do, and send them. They go the way out of the
   * process (`Egress`), to hosts that its policy allows, signed by secrets that
   * it knows (`Secrets`).
   *
   * @param options.concurrency How many are on their way at a time; 16 when absent.
   */
  static readonly served = (
    { concurrency = 16 }: { readonly concurrency?: number } = {}
  ): Layer.Layer<never, never, Engine | Events | Feed | HostClock | Runs | Store | Tasks> =>
    Layer.effectDiscard(
      Effect.gen(function*() {
        const store = yield* Store
        const tasks = yield* Tasks
        const runs = yield* Runs
        const body = yield* RunBody
        const endpoints = Endpoints.make(store)
        yield* Delivering.run({
          store,
          tasks,
          endpoints,
          engine: yield* Engine,
          events: yield* Events,
          feed: yield* Feed,
          host: yield* HostClock,
          bodyOf: (run) => body.of(run, runs)
        })
        const send = Sending.make(endpoints, yield* Egress.CurrentEgress, yield* Secrets.CurrentSource)
        // No endpoint that is slow has all who send.
        yield* Effect.ignore(Deliveries.setUp(store, yield* endpoints.now))
        yield* Effect.orDie(tasks.serve({ queue: WebhookTasks.queue, concurrency, leaseMs: 60_000, run: send }))
      }).pipe(Effect.provideService(CurrentTenant.CurrentTenant, undefined))
    )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const pageSize = 200

/** Secrets by which a request is signed at a time. */
const mostSecrets = 4

/** Of an address, what is nobody's secret. */
const hostOf = (url: string): string => URL.canParse(url) ? new URL(url).host : ""

const readSettings = SchemaProblem.read(EndpointSettings)
const readSecret = SchemaProblem.read(EndpointSettings.fields.secret.schema)
const isName = Schema.is(EndpointName)

/** The settings as they are meant; refused with what is wrong. */
const checked = (
  name: string,
  settings: EndpointSettings,
  tenant: string | undefined
): Effect.Effect<EndpointSettings, WebhookRefused> =>
  Effect.gen(function*() {
    if (!isName(Tenant.local(name))) return yield* new WebhookRefused({ problem: nameRule })
    const read = yield* Effect.mapError(readSettings(settings), (problem) => new WebhookRefused({ problem }))
    return tenant === undefined || read.tenant === undefined || read.tenant === tenant
      ? read
      : yield* new WebhookRefused({
        problem: `tenant: it is an endpoint of the tenant ${tenant}, and hears of no other`
      })
  })
