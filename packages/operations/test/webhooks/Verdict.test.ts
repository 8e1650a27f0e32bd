/** What a receiver's answer, or its silence, means for a delivery. */
import { assert, describe, it } from "@effect/vitest"
import { defaultRetryMs } from "@fermata/core/Webhook"
import { EgressFailed, EgressRefused } from "@fermata/engine/Egress"
import * as Verdict from "../../src/internal/webhooks/Verdict.ts"

const answered = (status: number, retryAfter?: string) => Verdict.of({ _tag: "Answered", status, retryAfter }, 0)

describe("Verdict", () => {
  it("every status is one of four: it has arrived, is tried again, is dead, or its endpoint is gone", () => {
    const again = new Set([408, 425, 429])
    for (let status = 200; status < 600; status++) {
      const verdict = answered(status)
      const expected = status < 300
        ? ["done", "delivered"]
        : status === 410
        ? ["dead", "gone"]
        : status < 400 || status >= 500 || again.has(status)
        ? ["again", "failed"]
        : ["dead", undefined]
      assert.deepStrictEqual([verdict.do, verdict.sign], expected, String(status))
      assert.strictEqual(verdict.code, `http-${status}`)
      if (status >= 300) assert.include(verdict.problem, String(status))
    }
  })

  it("where nobody has answered it is tried again, and where one may not go there it is dead", () => {
    const failed = (reason: EgressFailed["reason"], code?: string) =>
      Verdict.of({
        _tag: "Failed",
        error: new EgressFailed({
          host: "h",
          hop: 0,
          reason,
          sent: false,
          problem: "no",
          ...(code === undefined ? {} : { code })
        })
      }, 0)
    assert.deepInclude(failed("unreachable", "ECONNREFUSED"), { do: "again", sign: "failed", code: "ECONNREFUSED" })
    assert.deepInclude(failed("timeout"), { do: "again", sign: "failed", code: "timeout" })
    assert.deepInclude(failed("certificate"), { do: "again", sign: "failed", code: "network" })
    const refused = Verdict.of({
      _tag: "Refused",
      error: new EgressRefused({ host: "h", hop: 0, rule: "host", problem: "it is none", remedy: "allow it" })
    }, 0)
    assert.deepInclude(refused, { do: "dead", code: "egress" })
    assert.include(refused.problem, "allow it")
    assert.notProperty(refused, "sign")
    const unsigned = Verdict.of({ _tag: "Unsigned", problem: "there is no secret" }, 0)
    assert.deepInclude(unsigned, { do: "again", code: "secret" })
    assert.notProperty(unsigned, "sign")
  })

  it("Retry-After is seconds or a date, is never more than a day, and is passed over where it is neither", () => {
    const after = (text: string, now = 0) =>
      Verdict.of({ _tag: "Answered", status: 503, retryAfter: text }, now).retryAfterMs
    assert.strictEqual(after("120"), 120_000)
    assert.strictEqual(after(" 0 "), 0)
    assert.strictEqual(after("Thu, 01 Jan 1970 00:02:00 GMT", 60_000), 60_000)
    assert.strictEqual(after("Thu, 01 Jan 1970 00:00:00 GMT", 60_000), 0)
    assert.strictEqual(after("999999999"), 86_400_000)
    for (const text of ["", "soon", "-1", "1.5", "1e3", "99999999999999", "Thu, 99 Jan 1970 00:00:00 GMT"]) {
      assert.isUndefined(after(text), text)
    }
    assert.isUndefined(Verdict.of({ _tag: "Answered", status: 404, retryAfter: "5" }, 0).retryAfterMs)
  })

  it("waits 0, 10 s, 60 s, 5 min and 30 min before each of five attempts, or as long as the receiver asks for, and then no more", () => {
    const delays = [0, 1, 2, 3, 4, 5].map((failures) => Verdict.delayOf(defaultRetryMs, failures))
    assert.deepStrictEqual(delays, [0, 10_000, 60_000, 300_000, 1_800_000, undefined])
    assert.strictEqual(Verdict.delayOf(defaultRetryMs, 1, 90_000), 90_000)
    assert.strictEqual(Verdict.delayOf(defaultRetryMs, 2, 5_000), 60_000)
    assert.isUndefined(Verdict.delayOf(defaultRetryMs, 5, 5_000))
    assert.isUndefined(Verdict.delayOf([0], 1))
  })
})
