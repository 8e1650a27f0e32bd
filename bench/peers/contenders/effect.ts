/** The workflow engine that comes with Effect, in memory: nothing survives the process. */
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import { Activity, DurableDeferred, Workflow, WorkflowEngine } from "effect/workflow"
import { bodies, body, each, type Open, sleep, until, upTo } from "../contender.ts"

const Outcome = Schema.Struct({
  ok: Schema.Boolean,
  run: Schema.String,
  step: Schema.Int,
  at: Schema.Int,
  pad: Schema.String
})

const work = (run: string, i: number) =>
  Activity.make({ name: `work-${i}`, success: Outcome, execute: Effect.sync(() => body(run, i)) })

const payload = { id: Schema.String, n: Schema.Int }
const idempotencyKey = ({ id }: { readonly id: string }) => id
const Sequential = Workflow.make("sequential", { payload, success: Schema.Int, idempotencyKey })
const Parallel = Workflow.make("parallel", { payload, success: Schema.Int, idempotencyKey })
const Waiting = Workflow.make("waiting", { payload: { id: Schema.String }, success: Schema.Boolean, idempotencyKey })
const Approved = DurableDeferred.make("approved", { success: Schema.Boolean })

const workflows = Layer.mergeAll(
  Sequential.toLayer(Effect.fnUntraced(function*({ id, n }) {
    for (let i = 0; i < n; i++) yield* work(id, i)
    return n
  })),
  Parallel.toLayer(Effect.fnUntraced(function*({ id, n }) {
    const outcomes = yield* Effect.forEach(upTo(n), (i) => work(id, i), { concurrency: "unbounded" })
    return outcomes.length
  })),
  Waiting.toLayer(({ id }) => Effect.andThen(work(id, 0), DurableDeferred.await(Approved)))
)

export const open: Open = async () => {
  const runtime = ManagedRuntime.make(workflows.pipe(Layer.provideMerge(WorkflowEngine.layerMemory)))
  await runtime.runPromise(Effect.void)
  let before = 0
  return {
    sequential: (id, n) => runtime.runPromise(Sequential.execute({ id, n })),
    parallel: (id, n) => runtime.runPromise(Parallel.execute({ id, n })),
    startWaiting: (id) => {
      before ||= bodies.length
      return runtime.runPromise(Waiting.execute({ id }, { discard: true }))
    },
    untilWaiting: async (ids) => {
      await until(() => bodies.length - before === ids.length)
      await sleep(500) // it does not tell when a run has come to its wait
    },
    signal: (id) =>
      runtime.runPromise(
        Effect.flatMap(Waiting.executionId({ id }), (executionId) =>
          DurableDeferred.succeed(Approved, {
            token: DurableDeferred.tokenFromExecutionId(Approved, { workflow: Waiting, executionId }),
            value: true
          }))
      ),
    untilDone: (ids) => each(ids, 50, (id) => runtime.runPromise(Waiting.execute({ id }))),
    bytes: () => 0,
    close: () => runtime.dispose()
  }
}
