import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { body, each, type Open, sizeOf, until, upTo } from "../contender.ts"

const Outcome = Schema.Struct({
  ok: Schema.Boolean,
  run: Schema.String,
  step: Schema.Int,
  at: Schema.Int,
  pad: Schema.String
})

const work = Step.make("work", {
  input: { run: Schema.String, i: Schema.Int },
  success: Outcome,
  onCrash: "rerun",
  run: ({ run, i }) => Effect.sync(() => body(run, i))
})

const payload = { id: Schema.String, n: Schema.Int }
const idempotencyKey = ({ id }: { readonly id: string }) => id
const Sequential = Workflow.make("sequential", { payload, success: Schema.Int, idempotencyKey })
const Parallel = Workflow.make("parallel", { payload, success: Schema.Int, idempotencyKey })
const Waiting = Workflow.make("waiting", { payload: { id: Schema.String }, success: Schema.Boolean, idempotencyKey })
const Approved = Signal.make("approved", { schema: Schema.Boolean })

const workflows = Layer.mergeAll(
  Sequential.toLayer(Effect.fnUntraced(function*({ id, n }) {
    for (let i = 0; i < n; i++) yield* work({ run: id, i })
    return n
  })),
  Parallel.toLayer(Effect.fnUntraced(function*({ id, n }) {
    const outcomes = yield* Effect.forEach(upTo(n), (i) => work({ run: id, i }), { concurrency: "unbounded" })
    return outcomes.length
  })),
  Waiting.toLayer(({ id }) => Effect.andThen(work({ run: id, i: 0 }), Signal.receive(Approved)))
)

/** Variants: `FULL`, `NORMAL`, or `FULL` with a lease in ms after a slash. */
export const open: Open = async ({ folder }, variant) => {
  const db = join(folder, "fermata.db")
  const [synchronous, leaseMs] = variant.split("/")
  const runtime = ManagedRuntime.make(workflows.pipe(Layer.provideMerge(NodeHost.layer({
    db,
    synchronous: synchronous === "NORMAL" ? "NORMAL" : "FULL",
    ...(leaseMs === undefined ? {} : { leaseMs: Number(leaseMs) })
  }))))
  await runtime.runPromise(Effect.void)
  const reader = new DatabaseSync(db)
  const suspended = reader.prepare("SELECT count(*) AS n FROM runs WHERE status = 'suspended'")
  const sequential = (id: string, n: number) => runtime.runPromise(Sequential.execute({ id, n }))
  return {
    sequential,
    goOn: sequential,
    parallel: (id, n) => runtime.runPromise(Parallel.execute({ id, n })),
    startWaiting: (id) => runtime.runPromise(Waiting.execute({ id }, { discard: true })),
    untilWaiting: (ids) => until(() => (suspended.get() as { readonly n: number }).n === ids.length),
    signal: (id) =>
      runtime.runPromise(
        Effect.flatMap(Waiting.executionId({ id }), (runId) => Signal.send(Approved, { runId, payload: true }))
      ),
    untilDone: (ids) => each(ids, 50, (id) => runtime.runPromise(Waiting.execute({ id }))),
    bytes: () => {
      reader.exec("PRAGMA wal_checkpoint(TRUNCATE)")
      return sizeOf(db)
    },
    close: async () => {
      reader.close()
      await runtime.dispose()
    }
  }
}
