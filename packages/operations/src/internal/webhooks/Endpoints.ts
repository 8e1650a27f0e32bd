/** The rows of endpoints: read, changed by whoever has seen them as they are, and kept in step with their lanes. */
import * as Tenant from "@fermata/core/Tenant"
import * as AuditedActs from "@fermata/engine/AuditedActs"
import type { Answers, DropEndpointOp, EndpointOp, EndpointRow, StorageFailed } from "@fermata/engine/Backend"
import type { Store } from "@fermata/engine/Store"
import * as WebhookTasks from "@fermata/engine/WebhookTasks"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Breaker from "./Breaker.ts"
import * as EndpointRows from "./EndpointRows.ts"

/** What is done to an endpoint, for the audit. */
export interface Doing {
  readonly action: string
  readonly by: string
  readonly detail?: AuditedActs.What["detail"]
  /** What a request for it is answered with. */
  readonly answer: (read: EndpointRows.Read) => unknown
}

/** What an endpoint is to be, by what it is; undefined to leave it. */
export type Change = (known: EndpointRows.Read | undefined) => Pick<EndpointRows.Read, "health" | "stored"> | undefined

export const make = ({ backend }: Pick<Store["Service"], "backend">) => {
  const now = Effect.map(Clock.currentTimeMillis, Math.floor)
  const write = <O extends DropEndpointOp | EndpointOp>(op: O) => Effect.map(backend.write([op]), ([answer]) => answer)

  /** The endpoint of this name, with its tenant. */
  const find = (name: string): Effect.Effect<EndpointRows.Read | undefined, StorageFailed> =>
    Effect.map(backend.endpoint(name), (row) => row === null || row.run !== null ? undefined : EndpointRows.read(row))

  /** Has nothing taken up for it until its time, or again. */
  const hold = Effect.fnUntraced(function*(name: string, health: Breaker.Health) {
    const until = Breaker.heldUntil(health)
    yield* backend.write([{
      op: "holdLane",
      queue: Tenant.qualify(Tenant.of(name), WebhookTasks.queue),
      lane: name,
      until,
      now: yield* now
    }])
  })

  /** Changes an endpoint, however often it is changed by others meanwhile. Undefined where there is none and none is to be. */
  const change = Effect.fnUntraced(function*(
    name: string,
    of: Change,
    doing?: Doing
  ): Effect.fn.Return<EndpointRows.Read | undefined, StorageFailed> {
    let known: EndpointRow | null = yield* backend.endpoint(name)
    for (;;) {
      const read: EndpointRows.Read | undefined = known === null ? undefined : EndpointRows.read(known)
      const next = of(read)
      if (next === undefined) return read
      const at = yield* now
      const row: EndpointOp["row"] = {
        ...(known ?? { name, run: null, since: yield* backend.position, by: doing?.by ?? "unknown", createdAt: at }),
        ...EndpointRows.texts(next.stored, next.health),
        isOpen: !next.health.gone,
        // Who has set it, and when; not how it has fared.
        ...(doing === undefined ? { updatedAt: known?.updatedAt ?? at } : { by: doing.by, updatedAt: at })
      }
      const told = { ...next, row: { ...row, version: (known?.version ?? 0) + 1 } }
      const act = doing === undefined
        ? undefined
        : yield* AuditedActs.of<Answers["endpoint"]>(
          () => at,
          {
            action: doing.action,
            target: name,
            by: doing.by,
            ...(doing.detail === undefined ? {} : { detail: doing.detail })
          },
          () => doing.answer(told)
        )
      const answer: Answers["endpoint"] = yield* AuditedActs.write(
        write<EndpointOp>,
        { op: "endpoint", row, seen: known?.version ?? null },
        act
      )
      if (answer.kept) {
        if (Breaker.heldUntil(next.health) !== (read === undefined ? null : Breaker.heldUntil(read.health))) {
          yield* hold(name, next.health)
        }
        return told
      }
      known = answer.row
    }
  })

  return { change, find, hold, now, write }
}
export type Endpoints = ReturnType<typeof make>
