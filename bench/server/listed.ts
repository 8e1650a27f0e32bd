/** A database of many runs that stand in every way, as fast as the store takes them. */
import type { Op } from "@fermata/engine/Backend"
import { Store } from "@fermata/engine/Store"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, ManagedRuntime } from "effect"

/** Writes this many runs. One in a thousand is of a rare workflow and has a rare label, and every other one is of a tenant. */
export const listed = async (db: string, count: number): Promise<void> => {
  const runtime = ManagedRuntime.make(NodeHost.layerStore({ db, synchronous: "NORMAL" }))
  try {
    await runtime.runPromise(Effect.gen(function*() {
      const { backend } = yield* Store
      for (let from = 0; from < count; from += 2_000) {
        yield* backend.write(
          Array.from({ length: Math.min(2_000, count - from) }, (_, index) => run(from + index)).flat()
        )
      }
    }))
  } finally {
    await runtime.dispose()
  }
}

const stands = [
  { status: "suspended", reason: "signal", waits: "[{\"reason\":\"signal\",\"key\":\"go\"}]" },
  { status: "completed", reason: null, waits: null },
  { status: "failed", reason: null, waits: null },
  { status: "suspended", reason: "approval", waits: "[{\"reason\":\"approval\",\"key\":\"ask\"}]" }
]

const run = (index: number): ReadonlyArray<Op> => {
  const isRare = index % 1_000 === 0
  const id = `${index % 2 === 0 ? "acme~" : ""}${index.toString(16).padStart(32, "0")}`
  const at = 1_700_000_000_000 + index
  return [
    {
      op: "start",
      run: {
        id,
        workflow: isRare ? "rare" : `workflow-${index % 7}`,
        version: "1",
        kind: "program",
        definition: null,
        root: id,
        parent: null,
        status: "queued",
        owner: null,
        dueAt: null,
        createdAt: at,
        title: `run ${index}`,
        labels: { team: isRare ? "rare" : "usual" }
      },
      rows: [],
      blobs: [],
      subscriptions: [],
      listener: null
    },
    {
      op: "commit",
      run: id,
      epoch: 0,
      expected: 0,
      rows: [],
      blobs: [],
      at,
      consumed: [],
      outbox: [],
      approvalsOpened: [],
      approvalsClosed: [],
      status: stands[index % stands.length]!
    }
  ]
}
