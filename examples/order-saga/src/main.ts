/**
 * node examples/order-saga/src/main.ts [--order ID] [--address PLACE] [--crash]
 *
 * `--crash` kills the process right after the payment service has charged, before we have heard of it.
 * Run it again without the flag: the order goes on, and nobody is charged twice.
 */
import { NodeRuntime } from "@effect/platform-node"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer } from "effect"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { PlaceOrder, PlaceOrderLayer } from "./PlaceOrder.ts"
import * as Shop from "./Shop.ts"

const { values } = parseArgs({
  options: {
    order: { type: "string", default: "order-1" },
    address: { type: "string", default: "10 Downing Street" },
    crash: { type: "boolean", default: false },
    folder: { type: "string", default: ".fermata" }
  }
})

const PaymentsThatKill = Layer.effect(
  Shop.Payments,
  Effect.map(Shop.Payments, (payments) => ({
    ...payments,
    charge: (...order) =>
      payments.charge(...order).pipe(
        Effect.tap(() =>
          Effect.sync(() => {
            console.log("  killed at the worst moment; run again without --crash")
            process.kill(process.pid, "SIGKILL")
          })
        )
      )
  }))
).pipe(Layer.provide(Shop.Payments.layer))

const shop = values.crash ? Layer.merge(Shop.layer, PaymentsThatKill) : Shop.layer

const app = PlaceOrderLayer.pipe(
  Layer.provide(shop),
  Layer.provideMerge(NodeHost.layer({ db: join(values.folder, "orders.db"), leaseMs: 2_000 })),
  Layer.provideMerge(Shop.Ledger.layerFile(join(values.folder, "shop.txt")))
)

const program = Effect.gen(function*() {
  const order = { orderId: values.order, item: "fountain pen", cents: 4_200, address: values.address }
  console.log(`placing ${order.orderId}`)
  const outcome = yield* PlaceOrder.execute(order).pipe(
    Effect.match({
      onSuccess: ({ receipt }) => `${order.orderId} is on its way, ${receipt}`,
      onFailure: (error) => `${order.orderId} failed with ${error._tag}, and what was done is undone`
    })
  )
  console.log(outcome)
  console.log("what the world has seen:")
  for (const line of yield* Shop.Ledger.use(({ lines }) => lines)) console.log(`  ${line}`)
})

program.pipe(Effect.provide(app), NodeRuntime.runMain)
