import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as EngineEvent from "../src/EngineEvent.ts"
import type * as JournalEntry from "../src/JournalEntry.ts"
import { suspendReasons } from "../src/RunStatus.ts"
import * as RunView from "../src/RunView.ts"

const entry = (body: JournalEntry.EntryBody, seq = 3): JournalEntry.JournalEntry =>
  ({ seq, at: 1_000 + seq, epoch: 1, ...body }) as JournalEntry.JournalEntry

const told = (body: JournalEntry.EntryBody, before?: RunView.RunView): ReadonlyArray<readonly [string, unknown]> =>
  EngineEvent.of("run-1", "purchase", entry(body), before).map(({ name, payload }) => [name, payload])

const run = { runId: "run-1", workflow: "purchase" }
const boom = [{ _tag: "Fail", error: { _tag: "CardDeclined", message: "no funds" } }]
const step: JournalEntry.EntryBody = {
  _tag: "StepRequested",
  key: "charge",
  name: "charge",
  attempt: 1,
  onCrash: "rerun",
  input: { cents: 7 }
}
const question: JournalEntry.EntryBody = {
  _tag: "ApprovalRequested",
  key: "manager",
  prompt: "Charge 7?",
  approvers: ["finance"],
  choices: ["now", "later"],
  quorum: 1,
  editable: true,
  args: { cents: 7 },
  deadline: 9_000,
  onTimeout: "approve"
}

describe("EngineEvent", () => {
  it("tells nothing of a question to a probe, and its answer as the completion of the step", () => {
    assert.deepStrictEqual(told({ ...step, onCrash: "probe", probe: true } as JournalEntry.EntryBody), [])
    assert.deepStrictEqual(told({ _tag: "ProbeFailed", key: "charge", attempt: 1, cause: boom }), [])
    const completed = told({ _tag: "StepCompleted", key: "charge", attempt: 1, output: 7, probed: true })
    assert.deepStrictEqual(completed, [["engine.step.completed", { ...run, stepId: "charge", attempt: 1, output: 7 }]])
  })

  it("has the fourteen events of the contract model, and six of its own", () => {
    assert.deepStrictEqual([...EngineEvent.names], [
      "engine.run.requested",
      "engine.run.started",
      "engine.run.completed",
      "engine.run.failed",
      "engine.run.cancelled",
      "engine.run.paused",
      "engine.run.resumed",
      "engine.run.waiting",
      "engine.run.suspended",
      "engine.step.requested",
      "engine.step.completed",
      "engine.step.failed",
      "engine.approval.requested",
      "engine.approval.answered",
      "engine.approval.reopened",
      "engine.approval.delegated",
      "engine.approval.escalated",
      "engine.approval.reminder",
      "engine.approval.granted",
      "engine.approval.denied"
    ])
    assert.isTrue(EngineEvent.isName("engine.run.paused"))
    assert.isFalse(EngineEvent.isName("ticket.created"))
    assert.isFalse(EngineEvent.isName("toString"))
  })

  it("S16: tells a yes as granted only when it decides, and an edit that the code does not take as the question that is open again", () => {
    const answer = { _tag: "ApprovalAnswered", id: "a", key: "pay", decision: "approve", by: "ann", hash: "h" } as const
    assert.deepStrictEqual(told({ ...answer, edit: 7, open: true }), [
      ["engine.approval.answered", {
        ...run,
        stepId: "pay",
        answeredBy: "ann",
        decision: "approve",
        edit: 7,
        hash: "h"
      }]
    ])
    assert.deepStrictEqual(told(answer), [["engine.approval.granted", { ...run, stepId: "pay", grantedBy: "ann" }]])
    const refused = {
      _tag: "MessageRefused",
      id: "a",
      kind: "answer",
      text: "…",
      problem: "too much",
      message: { key: "pay", decision: "approve", by: "ann", edit: 7, hash: "h" }
    } as const
    assert.deepStrictEqual(told({ ...refused, why: "refused" }), [
      ["engine.approval.reopened", { ...run, stepId: "pay", proposedBy: "ann", edit: 7, problem: "too much" }]
    ])
    assert.deepStrictEqual(told({ ...refused, why: "late" }), [])
  })

  it("N-61: tells whom a question was handed to, whom it was escalated to, who was reminded, and for whom somebody has answered", () => {
    const place = { id: "a", key: "pay" }
    const by = { by: "ann", for: "ann" }
    assert.deepStrictEqual(
      [
        ...told({ _tag: "ApprovalDelegated", ...place, ...by, to: "dana", note: "away" }),
        ...told({ _tag: "ApprovalEscalated", ...place, stage: 1, to: ["cfo"] }),
        ...told({ _tag: "ApprovalReminded", ...place, count: 2, to: ["cfo", "dana"] }),
        ...told({ _tag: "ApprovalAnswered", ...place, decision: "approve", by: "dana", for: "ann" })
      ],
      [
        ["engine.approval.delegated", {
          ...run,
          stepId: "pay",
          delegatedBy: "ann",
          for: "ann",
          to: "dana",
          note: "away"
        }],
        ["engine.approval.escalated", { ...run, stepId: "pay", stage: 1, to: ["cfo"] }],
        ["engine.approval.reminder", { ...run, stepId: "pay", count: 2, to: ["cfo", "dana"] }],
        ["engine.approval.granted", { ...run, stepId: "pay", for: "ann", grantedBy: "dana" }]
      ]
    )
  })

  it("carries the id of its run as correlation, and the place of its entry as id", () => {
    assert.deepStrictEqual(EngineEvent.of("run-1", "purchase", entry({ _tag: "RunStarted" }, 1)), [{
      id: "run-1:1",
      name: "engine.run.started",
      at: 1_001,
      correlationId: "run-1",
      payload: run
    }])
  })

  it("tells how a run goes from request to end", () => {
    assert.deepStrictEqual(
      told({
        _tag: "RunRequested",
        workflow: "purchase",
        version: "2",
        payload: { id: 1 },
        trigger: { event: "t", id: "e" }
      }),
      [
        ["engine.run.requested", { ...run, version: "2", payload: { id: 1 }, trigger: { event: "t", id: "e" } }]
      ]
    )
    assert.deepStrictEqual(told({ _tag: "RunCompleted", output: 5 }), [["engine.run.completed", { ...run, output: 5 }]])
    assert.deepStrictEqual(told({ _tag: "RunFailed", cause: boom }), [
      ["engine.run.failed", { ...run, error: "CardDeclined: no funds", cause: boom }]
    ])
    assert.deepStrictEqual(told({ _tag: "RunCancelled", by: "ann", reason: "late", cause: [] }), [
      ["engine.run.cancelled", { ...run, by: "ann", reason: "late" }]
    ])
    assert.deepStrictEqual(told({ _tag: "RunResumed", by: "ann" }), [["engine.run.resumed", { ...run, by: "ann" }]])
    assert.isEmpty(told({ _tag: "RunResumed" }), "what goes on by itself is no news")
  })

  it("tells a pause, a wait, an approval and every other suspension apart", () => {
    const names = Object.fromEntries(suspendReasons.map((reason) => [
      reason,
      told({ _tag: "RunSuspended", waits: [{ reason, key: "k" }] })[0]?.[0]
    ]))
    assert.deepStrictEqual(names, {
      corrupt: "engine.run.suspended",
      diverged: "engine.run.suspended",
      recovery: "engine.run.suspended",
      "outcome-unknown": "engine.run.suspended",
      budget: "engine.run.suspended",
      operator: "engine.run.paused",
      approval: undefined,
      signal: "engine.run.waiting",
      child: "engine.run.waiting",
      handoff: "engine.run.waiting",
      timer: "engine.run.waiting"
    })
    assert.deepStrictEqual(
      told({ _tag: "RunSuspended", waits: [{ reason: "timer", key: "t" }, { reason: "operator", key: "pause" }] })[0],
      [
        "engine.run.paused",
        { ...run, reason: "operator", waits: [{ reason: "timer", key: "t" }, { reason: "operator", key: "pause" }] }
      ]
    )
  })

  it("tells a step once, however often it is requested again", () => {
    assert.deepStrictEqual(told(step), [
      ["engine.step.requested", { ...run, stepId: "charge", name: "charge", attempt: 1, input: { cents: 7 } }]
    ])
    assert.deepStrictEqual(told({ ...step, attempt: 2 } as JournalEntry.EntryBody), [])
    assert.deepStrictEqual(told({ ...step, recovery: 1 } as JournalEntry.EntryBody), [])
    const before = RunView.of("run-1", [entry(step, 2)])
    assert.deepStrictEqual(told(step, before), [])
    assert.strictEqual(told({ ...step, key: "other" } as JournalEntry.EntryBody, before).length, 1)
  })

  it("tells the outcome of a step, and not that of an attempt that is repeated", () => {
    assert.deepStrictEqual(told({ _tag: "StepCompleted", key: "charge", attempt: 2, output: "ok", settledBy: "ann" }), [
      ["engine.step.completed", { ...run, stepId: "charge", attempt: 2, output: "ok", settledBy: "ann" }]
    ])
    assert.deepStrictEqual(told({ _tag: "StepFailed", key: "charge", attempt: 1, cause: boom, retryAt: 5 }), [])
    assert.deepStrictEqual(told({ _tag: "StepFailed", key: "charge", attempt: 2, cause: boom }), [
      ["engine.step.failed", { ...run, stepId: "charge", attempt: 2, error: "CardDeclined: no funds", cause: boom }]
    ])
  })

  it("tells a question with its approvers, and each answer with who gave it", () => {
    assert.deepStrictEqual(told(question), [["engine.approval.requested", {
      ...run,
      stepId: "manager",
      prompt: "Charge 7?",
      approvers: ["finance"],
      choices: ["now", "later"],
      quorum: 1,
      editable: true,
      args: { cents: 7 },
      deadline: 9_000
    }]])
    assert.deepStrictEqual(
      told({
        _tag: "ApprovalAnswered",
        id: "a",
        key: "manager",
        decision: "approve",
        by: "ann",
        choice: "now",
        edit: 1,
        note: "ok"
      }),
      [["engine.approval.granted", { ...run, stepId: "manager", grantedBy: "ann", choice: "now", edit: 1, note: "ok" }]]
    )
    assert.deepStrictEqual(told({ _tag: "ApprovalAnswered", id: "a", key: "manager", decision: "deny", by: "ann" }), [
      ["engine.approval.denied", { ...run, stepId: "manager", deniedBy: "ann", timedOut: false }]
    ])
  })

  it("tells the end of a deadline as what the question says it means", () => {
    const late: JournalEntry.EntryBody = {
      _tag: "ApprovalAnswered",
      id: "d",
      key: "manager",
      decision: "timeout",
      by: "deadline"
    }
    assert.deepStrictEqual(told(late), [
      ["engine.approval.denied", { ...run, stepId: "manager", deniedBy: "deadline", timedOut: true }]
    ])
    assert.deepStrictEqual(told(late, RunView.of("run-1", [entry(question)])), [
      ["engine.approval.granted", { ...run, stepId: "manager", grantedBy: "deadline" }]
    ])
    assert.strictEqual(
      told(late, RunView.of("run-1", [entry({ ...question, onTimeout: "fail" } as JournalEntry.EntryBody)]))[0]![0],
      "engine.approval.denied"
    )
  })

  it("is silent about what is no event of a run, a step or an approval", () => {
    for (
      const body of [
        { _tag: "TimerFired", timer: 1 },
        { _tag: "EventEmitted", id: "e", name: "ticket.created", payload: {} },
        { _tag: "Note", kind: "k", text: "t" },
        { _tag: "PauseRequested", id: "p", by: "ann" }
      ] satisfies ReadonlyArray<JournalEntry.EntryBody>
    ) assert.deepStrictEqual(told(body), [])
  })

  it("fits its schema, and a payload of another event does not", () => {
    const decode = Schema.decodeUnknownSync(EngineEvent.EngineEvent)
    const event = EngineEvent.of("run-1", "purchase", entry(question))[0]!
    assert.deepStrictEqual(decode(JSON.parse(JSON.stringify(event))), event)
    assert.throws(() => decode({ ...event, name: "engine.approval.granted" }))
  })
})
