import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Activity, DurableDeferred, Workflow } from "effect/workflow"
import { TestHost } from "../src/testing/TestHost.ts"
import { TestClock } from "effect/testing"

const W = Workflow.make("W", { payload: { id: Schema.String }, success: Schema.String, idempotencyKey: (p) => p.id })
const gate = DurableDeferred.make("gate", { success: Schema.String })
let bodies = 0
const WL = W.toLayer(Effect.fn(function*({ id }) {
  const a = yield* Activity.make({ name: "a", success: Schema.String, execute: Effect.sync(() => `a${++bodies}`) })
  yield* Effect.sleep("14 days")
  const g = yield* DurableDeferred.await(gate)
  return `${id}:${a}:${g}`
}))
it.effect("runs", () =>
  Effect.gen(function*() {
    const host = yield* TestHost
    const id = yield* W.execute({ id: "1" }, { discard: true })
    yield* host.settled
    yield* TestClock.adjust("14 days")
    yield* host.settled
    console.log(yield* W.poll(id))
    yield* DurableDeferred.succeed(gate, { token: DurableDeferred.tokenFromExecutionId(gate, { workflow: W, executionId: id }), value: "g" })
    const r = yield* W.execute({ id: "1" })
    assert.strictEqual(r, "1:a1:g")
  }).pipe(Effect.provide(WL.pipe(Layer.provideMerge(TestHost.layer)))))
