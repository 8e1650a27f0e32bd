/** The world outside: fakes that remember, as the real services would, what they did for which key. */
import { Context, Effect, Layer, Schema } from "effect"
import { appendFileSync, existsSync, readFileSync } from "node:fs"

export class Ledger extends Context.Service<Ledger, {
  /** Does something once per key; asked again, answers as it did the first time. */
  readonly once: (key: string, line: string) => Effect.Effect<void>
  /** Everything that was done, in order. */
  readonly lines: Effect.Effect<ReadonlyArray<string>>
}>()("order-saga/Ledger") {
  static readonly layerMemory = Layer.sync(Ledger, () => {
    const done = new Map<string, string>()
    return {
      once: (key, line) => Effect.sync(() => void done.set(key, done.get(key) ?? line)),
      lines: Effect.sync(() => Array.from(done.values()))
    }
  })

  /** Keeps its lines in a file, since the world does not end with our process. */
  static readonly layerFile = (file: string) =>
    Layer.sync(Ledger, () => {
      const read = () =>
        existsSync(file)
          ? readFileSync(file, "utf8").trimEnd().split("\n").map((line) => line.split("\t") as [string, string])
          : []
      return {
        once: (key, line) =>
          Effect.sync(() => {
            if (read().some(([known]) => known === key)) return console.log(`  ${line}: done before, not again`)
            appendFileSync(file, `${key}\t${line}\n`)
            console.log(`  ${line}`)
          }),
        lines: Effect.sync(() => read().map(([, line]) => line))
      }
    })
}

export class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { item: Schema.String }) {}
export class CardDeclined extends Schema.TaggedError<CardDeclined>()("CardDeclined", { orderId: Schema.String }) {}
export class PaymentsDown extends Schema.TaggedError<PaymentsDown>()("PaymentsDown", {}) {}
export class NoSuchPlace extends Schema.TaggedError<NoSuchPlace>()("NoSuchPlace", { address: Schema.String }) {}

export class Warehouse extends Context.Service<Warehouse, {
  readonly reserve: (item: string, orderId: string, key: string) => Effect.Effect<void, OutOfStock>
  readonly release: (item: string, orderId: string, key: string) => Effect.Effect<void>
}>()("order-saga/Warehouse") {
  static readonly layer = Layer.effect(
    Warehouse,
    Effect.map(Ledger, ({ once }) => ({
      reserve: (item, orderId, key) =>
        item === "unicorn" ? Effect.fail(new OutOfStock({ item })) : once(key, `reserved ${item} for ${orderId}`),
      release: (item, orderId, key) => once(key, `released ${item} of ${orderId}`)
    }))
  )
}

export class Payments extends Context.Service<Payments, {
  readonly charge: (cents: number, orderId: string, key: string) => Effect.Effect<string, CardDeclined | PaymentsDown>
  readonly refund: (receipt: string, key: string) => Effect.Effect<void>
}>()("order-saga/Payments") {
  static readonly layer = Layer.effect(
    Payments,
    Effect.map(Ledger, ({ once }) => ({
      charge: (cents, orderId, key) =>
        cents > 1_000_000
          ? Effect.fail(new CardDeclined({ orderId }))
          : Effect.as(once(key, `charged ${cents} cents for ${orderId}`), `receipt-${orderId}`),
      refund: (receipt, key) => once(key, `refunded ${receipt}`)
    }))
  )
}

export class Carrier extends Context.Service<Carrier, {
  readonly ship: (item: string, address: string, key: string) => Effect.Effect<void, NoSuchPlace>
}>()("order-saga/Carrier") {
  static readonly layer = Layer.effect(
    Carrier,
    Effect.map(Ledger, ({ once }) => ({
      ship: (item, address, key) =>
        address === "nowhere" ? Effect.fail(new NoSuchPlace({ address })) : once(key, `shipped ${item} to ${address}`)
    }))
  )
}

export const layer = Layer.mergeAll(Warehouse.layer, Payments.layer, Carrier.layer)
