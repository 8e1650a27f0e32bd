/**
 * The runs of dead processes, handed over where an operator asks for it. Every
 * process that works does so by itself once a lease has ended; this is for a
 * store that nobody works on, and for whoever would not have such runs go on.
 */
import { defaultStaleMs, type Owner, type Reaped, type ReapOptions } from "@fermata/core/Owner"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import type { Backend, InboxOp, RunRow, StorageFailed } from "../Backend.ts"
import * as CurrentTenant from "../CurrentTenant.ts"
import type { Message } from "../InboxMessage.ts"
import * as Acting from "./Acting.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import { ownerOf } from "./RunSummaries.ts"

export const make = (runtime: EngineRuntime, backend: Backend) => {
  const now = runtime.host.now

  /** The processes, with how many runs each has; in a tenant how many of that, and not where they are. */
  const owners: Effect.Effect<ReadonlyArray<Owner>, StorageFailed> = Effect.gen(function*() {
    const tenant = yield* CurrentTenant.current
    return yield* Effect.forEach(
      yield* backend.owners,
      (row) =>
        Effect.map(backend.runCount({ owner: row.id, tenant }), (runs): Owner => {
          const owner = ownerOf(row, now(), runs)
          return tenant === undefined ? owner : { ...owner, info: {} }
        })
    )
  })

  const reap = Effect.fn("Runs.reap")(
    function*({ by = "unknown", staleMs = defaultStaleMs, then = "resume" }: ReapOptions = {}) {
      const dead = yield* runtime.ownership.stale(staleMs)
      const held: Array<{ readonly row: RunRow; readonly lastSeenAt: number }> = []
      for (const { id, lastSeenAt } of dead) {
        for (const row of yield* backend.runs({ owner: id, limit: Infinity })) held.push({ row, lastSeenAt })
      }
      if (dead.length > 0) {
        const stops = then === "resume" ? [] : held.map(({ row }) => stop(row, by))
        const act = yield* Acting.of<{ readonly freed: number }>(
          now,
          { action: "workers.reap", target: "", by, detail: { owners: dead.map(({ id }) => id), then } },
          () => null
        )
        const reaping = {
          op: "reap",
          now: now(),
          owners: dead.map(({ expiresAt, id }) => ({ id, expiresAt }))
        } as const
        // A process that has given a sign of life meanwhile keeps its runs, and those that it has are none of these.
        const answers = yield* backend.write([...stops, act === undefined ? reaping : { ...reaping, act }])
        yield* Acting.fresh(answers.at(-1)!)
        runtime.rounds.poke()
      }
      return held.map(({ lastSeenAt, row }): Reaped => ({
        run: row.id,
        workflow: row.workflow,
        owner: row.owner!,
        lastSeenAt
      }))
    }
  )

  /** Has the run fail once somebody takes it up: its compensations run. */
  const stop = ({ id }: RunRow, by: string): InboxOp => {
    const message: Message<"cancel"> = {
      kind: "orphan",
      by,
      reason: "the process that had it died, and it was not to go on"
    }
    return {
      op: "inbox",
      row: {
        run: id,
        id: runtime.messages.newId("reap"),
        kind: "cancel",
        payload: StoredJson.textOf(message),
        at: now()
      }
    }
  }

  return { owners, reap }
}
