/** Reserve, charge, ship; and when one of them fails, undo what was done before, last first. */
import * as Step from "@fermata/engine/Step"
import { Effect, Schedule, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { CardDeclined, Carrier, NoSuchPlace, OutOfStock, Payments, PaymentsDown, Warehouse } from "./Shop.ts"

const Order = Schema.Struct({
  orderId: Schema.String,
  item: Schema.String,
  cents: Schema.Int,
  address: Schema.String
})

export const PlaceOrder = Workflow.make("place-order", {
  payload: Order.fields,
  success: Schema.Struct({ receipt: Schema.String }),
  error: Schema.Union([OutOfStock, CardDeclined, PaymentsDown, NoSuchPlace]),
  idempotencyKey: (order) => order.orderId
})

const reserve = Step.make("reserve", {
  input: Order,
  error: OutOfStock,
  onCrash: "rerun-keyed",
  run: ({ item, orderId }, { idempotencyKey }) =>
    Warehouse.use((warehouse) => warehouse.reserve(item, orderId, idempotencyKey))
})

const release = Step.make("release", {
  input: Order,
  onCrash: "rerun-keyed",
  run: ({ item, orderId }, { idempotencyKey }) =>
    Warehouse.use((warehouse) => warehouse.release(item, orderId, idempotencyKey))
})

const charge = Step.make("charge", {
  input: Order,
  success: Schema.String,
  error: Schema.Union([CardDeclined, PaymentsDown]),
  onCrash: "rerun-keyed",
  retry: Schedule.exponential("1 second").pipe(
    Schedule.upTo({ times: 3 }),
    Schedule.while(({ input }) => !(input instanceof CardDeclined))
  ),
  timeout: "30 seconds",
  run: ({ cents, orderId }, { idempotencyKey }) =>
    Payments.use((payments) => payments.charge(cents, orderId, idempotencyKey))
})

const refund = Step.make("refund", {
  input: { receipt: Schema.String },
  onCrash: "rerun-keyed",
  run: ({ receipt }, { idempotencyKey }) => Payments.use((payments) => payments.refund(receipt, idempotencyKey))
})

const ship = Step.make("ship", {
  input: Order,
  error: NoSuchPlace,
  onCrash: "rerun-keyed",
  run: ({ address, item }, { idempotencyKey }) => Carrier.use((carrier) => carrier.ship(item, address, idempotencyKey))
})

export const PlaceOrderLayer = PlaceOrder.toLayer(
  Effect.fn("PlaceOrder")(function*(order) {
    yield* reserve(order).pipe(PlaceOrder.withCompensation(() => release(order)))
    const receipt = yield* charge(order).pipe(PlaceOrder.withCompensation((receipt) => refund({ receipt })))
    yield* ship(order)
    return { receipt }
  })
)
