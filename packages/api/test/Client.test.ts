import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Client, type ClientOptions } from "../src/Client.ts"

const refusal = JSON.stringify({
  type: "urn:fermata:problem:TooManyRequests",
  title: "Too many requests",
  status: 429,
  detail: "full",
  error: { _tag: "TooManyRequests", problem: "full", retryAfter: 1 }
})
const quota = JSON.stringify({
  type: "urn:fermata:problem:QuotaReached",
  title: "Quota reached",
  status: 429,
  detail: "full",
  error: { _tag: "QuotaReached", tenant: "acme", most: 1, retryAfter: 1 }
})

/** What a client does at a server that is full, and lets it in when it has been asked so often: when it asks (ms), and what it gets. */
const asking = Effect.fnUntraced(function*(
  retryAfter: string | undefined,
  { act = false, start = false, times = Infinity, ...options }: Partial<ClientOptions> & {
    readonly act?: boolean
    readonly start?: boolean
    readonly times?: number
  } = {}
) {
  const asked: Array<number> = []
  const http = HttpClient.make((request) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      asked.push(now)
      const full = asked.length <= times
      return HttpClientResponse.fromWeb(
        request,
        new Response(full ? start ? quota : refusal : act ? "{\"id\":\"e\"}" : "{\"runs\":[]}", {
          status: full ? 429 : act ? 201 : 200,
          headers: {
            "content-type": full ? "application/problem+json" : "application/json",
            ...(full && retryAfter !== undefined ? { "retry-after": retryAfter } : {})
          }
        })
      )
    })
  )
  const call = Effect.gen(function*() {
    const client = yield* Client
    if (start) yield* client.runs.start({ payload: { workflow: "w" } })
    else if (act) yield* client.events.emit({ payload: { name: "a" } })
    else yield* client.runs.list({ query: {} })
  }).pipe(
    Effect.provide(Client.layer({ url: "http://localhost", ...options })),
    Effect.provide(Layer.succeed(HttpClient.HttpClient, http)),
    Effect.match({ onFailure: ({ _tag }): string => _tag, onSuccess: () => "answered" })
  )
  const fiber = yield* Effect.forkChild(call, { startImmediately: true })
  yield* Effect.repeat(Effect.andThen(Effect.yieldNow, TestClock.adjust("100 millis")), {
    until: () => fiber.pollUnsafe() !== undefined
  })
  return { came: yield* Fiber.join(fiber), waits: asked.slice(1).map((at, index) => at - asked[index]!) }
})

const assertWaits = (waits: ReadonlyArray<number>, ...expected: ReadonlyArray<number>) => {
  assert.lengthOf(waits, expected.length, waits.join())
  // Where it is read what the server has said, the clock may have moved by a step of the test.
  for (const [index, least] of expected.entries()) assert.isTrue(waits[index]! >= least, waits.join())
  for (const [index, least] of expected.entries()) assert.isTrue(waits[index]! <= least * 1.25 + 300, waits.join())
}

describe("Client at a server that has enough to do", () => {
  it.effect("N-64: asks again after the time that the server names, a little spread, whether it looks or acts", () =>
    Effect.gen(function*() {
      for (const act of [false, true]) {
        const { came, waits } = yield* asking("2", { times: 3, act })
        assert.strictEqual(came, "answered")
        assertWaits(waits, 2_000, 2_000, 2_000)
      }
    }))

  it.effect("N-64: is told at once that a tenant is full, which it is until one of its runs has ended", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* asking("1", { start: true }), { came: "QuotaReached", waits: [] })
    }))

  it.effect("N-64: gives up behind the third time, or as it is told, and at once where it would have to wait for more than a minute", () =>
    Effect.gen(function*() {
      const usual = yield* asking("1")
      assert.strictEqual(usual.came, "TooManyRequests")
      assertWaits(usual.waits, 1_000, 1_000, 1_000)
      assert.deepStrictEqual(yield* asking("1", { retries: 0 }), { came: "TooManyRequests", waits: [] })
      assert.deepStrictEqual(yield* asking("61"), { came: "TooManyRequests", waits: [] })
    }))

  it.effect("N-64: waits longer each time where the server names none, and until a date where it names one", () =>
    Effect.gen(function*() {
      assertWaits((yield* asking(undefined)).waits, 1_000, 2_000, 4_000)
      const now = yield* Clock.currentTimeMillis
      const at = new Date(Math.ceil(now / 1_000) * 1_000 + 5_000)
      assertWaits((yield* asking(at.toUTCString(), { retries: 1 })).waits, at.getTime() - now)
    }))
})
