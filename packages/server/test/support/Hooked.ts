/** What a store has of webhooks, as rows: an endpoint, and a delivery that is dead. */
import * as Tenant from "@fermata/core/Tenant"
import type { Backend, Op } from "@fermata/engine/Backend"

/** An endpoint that has all of this in what its owner alone may know. */
export const endpoint = (name: string, canary: string): Op => ({
  op: "endpoint",
  seen: null,
  row: {
    name,
    run: null,
    isOpen: true,
    settings: JSON.stringify({ url: `https://example.org/${canary}`, events: ["a"], secrets: [] }),
    health: JSON.stringify({ state: "ok", failures: 0, opened: 0, until: 0, paused: false, gone: false, dropped: 0 }),
    since: null,
    by: "ops",
    createdAt: 0,
    updatedAt: 0
  }
})

/** Has a delivery of this id to an endpoint, or to the webhook of a run where that is said, be dead. */
export const dead = (
  backend: Backend,
  { canary, id, lane, ofRun = false }: {
    readonly id: string
    readonly lane: string
    readonly canary: string
    readonly ofRun?: boolean
  }
) => {
  const queue = Tenant.qualify(Tenant.of(lane), "engine.webhooks")
  return backend.write([
    {
      op: "enqueue",
      task: {
        id,
        queue,
        kind: "a",
        source: null,
        subject: null,
        priority: 0,
        notBefore: 0,
        lane,
        adapter: "",
        profile: null,
        dedupe: null,
        payload: JSON.stringify({ endpoint: ofRun ? null : lane, event: "a", eventId: "e", body: canary }),
        maxAttempts: null,
        waiterRun: null,
        waiterStep: null
      },
      onDuplicate: "join",
      isLimited: false,
      now: 1_000
    },
    { op: "lease", queue, owner: "a", now: 1_000, until: 2_000, limit: 100, adapters: null, isShared: true },
    {
      op: "settleTask",
      task: id,
      by: { attempt: 1 },
      now: 1_100,
      outcome: { _tag: "Failed", error: JSON.stringify({ code: "http-404", message: canary }), isFinal: true }
    }
  ])
}
