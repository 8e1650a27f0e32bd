import { assert, describe, it } from "@effect/vitest"
import * as Egress from "@fermata/engine/Egress"
import * as Step from "@fermata/engine/Step"
import { TestHost } from "@fermata/testing/TestHost"
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"

class Shop extends Context.Service<Shop, string>()("test/Shop") {}

const payload = { id: Schema.String }
const idempotencyKey = ({ id }: { readonly id: string }) => id
const Near = Workflow.make("near", { payload, success: Schema.Unknown, idempotencyKey })
const Far = Workflow.make("far", { payload, success: Schema.Unknown, idempotencyKey })

const wayOut = Effect.map(
  Effect.service(Egress.CurrentEgress),
  (egress) => egress === Egress.none ? "none" : "the host's"
)
const seen = Effect.all({ wayOut, shop: Effect.service(Shop) })
const look = Step.make("look", { success: Schema.Unknown, onCrash: "rerun", run: () => seen })
const body = Effect.all({ inBody: seen, inStep: look(), at: Clock.currentTimeMillis })

const other: Egress.Egress = { ...Egress.none }
const host = TestHost.layer.pipe(
  Layer.provideMerge(Layer.merge(Egress.layer(other), Layer.succeed(Shop, "the host's")))
)
const world = Layer.mergeAll(
  Near.toLayer(() => body).pipe(Layer.provide(Layer.merge(Egress.layer(Egress.none), Layer.succeed(Shop, "its own")))),
  Far.toLayer(() => body)
).pipe(Layer.provideMerge(host))

describe("what a body sees", () => {
  it.effect("is what the layer of its workflow was given, before what the host was, and the run's own clock", () =>
    Effect.gen(function*() {
      const own = { wayOut: "none", shop: "its own" }
      assert.deepStrictEqual(yield* Near.execute({ id: "1" }), { inBody: own, inStep: own, at: 0 })
      const hosts = { wayOut: "the host's", shop: "the host's" }
      assert.deepStrictEqual(yield* Far.execute({ id: "1" }), { inBody: hosts, inStep: hosts, at: 0 })
    }).pipe(Effect.provide(world)))
})
