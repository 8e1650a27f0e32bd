/** What went wrong elsewhere with webhooks, and does not here. */
import { assert, describe, it } from "@effect/vitest"
import { Events } from "@fermata/engine/Events"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Webhook } from "standardwebhooks"
import { Webhooks } from "../src/Webhooks.ts"
import { at, Receivers, secrets, served, told } from "./support/Receivers.ts"

const by = { by: "ada" }

/** A test in a world of its own, which begins now: receivers go by their own clocks. */
const proves = (
  title: string,
  body: (receivers: Receivers) => Effect.Effect<void, unknown, Webhooks | Events | TestHost | Scope.Scope>
) =>
  it.effect(title, () => {
    const receivers = new Receivers()
    const host = TestHost.layerOf(MemoryBackend.make(MemoryBackend.makeStore()))
    return Effect.gen(function*() {
      yield* TestClock.setTime(Date.now())
      yield* Effect.provide(body(receivers), Layer.provideMerge(served(receivers), host))
    })
  })

const passes = (ms: number) => Effect.andThen(Effect.flatMap(TestHost, (host) => host.adjust(ms)), told)
const isBy = (name: "NEW" | "OLD", { headers, text }: Receivers["got"][number]): boolean => {
  try {
    new Webhook(secrets[name]).verify(text, headers)
    return true
  } catch {
    return false
  }
}

describe("reported elsewhere", () => {
  proves("an endpoint that was deleted between two attempts is asked no more", (receivers) =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      receivers.says = () => 500
      yield* webhooks.put("ops", { url: at("a"), events: ["**"] }, by)
      const { id } = yield* webhooks.test("ops", by)
      yield* told
      assert.lengthOf(receivers.got, 1)
      yield* webhooks.remove("ops", by)
      yield* passes(3_600_000)
      assert.lengthOf(receivers.got, 1)
      assert.deepInclude(yield* webhooks.delivery(id), { status: "dead", error: "its endpoint is not there any more" })
      // Another endpoint of this name is not the one that it was for.
      yield* webhooks.put("ops", { url: at("b"), events: ["**"] }, by)
      yield* told
      assert.lengthOf(receivers.got, 1)
    }))

  proves(
    "what was first sent before a secret was exchanged can be verified by the new one when it is sent again",
    (receivers) =>
      Effect.gen(function*() {
        const webhooks = yield* Webhooks
        receivers.says = () => 500
        yield* webhooks.put(
          "ops",
          { url: at("a"), events: ["**"], secret: { secret: "OLD" }, retryMs: [0, 10_000] },
          by
        )
        const { id } = yield* webhooks.test("ops", by)
        yield* told
        yield* webhooks.rotate("ops", { ...by, secret: { secret: "NEW" }, overlapMs: 60_000 })
        yield* passes(10_000)
        assert.deepStrictEqual(receivers.got.map((got) => [isBy("OLD", got), isBy("NEW", got)]), [
          [true, false],
          [true, true]
        ])
        yield* passes(60_000)
        assert.strictEqual((yield* webhooks.delivery(id)).status, "dead")
        receivers.says = () => 200
        yield* webhooks.redeliver(id, by)
        yield* told
        assert.deepStrictEqual([isBy("OLD", receivers.got[2]!), isBy("NEW", receivers.got[2]!)], [false, true])
      })
  )

  proves(
    "the bytes that are signed are those that are sent, whatever letters and orders the payload has",
    (receivers) =>
      Effect.gen(function*() {
        const webhooks = yield* Webhooks
        const events = yield* Events
        yield* webhooks.put("ops", { url: at("a"), events: ["**"], secret: { secret: "OLD" } }, by)
        const payloads = [
          { b: 1, a: "é", c: [1, 2] },
          { text: "\u{1F600} \u2028 </script> \\ \"" },
          "plain",
          null,
          1e21,
          {
            "": { z: 0, "10": 1, "9": 2 }
          }
        ]
        for (const [n, payload] of payloads.entries()) yield* events.emit(`odd.n${n}`, payload)
        yield* told
        assert.lengthOf(receivers.got, payloads.length)
        for (const got of receivers.got) {
          assert.isTrue(isBy("OLD", got), got.text)
          assert.deepStrictEqual(got.body.data, payloads[Number(got.body.type.slice("odd.n".length))])
        }
      })
  )

  proves(
    "nobody has a webhook ask on the inside of a network, or reads there what was answered",
    (receivers) =>
      Effect.gen(function*() {
        const webhooks = yield* Webhooks
        const inside = [
          "https://169.254.169.254/",
          "https://[::1]/",
          "https://0x7f.1/",
          "https://metadata.google.internal/"
        ]
        for (const [n, url] of inside.entries()) {
          yield* webhooks.put(`in-${n}`, { url, events: ["a"] }, by)
          const { id } = yield* webhooks.test(`in-${n}`, by)
          yield* told
          assert.strictEqual((yield* webhooks.delivery(id)).status, "dead", url)
        }
        receivers.says = () => 404
        yield* webhooks.put("ops", { url: at("a"), events: ["a"] }, by)
        const { id } = yield* webhooks.test("ops", by)
        yield* told
        const page = yield* webhooks.delivery(id)
        assert.deepStrictEqual(page.tried.map(({ error, httpCode }) => [httpCode, error]), [
          [404, "the receiver has answered 404, which another attempt would not change"]
        ])
        assert.lengthOf(receivers.got, 1)
      })
  )

  proves("an endpoint that never answers holds up no other", (receivers) =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const events = yield* Events
      receivers.says = ({ host }) => host === "a.example.com" ? Effect.never : 200
      yield* webhooks.put("slow", { url: at("a"), events: ["**"] }, by)
      yield* webhooks.put("quick", { url: at("b"), events: ["**"] }, by)
      for (let n = 0; n < 40; n++) yield* events.emit("a.b", n)
      yield* told
      assert.lengthOf(receivers.ids("b.example.com"), 40)
      assert.lengthOf(receivers.ids(), 4)
      // It gives up after 15 s, and goes on with the next.
      yield* passes(15_000)
      assert.isAbove(receivers.ids().length, 4)
    }))
})
