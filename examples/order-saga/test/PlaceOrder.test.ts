import { assert, describe, it } from "@effect/vitest"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import { TestHost } from "@fermata/testing/TestHost"
import { Deferred, Effect, Exit, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { PlaceOrder, PlaceOrderLayer } from "../src/PlaceOrder.ts"
import * as Shop from "../src/Shop.ts"

const order = { orderId: "o1", item: "pen", cents: 4_200, address: "Elm Street 1" }

const app = PlaceOrderLayer.pipe(
  Layer.provide(Shop.layer),
  Layer.provideMerge(TestHost.layer),
  Layer.provideMerge(Shop.Ledger.layerMemory)
)

const seen = Shop.Ledger.use(({ lines }) => lines)

const exitOf = (executionId: string) =>
  Effect.map(
    PlaceOrder.poll(executionId),
    (result) => Option.isSome(result) && result.value._tag === "Complete" ? result.value.exit : undefined
  )

describe("place-order", () => {
  it.effect("reserves, charges and ships", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* PlaceOrder.execute(order), { receipt: "receipt-o1" })
      assert.deepStrictEqual(yield* seen, [
        "reserved pen for o1",
        "charged 4200 cents for o1",
        "shipped pen to Elm Street 1"
      ])
    }).pipe(Effect.provide(app)))

  it.effect("undoes what was done, last first, when it cannot ship", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(PlaceOrder.execute({ ...order, address: "nowhere" }))
      assert.strictEqual(error._tag, "NoSuchPlace")
      assert.deepStrictEqual(yield* seen, [
        "reserved pen for o1",
        "charged 4200 cents for o1",
        "refunded receipt-o1",
        "released pen of o1"
      ])
    }).pipe(Effect.provide(app)))

  it.effect("undoes nothing when nothing was done", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(PlaceOrder.execute({ ...order, item: "unicorn" }))
      assert.strictEqual(error._tag, "OutOfStock")
      assert.deepStrictEqual(yield* seen, [])
    }).pipe(Effect.provide(app)))

  it.effect("does not ask again for a card that is declined", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(PlaceOrder.execute({ ...order, cents: 2_000_000 }))
      assert.strictEqual(error._tag, "CardDeclined")
      assert.deepStrictEqual(yield* seen, ["reserved pen for o1", "released pen of o1"])
    }).pipe(Effect.provide(app)))

  it.effect("starting the same order again joins it", () =>
    Effect.gen(function*() {
      yield* PlaceOrder.execute(order)
      yield* PlaceOrder.execute(order)
      assert.lengthOf(yield* seen, 3)
    }).pipe(Effect.provide(app)))

  it.effect("waits 1, 2 and 4 seconds for payments that are down, under one key", () => {
    const keys: Array<string> = []
    const Flaky = Layer.effect(
      Shop.Payments,
      Effect.map(Shop.Payments, (payments) => ({
        ...payments,
        charge: (cents, orderId, key) =>
          keys.push(key) < 4 ? Effect.fail(new Shop.PaymentsDown()) : payments.charge(cents, orderId, key)
      }))
    ).pipe(Layer.provide(Shop.Payments.layer))
    return Effect.gen(function*() {
      const host = yield* TestHost
      const executionId = yield* PlaceOrder.execute(order, { discard: true })
      yield* host.settled
      for (const seconds of [1, 2]) yield* Effect.andThen(TestClock.adjust(seconds * 1_000), host.settled)
      assert.lengthOf(keys, 3)
      yield* Effect.andThen(TestClock.adjust(3_999), host.settled)
      assert.lengthOf(keys, 3)
      yield* Effect.andThen(TestClock.adjust(1), host.settled)
      assert.deepStrictEqual(yield* exitOf(executionId), Exit.succeed({ receipt: "receipt-o1" }))
      assert.lengthOf(new Set(keys), 1)
    }).pipe(
      Effect.provide(PlaceOrderLayer.pipe(
        Layer.provide(Layer.merge(Shop.layer, Flaky)),
        Layer.provideMerge(TestHost.layer),
        Layer.provideMerge(Shop.Ledger.layerMemory)
      ))
    )
  })

  it.effect("S2: a process that dies while it charges does not charge twice", () =>
    Effect.gen(function*() {
      const ledger = yield* Shop.Ledger
      const store = MemoryBackend.makeStore()
      const charged = yield* Deferred.make<void>()
      const Hanging = Layer.effect(
        Shop.Payments,
        Effect.map(Shop.Payments, (payments) => ({
          ...payments,
          charge: (...order) =>
            payments.charge(...order).pipe(
              Effect.andThen(Deferred.succeed(charged, undefined)),
              Effect.andThen(Effect.never)
            )
        }))
      ).pipe(Layer.provide(Shop.Payments.layer))
      const process = (shop: typeof Shop.layer) =>
        PlaceOrderLayer.pipe(
          Layer.provide(shop),
          Layer.provide(Layer.succeed(Shop.Ledger, ledger)),
          Layer.provideMerge(TestHost.layerOf(MemoryBackend.make(store), { leaseMs: 10_000 })),
          Layer.fresh
        )

      const first = yield* Layer.build(process(Layer.merge(Shop.layer, Hanging)))
      const executionId = yield* PlaceOrder.execute(order, { discard: true }).pipe(Effect.provideContext(first))
      yield* Deferred.await(charged)

      const second = yield* Layer.build(process(Shop.layer))
      yield* Effect.gen(function*() {
        const host = yield* TestHost
        yield* host.settled
        assert.isUndefined(yield* exitOf(executionId))
        yield* host.adjustHost(20_000)
        assert.deepStrictEqual(yield* exitOf(executionId), Exit.succeed({ receipt: "receipt-o1" }))
      }).pipe(Effect.provideContext(second))

      assert.deepStrictEqual(yield* ledger.lines, [
        "reserved pen for o1",
        "charged 4200 cents for o1",
        "shipped pen to Elm Street 1"
      ])
    }).pipe(Effect.scoped, Effect.provide(Shop.Ledger.layerMemory)))

  it.effect.each([
    {
      address: "Elm Street 1",
      lines: ["reserved pen for o1", "charged 4200 cents for o1", "shipped pen to Elm Street 1"]
    },
    {
      address: "nowhere",
      lines: ["reserved pen for o1", "charged 4200 cents for o1", "refunded receipt-o1", "released pen of o1"]
    }
  ])(
    "S1, S2, S8: a crash at any write on the way to $address changes nothing in the world",
    ({ address, lines }) =>
      Effect.gen(function*() {
        const ledger = yield* Shop.Ledger
        const { crashes, writes } = yield* CrashExplorer.explore({
          workflows: PlaceOrderLayer.pipe(Layer.provide(Shop.layer), Layer.provide(Layer.succeed(Shop.Ledger, ledger))),
          drive: (host) => host.use(Effect.exit(PlaceOrder.execute({ ...order, address })))
        })
        // The start with the first step, an outcome with the request of the next, and the end.
        assert.isAbove(writes, 3)
        assert.strictEqual(crashes, 2 * writes)
        assert.deepStrictEqual(yield* ledger.lines, lines)
      }).pipe(Effect.provide(Shop.Ledger.layerMemory))
  )
})
