/** An order that waits to be packed. */
import * as Signal from "@fermata/engine/Signal"
import { Effect, Schema } from "effect"
import { Workflow } from "effect/workflow"

export const Packed = Signal.make("packed", { schema: Schema.Struct({ by: Schema.String }) })

export const Order = Workflow.make("order", {
  payload: { item: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ item }) => item
})

export const OrderLayer = Order.toLayer(({ item }) =>
  Effect.map(Signal.receive(Packed), ({ by }) => `${item}, packed by ${by}`)
)
