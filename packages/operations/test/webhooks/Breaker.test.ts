/** When an endpoint is left alone, and for how long. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Breaker from "../../src/internal/webhooks/Breaker.ts"

const failed = (health: Breaker.Health, times: number, now = 0): Breaker.Health =>
  Array.from({ length: times }).reduce<Breaker.Health>((before) => Breaker.after(before, "failed", now), health)

describe("Breaker", () => {
  it("is opened by the tenth failure in a row, and by no nine of them", () => {
    const nine = failed(Breaker.healthy, 9)
    assert.deepInclude(nine, { state: "ok", failures: 9 })
    assert.isNull(Breaker.heldUntil(nine))
    assert.deepInclude(Breaker.after(nine, "failed", 5_000), { state: "open", failures: 10, until: 65_000, opened: 1 })
    const between = failed(Breaker.after(nine, "delivered", 0), 9)
    assert.deepInclude(between, { state: "ok", failures: 9 })
  })

  it("lets one try it when its time has come, and nobody else until that one says how it went or is taken for dead", () => {
    const open = failed(Breaker.healthy, 10)
    assert.deepStrictEqual(Breaker.ask(open, 59_999), { may: false })
    const { may, next } = Breaker.ask(open, 60_000)
    assert.isTrue(may)
    assert.deepInclude(next, { state: "half", until: 60_000 + Breaker.trialMs })
    assert.deepStrictEqual(Breaker.ask(next!, 60_001), { may: false })
    assert.isTrue(Breaker.ask(next!, 60_000 + Breaker.trialMs).may)
    assert.deepStrictEqual(Breaker.after(next!, "delivered", 61_000), Breaker.healthy)
  })

  it("stays open for 60 s, then for twice as long each time, up to 1 h", () => {
    let health = failed(Breaker.healthy, 10)
    const pauses: Array<number> = [health.until]
    for (let now = health.until; pauses.length < 9; now = health.until) {
      health = Breaker.after(Breaker.ask(health, now).next!, "failed", now)
      pauses.push(health.until - now)
    }
    assert.deepStrictEqual(pauses.map((ms) => ms / 60_000), [1, 2, 4, 8, 16, 32, 60, 60, 60])
  })

  it("is not kept open for longer by what was on its way when it was opened, and closed by what arrives after all", () => {
    const open = failed(Breaker.healthy, 10)
    assert.strictEqual(Breaker.after(open, "failed", 30_000).until, open.until)
    assert.deepStrictEqual(Breaker.after(open, "delivered", 30_000), Breaker.healthy)
  })

  it("lets nothing through to an endpoint that is gone or paused, until somebody resumes it", () => {
    for (const health of [Breaker.after(Breaker.healthy, "gone", 0), { ...Breaker.healthy, paused: true }]) {
      assert.deepStrictEqual(Breaker.ask(health, Number.MAX_SAFE_INTEGER), { may: false })
      assert.strictEqual(Breaker.heldUntil(health), Infinity)
      assert.deepStrictEqual(Breaker.resumed({ ...health, dropped: 3 }), { ...Breaker.healthy, dropped: 3 })
    }
  })

  it("changes nothing where all is well, so that a delivery costs no write of its endpoint", () => {
    assert.strictEqual(Breaker.after(Breaker.healthy, "delivered", 1), Breaker.healthy)
  })

  it("on any history, at most one request is on its way while it is half open, and it is never left alone for more than 1 h", () => {
    const step = fc.record({ wait: fc.nat(4_000_000), sign: fc.constantFrom("delivered" as const, "failed" as const) })
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let health = Breaker.healthy
      let now = 0
      let trying = false
      for (const { sign, wait } of steps) {
        now += wait
        const { may, next } = Breaker.ask(health, now)
        if (!may) {
          assert.isAtMost(health.until - now, Breaker.pauses.most)
          continue
        }
        if (trying) assert.isAtLeast(now, health.until)
        health = next ?? health
        trying = health.state === "half"
        if (!trying) assert.isBelow(health.failures, Breaker.mostFailures)
        health = Breaker.after(health, sign, now)
        trying = false
      }
    }))
  })
})
