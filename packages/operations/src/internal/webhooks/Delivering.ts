/**
 * Makes deliveries of what is committed: one process at a time reads the events
 * behind a bookmark that all share, and adds their deliveries in the transaction
 * that moves it. So none is lost with the process that reads, and since the id of
 * a delivery is that of its event and its endpoint, none is made twice by two.
 */
import * as Tenant from "@fermata/core/Tenant"
import { defaultRunEvents, RunWebhook } from "@fermata/core/Webhook"
import {
  type Answers,
  endpointOfRun,
  type EndpointOp,
  type EndpointRow,
  type EnqueueOp,
  type Op,
  type StorageFailed
} from "@fermata/engine/Backend"
import { areOfOne } from "@fermata/engine/ChangeLog"
import type { Engine } from "@fermata/engine/Engine"
import type { Events, ToldEvent } from "@fermata/engine/Events"
import type { Feed } from "@fermata/engine/Feed"
import type { HostClock } from "@fermata/engine/HostClock"
import type { Store } from "@fermata/engine/Store"
import type { Tasks } from "@fermata/engine/Tasks"
import * as WebhookTasks from "@fermata/engine/WebhookTasks"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EndpointRows from "./EndpointRows.ts"
import type { Endpoints } from "./Endpoints.ts"
import * as Making from "./Making.ts"
import * as RunEvents from "./RunEvents.ts"

/** What the webhook of a run is sent, by the whole id of the run; as text of JSON. */
export type BodyOf = (run: string) => Effect.Effect<string, StorageFailed>

interface Parts {
  readonly store: Store["Service"]
  readonly engine: Engine["Service"]
  readonly events: Events["Service"]
  readonly feed: Feed["Service"]
  readonly tasks: Tasks["Service"]
  readonly host: HostClock["Service"]
  readonly endpoints: Endpoints
  readonly bodyOf: BodyOf
}

/** The name of the bookmark. */
const name = "webhooks"
/** How long (ms) a process that says nothing keeps the others from reading. */
const leaseMs = 20_000
/** How long (ms) events are gathered before deliveries are made of them. */
const gatherMs = 200
/** How long (ms) a reader whose store fails waits. */
const pauseMs = 1_000
/** How often (ms) the bookmark is moved where nobody is to be told of anything. */
const idleMoveMs = 60_000
/** How many endpoints are read at a time. */
const pageSize = 500

/** Makes deliveries until the scope closes. */
export const run = Effect.fnUntraced(function*(parts: Parts): Effect.fn.Return<void, never, Scope.Scope> {
  const { engine, events, feed, host, store, tasks } = parts
  const { backend } = store

  const bookmark = (until: number, move?: { readonly from: string | null; readonly to: string }): Extract<
    Op,
    { readonly op: "bookmark" }
  > => ({
    op: "bookmark",
    name,
    holder: engine.ownerId,
    now: host.now(),
    until,
    ...(move === undefined ? {} : { move })
  })
  const take = () => Effect.map(backend.write([bookmark(host.now() + leaseMs)]), ([answer]) => answer)

  /** Waits until something is committed behind the position. */
  const something = (position: string) =>
    feed.written.pipe(
      Stream.mapEffect(() => backend.changes(position, 1)),
      Stream.filter(({ reset, rows }) => rows.length > 0 || reset === true),
      Stream.take(1),
      Stream.runDrain
    )

  /** Behind this, all is done. */
  let done: string | undefined
  let movedAt = host.now()

  const round = Effect.gen(function*() {
    if (done !== undefined) yield* something(done)
    done = undefined
    yield* host.sleep(gatherMs)
    // Before the endpoints are read, so that one which comes then is told of what comes behind it.
    const here = yield* backend.position
    const endpoints = yield* allOf(backend)
    const tellsRuns = yield* backend.anyRunEndpoint
    if (endpoints.length === 0 && !tellsRuns && host.now() - movedAt < idleMoveMs) {
      done = here
      return
    }
    const { held, position, until } = yield* take()
    // Another process reads. Should it die, this one goes on.
    if (!held) return yield* host.sleep(Math.max(pauseMs, until - host.now()))
    if (endpoints.length === 0 && !tellsRuns) {
      yield* backend.write([bookmark(host.now() + leaseMs, { from: position, to: here })])
      movedAt = host.now()
      done = here
      return
    }
    const told = yield* events.behind(behindAll(position, tellsRuns ? [] : endpoints))
    if (told.hindrance === "unread") {
      yield* backend.write([bookmark(host.now())])
      return yield* host.sleep(leaseMs)
    }
    yield* make(told.events, endpoints, bookmark(host.now() + leaseMs, { from: position, to: told.next }))
    movedAt = host.now()
    if (!told.isMore) done = told.next
  })

  const make = Effect.fnUntraced(function*(
    events: ReadonlyArray<ToldEvent>,
    endpoints: ReadonlyArray<EndpointRows.Read>,
    move: Extract<Op, { readonly op: "bookmark" }>
  ) {
    const now = yield* parts.endpoints.now
    const added: Array<EnqueueOp> = []
    const runs = new RunRows(parts)
    for (const event of events) {
      for (const endpoint of endpoints) {
        if (Making.concerns(endpoint, event)) added.push(Making.taskOf(endpoint, event, now))
      }
      added.push(...(yield* runs.told(event, now)))
    }
    const answers = yield* backend.write([...added, ...runs.ops, move])
    for (const [index, op] of runs.ops.entries()) {
      const { kept, row } = answers[added.length + index] as Answers["endpoint"]
      if (!kept) yield* again(op, row)
    }
    if (added.length === 0) return
    yield* tasks.look
    const full = new Map<string, number>()
    for (const [index, { task }] of added.entries()) {
      const answer = answers[index] as { readonly result: string }
      if (answer.result === "full") full.set(task.lane, (full.get(task.lane) ?? 0) + 1)
    }
    yield* Effect.forEach(full, ([endpoint, count]) =>
      Effect.andThen(
        Effect.logWarning(`the queue of webhooks is full: ${count} deliveries to ${endpoint} are not made`),
        parts.endpoints.change(endpoint, (known) =>
          known === undefined ? undefined : {
            ...known,
            health: { ...known.health, dropped: known.health.dropped + count }
          })
      ), { discard: true })
  })

  /** Somebody has given the run another webhook meanwhile: what has become of the one before is kept with that. */
  const again = Effect.fnUntraced(function*({ row }: EndpointOp, seen: EndpointRow | null) {
    for (let known = seen; known !== null;) {
      const { version, ...other } = known
      const health = WebhookTasks.healthOf([
        ...new Set([...WebhookTasks.deliveriesOf(known.health), ...WebhookTasks.deliveriesOf(row.health)])
      ])
      const op: EndpointOp = { op: "endpoint", seen: version, row: { ...other, health, isOpen: row.isOpen } }
      const [answer] = yield* backend.write([op])
      if (answer.kept) return
      known = answer.row
    }
  })

  yield* Effect.addFinalizer(() =>
    // Who comes next need not wait.
    Effect.ignore(Effect.timeoutOption(backend.write([bookmark(host.now())]), 1_000))
  )
  yield* Effect.forkScoped(Effect.forever(
    Effect.catchCause(
      round,
      (cause) =>
        Effect.andThen(Effect.logDebug("deliveries of webhooks are not made just now", cause), host.sleep(pauseMs))
    )
  ))
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const allOf = Effect.fnUntraced(function*(
  backend: Store["Service"]["backend"]
): Effect.fn.Return<ReadonlyArray<EndpointRows.Read>, StorageFailed> {
  const all: Array<EndpointRows.Read> = []
  let after: string | undefined
  for (;;) {
    const rows = yield* backend.endpoints({ limit: pageSize, ...(after === undefined ? {} : { after }) })
    for (const row of rows) {
      const read = EndpointRows.read(row)
      if (read !== undefined) all.push(read)
    }
    if (rows.length < pageSize) return all
    after = rows.at(-1)!.name
  }
})

/** Where one goes on: not before the first of these endpoints came, of which there was nobody to be told. */
const behindAll = (position: string | null, endpoints: ReadonlyArray<EndpointRows.Read>): string | null => {
  const since = endpoints.map(({ row }) => row.since)
  if (since.length === 0 || since.includes(null)) return position
  const [first] = (since as Array<string>).toSorted()
  const isLater = position === null || (areOfOne(first!, position) && first! > position)
  return isLater && since.every((one) => areOfOne(one!, first!)) ? first! : position
}

/** The webhooks of runs that events concern, and what becomes of their rows. */
class RunRows {
  private readonly parts: Parts
  private readonly known = new Map<string, { readonly row: EndpointRow; webhook: RunWebhook } | undefined>()
  private readonly changed = new Map<string, EndpointOp>()

  constructor(parts: Parts) {
    this.parts = parts
  }

  get ops(): ReadonlyArray<EndpointOp> {
    return [...this.changed.values()]
  }

  /** The deliveries that tell the webhook of a run of this event, or that of the run at its top where it stops for somebody. */
  readonly told = Effect.fnUntraced(function*(
    this: RunRows,
    { event }: ToldEvent,
    now: number
  ): Effect.fn.Return<ReadonlyArray<EnqueueOp>, StorageFailed> {
    const means = RunEvents.of(event)
    const run = Making.runOf(event)
    if (means === undefined || run === undefined) return []
    const own = yield* this.of(run)
    const top = own !== undefined || means !== "paused"
      ? run
      : (yield* this.parts.store.backend.run(run))?.root ?? run
    const found = own ?? (top === run ? undefined : yield* this.of(top))
    if (found === undefined) return []
    const { row, webhook } = found
    const { events = defaultRunEvents, headers = {}, profile = "standard", secret, url } = webhook
    const before = this.changed.get(row.name)?.row ?? row
    const isWanted = events.includes(means)
    const added = isWanted
      ? [Making.enqueue(row.name, {
        endpoint: null,
        target: { url, headers, profile, secrets: secret === undefined ? [] : [secret] },
        event: `status.${means}`,
        eventId: event.id,
        run: Tenant.local(top),
        body: yield* this.parts.bodyOf(top)
      }, now)]
      : []
    if (isWanted || RunEvents.isLast(means)) {
      const { version, ...kept } = row
      this.changed.set(row.name, {
        op: "endpoint",
        seen: version,
        row: {
          ...kept,
          isOpen: before.isOpen && !RunEvents.isLast(means),
          health: WebhookTasks.healthOf([
            ...new Set([...WebhookTasks.deliveriesOf(before.health), ...added.map(({ task }) => task.id)])
          ])
        }
      })
    }
    return added
  })

  private readonly of = Effect.fnUntraced(function*(this: RunRows, run: string) {
    const name = endpointOfRun(run)
    if (!this.known.has(name)) {
      const row = yield* this.parts.store.backend.endpoint(name)
      const webhook = row === null || !row.isOpen ? undefined : decode(row.settings)
      this.known.set(name, webhook?._tag === "Some" ? { row: row!, webhook: webhook.value } : undefined)
    }
    return this.known.get(name)
  })
}

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(RunWebhook))
