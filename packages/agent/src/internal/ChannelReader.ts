/**
 * Reads the events of a channel: one process at a time, behind a bookmark that
 * all share. A run has the id of its event, so an event that is read again, as
 * after a crash before the bookmark was moved, is the same run.
 */
import * as Tenant from "@fermata/core/Tenant"
import type { StorageFailed } from "@fermata/engine/Backend"
import { type Change, type EventChange, hasEvent } from "@fermata/engine/ChangeLog"
import { CurrentTenant } from "@fermata/engine/CurrentTenant"
import { Engine } from "@fermata/engine/Engine"
import { Feed } from "@fermata/engine/Feed"
import { HostClock } from "@fermata/engine/HostClock"
import { Store } from "@fermata/engine/Store"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"

/** How long (ms) a process that says nothing keeps the others from reading. */
const leaseMs = 20_000

/** How long (ms) a reader whose store fails waits. */
const pauseMs = 1_000

/** How many changes are read at a time. */
const most = 500

/** Reads until the scope closes; `start` starts the run of an event. */
export const serve = Effect.fnUntraced(function*<E extends { readonly message: string }>(
  channel: string,
  start: (event: unknown, id: string) => Effect.Effect<unknown, E, WorkflowEngine>
): Effect.fn.Return<void, never, Engine | Feed | HostClock | Scope.Scope | Store | WorkflowEngine> {
  const { backend } = yield* Store
  const feed = yield* Feed
  const host = yield* HostClock
  const { ownerId } = yield* Engine
  const name = `channel:${channel}`

  const take = (until: number, move?: { readonly from: string | null; readonly to: string }) =>
    Effect.map(
      backend.write([{
        op: "bookmark",
        name,
        holder: ownerId,
        now: host.now(),
        until,
        ...(move === undefined ? {} : { move })
      }]),
      ([answer]) => answer
    )

  const isOurs = (change: Change): change is EventChange =>
    hasEvent(change) && Tenant.local(change.event.name) === channel

  /** Waits until an event of the channel is committed behind the position. */
  const something = (position: string) =>
    feed.follow({ after: position }).pipe(
      Stream.filter(({ reset, rows }) => reset === true || rows.some(isOurs)),
      Stream.take(1),
      Stream.runDrain
    )

  const begin = ({ event: { id, name: qualified, payload } }: EventChange) =>
    start(JSON.parse(payload), `${name}:${Tenant.local(id)}`).pipe(
      Effect.catch(({ message }) => Effect.logWarning(`event ${id} starts no run: ${message}`)),
      Effect.provideService(CurrentTenant, Tenant.of(qualified))
    )

  /** Up to here, all is done. */
  let done: string | undefined

  const round: Effect.Effect<void, StorageFailed, WorkflowEngine> = Effect.gen(function*() {
    if (done !== undefined) yield* something(done)
    done = undefined
    const here = yield* backend.position
    const taken = yield* take(host.now() + leaseMs)
    // Another process reads. Should it die, this one goes on.
    if (!taken.held) return yield* host.sleep(Math.max(pauseMs, taken.until - host.now()))
    let from = taken.position
    for (let at = from ?? here;;) {
      const { next, rows } = yield* backend.changes(at, most)
      const events = rows.filter(isOurs)
      yield* Effect.forEach(events, begin, { discard: true })
      at = next
      const isLast = rows.length < most
      if (events.length > 0 || isLast || from === null) {
        // Who has nothing left to do lets others read what comes next.
        const { held } = yield* take(isLast ? host.now() : host.now() + leaseMs, { from, to: at })
        if (!held && !isLast) return
        from = at
      }
      if (!isLast) continue
      done = at
      return
    }
  })

  yield* Effect.forkScoped(Effect.forever(
    Effect.catchCause(round, (cause) =>
      Effect.andThen(
        Effect.logWarning(`channel ${channel} could not read what was published`, cause),
        host.sleep(pauseMs)
      ))
  ))
})
