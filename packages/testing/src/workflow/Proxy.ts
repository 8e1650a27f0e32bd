/** Workflows behind the RPC group that `WorkflowProxy` derives from them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as RpcTest from "effect/rpc/RpcTest"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import * as WorkflowProxy from "effect/workflow/WorkflowProxy"
import * as WorkflowProxyServer from "effect/workflow/WorkflowProxyServer"
import { assertDeclined, awaitExit, awaitSuspended, Declined, type Engine, keyed } from "./Harness.ts"

/** Registers the tests of `WorkflowProxy`. */
export const proxy = (engine: Engine) =>
  describe("proxy", () => {
    it.effect("a derived client executes a workflow and receives its success and its typed error", () => {
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String, error: Declined })
      const layer = Pay.toLayer(({ id }) =>
        id === "poor" ? Effect.fail(new Declined({ reason: "empty" })) : Effect.succeed(`${id} paid`)
      )
      const workflows = [Pay] as const
      return Effect.gen(function*() {
        const client = yield* RpcTest.makeClient(WorkflowProxy.toRpcGroup(workflows))
        assert.strictEqual(yield* client.Pay({ id: "Ada" }), "Ada paid")
        assertDeclined(yield* Effect.exit(client.Pay({ id: "poor" })))
      }).pipe(
        Effect.provide(
          WorkflowProxyServer.layerRpcHandlers(workflows).pipe(
            Layer.provideMerge(layer),
            Layer.provideMerge(engine)
          )
        )
      )
    })

    it.effect("a derived client starts a run with discard and resumes it", () => {
      let repaired = false
      const Fragile = Workflow.make("Fragile", { ...keyed, success: Schema.String, error: Declined })
        .annotate(Workflow.SuspendOnFailure, true)
      const layer = Fragile.toLayer(() =>
        Effect.suspend(() => repaired ? Effect.succeed("whole") : Effect.fail(new Declined({ reason: "broken" })))
      )
      const workflows = [Fragile] as const
      return Effect.gen(function*() {
        const client = yield* RpcTest.makeClient(WorkflowProxy.toRpcGroup(workflows))
        const executionId = yield* client.FragileDiscard({ id: "a" })
        assert.strictEqual(executionId, yield* Fragile.executionId({ id: "a" }))
        yield* awaitSuspended(Fragile, executionId)
        repaired = true
        yield* client.FragileResume({ executionId })
        assert.deepStrictEqual(yield* awaitExit(Fragile, executionId), Exit.succeed("whole"))
      }).pipe(
        Effect.provide(
          WorkflowProxyServer.layerRpcHandlers(workflows).pipe(
            Layer.provideMerge(layer),
            Layer.provideMerge(engine)
          )
        )
      )
    })
  })
