import { assert, describe, it } from "@effect/vitest"
import * as EntryRole from "../src/EntryRole.ts"
import type * as JournalEntry from "../src/JournalEntry.ts"

type Case = readonly [
  entry: JournalEntry.EntryBody,
  role: EntryRole.Role,
  subject: string,
  request?: EntryRole.RequestKey
]

const step = { key: "pay~2", name: "pay", attempt: 1, onCrash: "ask" } as const
const ofStep = { kind: "step", key: "pay~2" } as const
const question = {
  key: "boss",
  prompt: "May we?",
  approvers: ["boss"],
  choices: [],
  quorum: 1,
  editable: false,
  onTimeout: "deny"
} as const
const exit = { _tag: "Success" } as const

/** What each entry is to a replay, row by row. */
const cases: ReadonlyArray<Case> = [
  [{ _tag: "RunRequested", workflow: "w", version: "1", payload: null }, "mark", "RunRequested"],
  [{ _tag: "RunForked", from: "r", step: "pay", fromSeq: 2, seed: "s" }, "mark", "RunForked"],
  [{ _tag: "RunStarted" }, "mark", "RunStarted"],
  [{ _tag: "RunSuspended", waits: [] }, "mark", "RunSuspended"],
  [{ _tag: "RunResumed" }, "mark", "RunResumed"],
  [{ _tag: "RunCompleted" }, "mark", "RunCompleted"],
  [{ _tag: "RunFailed", cause: [] }, "mark", "RunFailed"],
  [{ _tag: "RunCancelled", by: "ops", reason: "enough", cause: [] }, "mark", "RunCancelled"],
  [{ _tag: "StopRequested", id: "1", kind: "cancel", by: "ops", reason: "enough" }, "delivery", "StopRequested"],
  [{ _tag: "PauseRequested", id: "1", by: "ops" }, "mark", "PauseRequested"],
  [{ _tag: "StepRequested", ...step }, "command", "pay~2", ofStep],
  [{ _tag: "StepRequested", ...step, nested: true }, "mark", "pay~2", ofStep],
  [{ _tag: "StepCompleted", key: "pay~2", attempt: 1 }, "delivery", "pay~2", ofStep],
  [{ _tag: "StepFailed", key: "pay~2", attempt: 1, cause: [] }, "delivery", "pay~2", ofStep],
  [{ _tag: "StepFailed", key: "pay~2", attempt: 1, cause: [], parked: true }, "delivery", "pay~2", ofStep],
  [{ _tag: "StepFailed", key: "pay~2", attempt: 1, cause: [], retryAt: 5 }, "mark", "pay~2", ofStep],
  [{ _tag: "ProbeFailed", key: "pay~2", attempt: 1, cause: [] }, "mark", "pay~2", ofStep],
  [{ _tag: "SignalReceived", id: "1", name: "go", payload: null }, "delivery", "go"],
  [{ _tag: "EndOffered", key: "go~2", name: "go" }, "delivery", "go~2", { kind: "act", key: "end:go~2" }],
  [{ _tag: "DeferredCompleted", name: "d", exit, inside: false }, "delivery", "d"],
  [{ _tag: "DeferredCompleted", name: "d", exit, inside: true }, "command", "d", { kind: "act", key: "deferred:d" }],
  [{ _tag: "ApprovalRequested", ...question }, "command", "boss", { kind: "approval", key: "boss" }],
  [
    { _tag: "ApprovalAnswered", id: "1", key: "boss", decision: "approve", by: "ann" },
    "delivery",
    "boss",
    { kind: "approval", key: "boss" }
  ],
  [
    { _tag: "ApprovalDelegated", id: "1", key: "boss", by: "ann", for: "ann", to: "dana" },
    "mark",
    "boss",
    { kind: "approval", key: "boss" }
  ],
  [
    { _tag: "ApprovalEscalated", id: "1", key: "boss", stage: 1, to: ["cfo"] },
    "mark",
    "boss",
    { kind: "approval", key: "boss" }
  ],
  [
    { _tag: "ApprovalReminded", id: "1", key: "boss", count: 1, to: ["ann"] },
    "mark",
    "boss",
    { kind: "approval", key: "boss" }
  ],
  [{ _tag: "TimerSet", timer: 3, dueAt: 5 }, "command", "timer 3", { kind: "timer", key: 3 }],
  [{ _tag: "TimerFired", timer: 3 }, "delivery", "timer 3", { kind: "timer", key: 3 }],
  [
    { _tag: "ChildStarted", child: "c", workflow: "w", version: "1", payload: null, linked: true },
    "command",
    "c",
    { kind: "child", key: "c" }
  ],
  [{ _tag: "ChildFinished", child: "c", exit }, "delivery", "c", { kind: "child", key: "c" }],
  [{ _tag: "StateChanged", name: "cart", revision: 2, patch: [] }, "command", "cart", {
    kind: "act",
    key: "state:cart@2"
  }],
  [{ _tag: "EventEmitted", id: "e", name: "paid", payload: 1 }, "command", "paid", { kind: "act", key: "emit:e" }],
  [{ _tag: "PatchTaken", name: "way" }, "mark", "way", { kind: "act", key: "patch:way" }],
  [{ _tag: "Decided", key: "way~2", name: "way", value: "left" }, "command", "way~2", {
    kind: "act",
    key: "decision:way~2"
  }],
  [{ _tag: "UnwindStarted" }, "command", "failure", { kind: "act", key: "failure" }],
  [{ _tag: "RunRestored", id: "s", by: "ada", from: 1, to: 2 }, "mark", "RunRestored"],
  [{ _tag: "RunConfirmed", by: "ada" }, "mark", "RunConfirmed"],
  [{ _tag: "StepDoubted", key: "pay~2", from: 1 }, "mark", "pay~2", ofStep],
  [{ _tag: "StepReleased", key: "pay~2" }, "mark", "pay~2", ofStep],
  [{ _tag: "BodyLetGo", key: "pay~2", text: "…" }, "mark", "pay~2", ofStep],
  [{ _tag: "MessageRefused", id: "1", kind: "signal", why: "late", text: "…" }, "mark", "signal"],
  [{ _tag: "Note", kind: "usage", text: "classify" }, "mark", "classify"]
]

const entryOf = (body: JournalEntry.EntryBody) => ({ seq: 1, at: 0, epoch: 1, ...body }) as JournalEntry.JournalEntry

describe("the role of an entry", () => {
  it.each(cases.map((one) => [JSON.stringify(one[0]), one] as const))("%s", (_, [body, role, subject, request]) => {
    const entry = entryOf(body)
    assert.strictEqual(EntryRole.roleOf(entry), role)
    assert.strictEqual(EntryRole.subjectOf(entry), subject)
    assert.deepStrictEqual(EntryRole.requestOf(entry), request)
  })

  it("is stated here for every tag", () => {
    assert.sameMembers(Object.keys(EntryRole.roles), [...new Set(cases.map(([{ _tag }]) => _tag))])
  })

  it("lets every command be found again by its request", () => {
    for (const [body, role] of cases) {
      if (role === "command") assert.isDefined(EntryRole.requestOf(entryOf(body)), body._tag)
    }
  })
})
