import { assert, describe, it } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import * as fc from "fast-check"
import * as Money from "../src/Money.ts"
import { page } from "../src/RunPage.ts"
import { linesOf } from "../src/Watch.ts"

const journal = (...bodies: ReadonlyArray<JournalEntry.EntryBody>): ReadonlyArray<JournalEntry.JournalEntry> =>
  bodies.map((body, seq) => Object.assign({ seq, at: 1_000 + seq, epoch: 1 }, body) as JournalEntry.JournalEntry)

const step = (key: string, micros: number, recovery?: number): JournalEntry.EntryBody => ({
  _tag: "StepRequested",
  key,
  name: key,
  attempt: 1,
  onCrash: "rerun",
  reserved: { micros },
  ...(recovery === undefined ? {} : { recovery })
})

/** A run with everything that there is to say of money. */
const rich = journal(
  { _tag: "RunRequested", workflow: "w", version: "1", payload: null, granted: { micros: 2_000_000 } },
  { _tag: "RunStarted" },
  step("ask", 10_000),
  step("ask", 10_000, 1),
  { _tag: "StepCompleted", key: "ask", attempt: 1, spent: { micros: 3_500, tokens: 1_200 } },
  step("again", 10),
  { _tag: "StepFailed", key: "again", attempt: 1, cause: [], retryAt: 9_000, spent: { micros: 1 } },
  step("slow", 500_000),
  { _tag: "ChildStarted", child: "c1", workflow: "w", version: "1", payload: null, linked: true },
  { _tag: "ChildFinished", child: "c1", exit: { _tag: "Success" }, spent: { micros: 20_000 } },
  {
    _tag: "SignalReceived",
    id: "r1",
    name: "engine.budget",
    payload: { micros: 1_000_000, note: "go on" },
    by: "ada"
  }
)

describe("money as people type it", () => {
  it("every amount that is told is read again as the same one", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (micros) => {
      assert.strictEqual(Money.microsOf(Spent.dollars(micros)), micros)
      assert.strictEqual(Money.microsOf(Spent.dollars(micros).slice(1)), micros)
    }))
  })

  it.each<[string, number | undefined]>([
    ["1", 1_000_000],
    ["0.29", 290_000],
    ["0.1", 100_000],
    ["1.005", 1_005_000],
    ["0.000001", 1],
    [" 2.50 ", 2_500_000],
    ["9007199254.740991", Number.MAX_SAFE_INTEGER],
    ["9007199254.740992", undefined],
    ["0", undefined],
    ["0.0000001", undefined],
    ["-1", undefined],
    ["1e3", undefined],
    ["1 2", undefined]
  ])("%j is %s millionths", (text, micros) => assert.strictEqual(Money.microsOf(text), micros))
})

describe("what a run has spent", () => {
  it("stands on its page, with each step and child, and what it may spend", () => {
    const options = { globals: { usually: "ada" } as never, now: 5_000 }
    const text = page(RunView.of("r", rich), options).join("\n")
    assert.match(
      text,
      new RegExp(
        "spent +\\$0.033501, 1200 tokens, of it \\$0.02 by children and \\$0.01 reserved by what came to no outcome;"
          + " up to \\$0.50 more in flight"
      )
    )
    assert.match(text, /budget +granted \$2.00, raised by \$1.00/)
    assert.match(text, /ask .*\$0.0035, 1200 tokens, \$0.01 reserved without an outcome/)
    assert.match(text, /slow .*up to \$0.50 in flight/)
    assert.match(text, /c1 .*\$0.02/)
    const poor = page(RunView.of("r", rich.slice(1, 2)), options).join("\n")
    assert.notMatch(poor, /spent|budget/)
  })

  it("is told as it happens", () => {
    const lines = linesOf(rich).map((line) => line.trim())
    assert.include(lines.find((line) => line.includes("✓ ask")), "$0.0035, 1200 tokens")
    assert.include(lines.find((line) => line.includes("↺ again")), "attempt 1 failed, $0.000001:")
    assert.include(lines, "✓ child run c1, $0.02")
    assert.include(lines, "✓ budget raised by $1.00, says ada: go on")
  })
})
