import { assert, describe, it } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { Outcomes } from "../src/Outcomes.ts"
import { stepsText } from "../src/Report.ts"

type Body = JournalEntry.EntryBody & { readonly epoch?: number }

const journal = (...bodies: ReadonlyArray<Body>): ReadonlyArray<JournalEntry.JournalEntry> =>
  bodies.map((body, seq) => Object.assign({ seq, at: seq, epoch: 1 }, body) as JournalEntry.JournalEntry)

const requested = (key: string, more: object = {}): Body => ({
  _tag: "StepRequested",
  key,
  name: key,
  attempt: 1,
  onCrash: "rerun",
  ...more
})
const completed = (key: string, more: object = {}): Body => ({ _tag: "StepCompleted", key, attempt: 1, ...more })

describe("Outcomes", () => {
  it("tells steps that this process ran from those of the journal and of others", () => {
    const outcomes = new Outcomes()
    outcomes.take(
      journal(
        requested("a"),
        completed("a"),
        requested("b"),
        completed("b", { epoch: 2 }),
        completed("c", { epoch: 3 })
      )
    )
    assert.deepStrictEqual(outcomes.steps(new Set([2]), 2), {
      executed: 1,
      replayed: 1,
      repeated: 0,
      recovered: 0,
      overtime: 0,
      retried: 0
    })
  })

  it("takes an attempt that is followed by another for no outcome, and a settled step for nobody's", () => {
    const outcomes = new Outcomes()
    outcomes.take(journal(
      requested("a"),
      { _tag: "StepFailed", key: "a", attempt: 1, cause: [], retryAt: 5 },
      requested("a", { attempt: 2, recovery: 1 }),
      { _tag: "StepFailed", key: "a", attempt: 2, cause: [] },
      completed("b", { settledBy: "ops" })
    ))
    assert.deepStrictEqual(outcomes.steps(new Set([1]), 0), {
      executed: 1,
      replayed: 0,
      repeated: 0,
      recovered: 1,
      overtime: 0,
      retried: 1
    })
  })

  it("counts what ran again since the command began, and not what ran again before it", () => {
    const outcomes = new Outcomes()
    outcomes.take(journal(
      requested("a"),
      requested("a", { recovery: 1 }),
      completed("a"),
      requested("b"),
      { _tag: "StepFailed", key: "b", attempt: 1, cause: [], retryAt: 5 },
      requested("b", { attempt: 2 }),
      { _tag: "StepFailed", key: "b", attempt: 2, cause: [], parked: true },
      requested("b", { attempt: 3 }),
      requested("b", { attempt: 3, recovery: 1, probe: true }),
      requested("b", { attempt: 3, recovery: 1 }),
      requested("b", { attempt: 3, recovery: 2 }),
      completed("b")
    ))
    const steps = outcomes.steps(new Set([1]), 3)
    assert.deepStrictEqual(steps, { executed: 1, replayed: 1, repeated: 0, recovered: 2, overtime: 0, retried: 2 })
    assert.strictEqual(
      stepsText(steps),
      "1 step executed here; 1 step recorded before, not run again; 2 bodies ran again after crashes; 2 failed attempts were tried again"
    )
    assert.strictEqual(outcomes.steps(new Set([1]), 10).recovered, 1)
    assert.strictEqual(
      stepsText({ executed: 0, replayed: 3, repeated: 0, recovered: 1, overtime: 0, retried: 0 }),
      "3 steps recorded before, not run again; 1 body ran again after the crash"
    )
  })

  it("tells a body that was let go at the end of its time from one that a crash has cut short", () => {
    const outcomes = new Outcomes()
    outcomes.take(journal(
      requested("a"),
      { _tag: "BodyLetGo", key: "a", text: "let go" },
      requested("a", { recovery: 1 }),
      requested("a", { recovery: 2 }),
      completed("a")
    ))
    const steps = outcomes.steps(new Set([1]), 0)
    assert.deepInclude(steps, { recovered: 1, overtime: 1 })
    assert.include(
      stepsText(steps),
      "1 body ran again after the crash; 1 body ran again beside one that did not end in time"
    )
  })

  it("notices a step with two outcomes", () => {
    const outcomes = new Outcomes()
    outcomes.take(journal(completed("a")))
    outcomes.take(journal(completed("a")))
    assert.strictEqual(outcomes.steps(new Set(), 0).repeated, 1)
  })

  it("adds up the tokens that models have used", () => {
    const outcomes = new Outcomes()
    assert.deepStrictEqual(outcomes.usage, {})
    const used = (data: unknown): Body => ({ _tag: "Note", kind: "usage", text: "ask", data })
    outcomes.take(
      journal(
        used({ model: "m", inputTokens: 3, outputTokens: 4 }),
        used({ model: "m", inputTokens: 2 }),
        used("nonsense")
      )
    )
    assert.deepStrictEqual(outcomes.usage, { inputTokens: 5, outputTokens: 4 })
  })
})
