import { assert, describe, it } from "@effect/vitest"
import { ScheduleSentence, ScheduleTime } from "@fermata/core"
import * as fc from "fast-check"

const day = 86_400_000
const hour = 3_600_000
const since = Date.parse("2026-03-01T12:00:00Z")

const timing = fc.record({
  spec: fc.oneof(
    fc.record({ everyMs: fc.integer({ min: 1_000, max: 3 * day }) }),
    fc.record({
      cron: fc.constantFrom("*/7 * * * *", "0 * * * *", "30 2 * * *", "0 0 1 * *", "*/15 8-10 * * 1-5"),
      zone: fc.constantFrom("UTC", "Europe/Berlin", "Australia/Lord_Howe")
    })
  ),
  endAt: fc.integer({ min: since, max: since + 60 * day }),
  startAt: fc.integer({ min: since - 10 * day, max: since + 10 * day }),
  jitterMs: fc.integer({ min: 0, max: 2 * day })
}, { requiredKeys: ["spec"] })

describe("ScheduleTime", () => {
  it("the first slot of an interval comes one interval after it was said, or after the delay, or at its start", () => {
    const spec = { everyMs: 305_000 }
    assert.strictEqual(ScheduleTime.firstSlot({ spec }, since), since + 305_000)
    assert.strictEqual(ScheduleTime.firstSlot({ spec, delayMs: 0 }, since), since)
    assert.strictEqual(ScheduleTime.firstSlot({ spec, delayMs: 1_000 }, since), since + 1_000)
    assert.strictEqual(ScheduleTime.firstSlot({ spec, startAt: since + hour }, since), since + hour)
    // A start that is past is where the slots are counted from.
    assert.strictEqual(
      ScheduleTime.firstSlot({ spec: { everyMs: day }, startAt: since - hour }, since),
      since + day - hour
    )
  })

  it("the first slot of a cron expression lies behind the moment at which it was said, its start or its delay", () => {
    const spec = { cron: "0 * * * *" }
    assert.strictEqual(ScheduleTime.firstSlot({ spec }, since), since + hour)
    assert.strictEqual(ScheduleTime.firstSlot({ spec, startAt: since + 2 * hour }, since), since + 2 * hour)
    assert.strictEqual(ScheduleTime.firstSlot({ spec, delayMs: hour }, since), since + hour)
    assert.strictEqual(ScheduleTime.firstSlot({ spec, delayMs: hour + 1 }, since), since + 2 * hour)
  })

  it("slots, their number and the last of them agree, whichever way they are asked for", () => {
    fc.assert(
      fc.property(timing, fc.integer({ min: 0, max: 20 * day }), (timing, ahead) => {
        const first = ScheduleTime.firstSlot(timing, since)
        if (first === null) return
        const every = "everyMs" in timing.spec ? timing.spec.everyMs : 0
        const until = first + (every > 0 ? Math.min(ahead, 300 * every) : ahead % (4 * day))
        const all = ScheduleTime.slots(timing, first, until, 1_000)
        const { count, last } = ScheduleTime.span(timing, first, until)
        assert.strictEqual(count, all.length)
        assert.strictEqual(last, all.at(-1))
        for (const [index, slot] of all.entries()) {
          assert.isTrue(index === 0 || slot > all[index - 1]!)
          assert.isTrue(slot <= (timing.endAt ?? Infinity))
          assert.strictEqual(ScheduleTime.slotFrom(timing, first, slot), slot)
          if (index > 0) assert.strictEqual(ScheduleTime.slotFrom(timing, first, all[index - 1]! + 1), slot)
        }
      }),
      { numRuns: 200 }
    )
  })

  it("jitter follows from name and slot, keeps within its bound, and never reaches the next slot", () => {
    fc.assert(fc.property(timing, fc.constantFrom("a", "b", "acme~nightly"), (timing, name) => {
      const first = ScheduleTime.firstSlot({ ...timing, endAt: undefined }, since)!
      const second = ScheduleTime.slotAfter({ spec: timing.spec }, first)!
      const fired = ScheduleTime.fireAt(name, timing, first)
      assert.strictEqual(fired, ScheduleTime.fireAt(name, { ...timing }, first))
      assert.isTrue(fired >= first && fired <= first + (timing.jitterMs ?? 0) && fired < second)
    }))
    const spread = new Set<number>()
    for (let index = 0; index < 100; index++) {
      spread.add(ScheduleTime.fireAt(`s${index}`, { spec: { everyMs: day }, jitterMs: 60_000 }, since))
    }
    assert.isAbove(spread.size, 90)
    const late = [...spread].filter((time) => time - since > 30_000).length
    assert.isTrue(late > 30 && late < 70, `${late} of 100 in the later half`)
  })

  it("times that cannot be are told as a sentence", () => {
    const problem = (timing: ScheduleTime.Timing) => ScheduleTime.problemOf(timing, since) ?? "none"
    assert.match(problem({ spec: { cron: "0 0 31 2 *" } }), /"0 0 31 2 \*" has no date on which it comes/)
    assert.match(problem({ spec: { cron: "0 0 L * *" } }), /another kind of cron/)
    assert.match(problem({ spec: { cron: "0 0 * * *", zone: "Mars/Base" } }), /no time zone "Mars\/Base"/)
    assert.match(problem({ spec: { everyMs: 1_000 }, startAt: 5, delayMs: 5 }), /give one of them/)
    assert.match(problem({ spec: { everyMs: 1_000 }, startAt: 10, endAt: 5 }), /ends before it begins/)
    assert.match(problem({ spec: { everyMs: 1_000 }, jitterMs: 1_001 }), /interval only 1000/)
    assert.match(problem({ spec: { everyMs: 1_000 }, endAt: 1e18 }), /between 1970 and 9999/)
    assert.strictEqual(problem({ spec: { cron: "0 0 29 2 *" } }), "none")
  })
})

describe("ScheduleSentence", () => {
  it("says when a schedule fires, in words", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["30 2 * * *", "at 02:30 every day (UTC)"],
      ["0 9,17 * * MON-FRI", "at 09:00 and 17:00 on Monday to Friday (UTC)"],
      ["*/5 * * * *", "every 5 minutes every day (UTC)"],
      ["* * * * *", "every minute every day (UTC)"],
      ["5 * * * *", "every hour at minute 5 every day (UTC)"],
      ["*/15 8-17 * * 1,3", "every 15 minutes from 08:00 to 17:59 on Monday and Wednesday (UTC)"],
      ["@monthly", "at 00:00 on day 1 of every month (UTC)"],
      ["0 6 24 12 *", "at 06:00 on day 24 of December (UTC)"],
      ["0 6 * JUN-AUG *", "at 06:00 every day in June to August (UTC)"],
      ["0 0 * * 7", "at 00:00 on Sunday (UTC)"],
      ["3-9 1-3 * * *", "by cron 3-9 1-3 * * * (UTC)"],
      ["0 0 13 * 5", "by cron 0 0 13 * 5 (UTC)"]
    ]
    for (const [cron, words] of cases) assert.strictEqual(ScheduleSentence.ofSpec({ cron }), words)
    assert.strictEqual(ScheduleSentence.ofSpec({ everyMs: 305_000 }), "every 5 min 5 s")
    assert.strictEqual(ScheduleSentence.ofSpec({ everyMs: 86_400_001 }), "every 1 d 1 ms")
  })

  it("says what comes next, what holds it up and what was missed", () => {
    const view = { spec: { everyMs: hour }, paused: false, running: [], buffered: [], backfills: [], missed: 0 }
    const at = Date.parse("2026-03-01T13:00:00Z")
    const told = (rest: object) => ScheduleSentence.of({ ...view, nextAt: at, nextSlot: at, ...rest }, since)
    assert.strictEqual(told({}), "every 1 h; next in 1 h, at 2026-03-01 13:00:00Z")
    assert.match(told({ paused: true }), /^every 1 h; paused, so nothing is fired until it is resumed$/)
    assert.match(told({ running: ["r1"], buffered: [1, 2] }), /run r1 goes on; 2 slots wait for that to end/)
    assert.match(
      told({ missed: 1, problem: "no such workflow" }),
      /1 slot was missed; the last slot started nothing: no such workflow/
    )
    assert.match(ScheduleSentence.of(view, since), /no further time comes/)
  })
})
