import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as RunSentence from "../src/RunSentence.ts"
import { type SuspendReason, suspendReasons } from "../src/RunStatus.ts"
import type { ApprovalView, StepView } from "../src/RunViewSchema.ts"
import * as Suspension from "../src/Suspension.ts"
import * as TimeText from "../src/TimeText.ts"
import type { Wait } from "../src/Wait.ts"

const hour = 3_600_000

const question = (more: Partial<ApprovalView> = {}): ApprovalView => ({
  key: "pay",
  prompt: "Pay?",
  approvers: ["ada", "bob"],
  choices: [],
  quorum: 1,
  editable: false,
  onTimeout: "deny",
  requestedAt: 0,
  status: "open",
  answers: [],
  ...more
})

const asked: Wait = { reason: "approval", key: "pay", who: ["ada", "bob"], detail: "Pay?", until: 48 * hour }

describe("the table of suspensions", () => {
  it("S7: names who ends each wait, and what one may do about it unless it ends by itself", () => {
    for (const reason of suspendReasons) {
      const { clause, endedBy } = Suspension.suspensions[reason]
      const wait: Wait = { reason, key: "k" }
      assert.match(clause(wait, { now: 0 }), /^(for|until) /, reason)
      const alone = endedBy === "time" || reason === "handoff"
      assert.strictEqual(Suspension.actionsOf(wait).length === 0, alone, reason)
    }
  })

  it("has those reasons as faults that nobody plans for, and tells them as suspended", () => {
    const faults = suspendReasons.filter((reason) => Suspension.suspensions[reason].isFault)
    assert.deepStrictEqual(faults, ["corrupt", "diverged", "recovery", "outcome-unknown"])
    for (const reason of faults) {
      assert.strictEqual(Suspension.suspensions[reason].event, "engine.run.suspended")
      assert.strictEqual(Suspension.suspensions[reason].endedBy, "operator")
    }
  })

  it("has a run that recovery stopped as a whole resumed, and one that was stopped at a step settled", () => {
    const verbs = (key: string) => Suspension.actionsOf({ reason: "recovery", key }).map(({ verb }) => verb)
    assert.deepStrictEqual(verbs(Suspension.runKey), ["resume"])
    assert.deepStrictEqual(verbs("charge"), ["settle", "settle", "settle"])
  })
})

describe("the sentence about a run", () => {
  const waits = (...waits: ReadonlyArray<Wait>) => RunSentence.of({ status: "suspended", waits }, 0)

  it("S7: names the people who may answer, what about, and what happens without them", () => {
    assert.strictEqual(
      RunSentence.of({ status: "suspended", waits: [asked], approvals: [question()] }, 0),
      `Waits for ada or bob to answer approval "pay": Pay?; denied by itself in 2 d, at 1970-01-03 00:00:00Z`
    )
    assert.strictEqual(
      RunSentence.of({ status: "suspended", waits: [asked], approvals: [question({ onTimeout: "fail" })] }, 47 * hour),
      `Waits for ada or bob to answer approval "pay": Pay?; fails by itself in 1 h, at 1970-01-03 00:00:00Z`
    )
    assert.strictEqual(
      waits(asked),
      `Waits for ada or bob to answer approval "pay": Pay?; ends by itself in 2 d, at 1970-01-03 00:00:00Z`,
      "a summary does not say what the end of the deadline means"
    )
  })

  it("names only those whose answer still counts, how far it is, and what was edited", () => {
    const answers = [{ id: "1", decision: "approve", by: "ada", at: 1 }] as const
    assert.strictEqual(
      RunSentence.of({
        status: "suspended",
        waits: [{ reason: "approval", key: "pay" }],
        approvals: [question({ approvers: ["ada", "bob", "cy"], requester: "cy", quorum: 2, choices: [], answers })]
      }, 0),
      `Waits for bob to answer approval "pay"; 1 of 2, still wanted: bob`
    )
  })

  it("tells every wait, each in its own words", () => {
    assert.strictEqual(
      waits({ reason: "signal", key: "go", until: hour }, { reason: "timer", key: "1", until: 2 * hour }),
      `Waits for signal "go", until 1970-01-01 01:00:00Z (in 1 h); until 1970-01-01 02:00:00Z (in 2 h)`
    )
    assert.strictEqual(
      waits({ reason: "signal", key: "event:paid", detail: `an event "paid"` }),
      `Waits for an event "paid"`
    )
    assert.strictEqual(
      waits({ reason: "operator", key: "failure", detail: "CardDeclined: no funds" }),
      "Waits for an operator, who may resume it after its failure: CardDeclined: no funds"
    )
    assert.strictEqual(
      waits({ reason: "operator", key: "never", detail: "a time that never comes" }),
      "Waits for ever: a time that never comes"
    )
  })

  it("tells the other statuses from a summary, and more from a view", () => {
    const times = { requestedAt: 0, endedAt: 2 * hour, updatedAt: 0, activeMs: 0 }
    const step = (key: string): StepView => ({
      key,
      name: key,
      status: "running",
      attempts: 1,
      recoveries: 0,
      onCrash: "rerun",
      requestedAt: 0
    })
    const said = (run: Omit<RunSentence.Run, "waits">) => RunSentence.of({ waits: [], ...run }, 0)
    assert.deepStrictEqual([
      said({ status: "queued" }),
      said({ status: "running" }),
      said({ status: "running", steps: ["a", "b", "c", "d"].map(step) }),
      said({ status: "running", steps: [step("a")], paused: true }),
      said({ status: "completed" }),
      said({ status: "completed", times }),
      said({ status: "failed", times, error: { cause: [], message: "no funds" } }),
      said({ status: "failed", stop: { kind: "limit", by: "engine", reason: "it went past maxRunMs", at: 1 } }),
      said({ status: "cancelled", times, stop: { kind: "cancel", by: "ada", reason: "enough", at: 1 } })
    ], [
      "Waits for a worker to take it up",
      "Is at work",
      "Is at work on a, b, c and 1 more",
      "Is paused as soon as what it is at has ended",
      "Completed",
      "Completed after 2 h",
      "Failed after 2 h: no funds",
      "Failed: it went past maxRunMs",
      "Cancelled after 2 h by ada: enough"
    ])
  })

  it("is one line that begins with a capital letter, for any wait", () => {
    const wait = fc.record({
      reason: fc.constantFrom<SuspendReason>(...suspendReasons),
      key: fc.constantFrom("k", "run", "never", "failure", "event:e", "step:s"),
      until: fc.nat()
    })
    fc.assert(fc.property(fc.array(wait, { minLength: 1, maxLength: 4 }), fc.nat(), (waits, now) => {
      assert.match(RunSentence.of({ status: "suspended", waits }, now), /^Waits [^\n]+[^.]$/)
    }))
  })
})

describe("a time as text", () => {
  it("is what ISO 8601 says, for every time that a calendar has", () => {
    fc.assert(fc.property(fc.integer({ min: -8.64e15, max: 8.64e15 }), (millis) => {
      assert.strictEqual(TimeText.iso(millis), new Date(millis).toISOString())
    }))
    for (const text of ["1970-01-01", "2000-02-29", "1900-03-01", "2100-02-28", "2026-12-31", "0000-02-29"]) {
      assert.strictEqual(TimeText.iso(Date.parse(text)), `${text}T00:00:00.000Z`)
    }
  })
})
