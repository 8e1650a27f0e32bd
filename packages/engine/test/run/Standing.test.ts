import { assert, describe, it } from "@effect/vitest"
import * as DurableTime from "@fermata/core/DurableTime"
import type { EntryOf } from "@fermata/core/JournalEntry"
import type { Wait } from "@fermata/core/Wait"
import { type Asked, isInFlight, mostWaits, type OpenStep, standing } from "../../src/internal/run/Standing.ts"

const nothing: Asked = {
  ledger: { paused: false },
  held: undefined,
  steps: new Map(),
  open: new Set(),
  approvals: new Map(),
  signals: new Map(),
  budgets: [],
  details: new Map(),
  deferredWaiters: new Map(),
  clocks: new Set(),
  endlessClocks: new Set(),
  children: new Map(),
  timers: new Map(),
  endless: 0,
  still: false
}
const asks = (...parts: ReadonlyArray<Partial<Asked>>): Asked => Object.assign({}, nothing, ...parts)

const step = (
  key: string,
  { record, ...more }: Partial<Omit<OpenStep, "record">> & { readonly record?: Partial<OpenStep["record"]> } = {}
): OpenStep => ({
  record: {
    key,
    entry: { attempt: 1 },
    retryAt: undefined,
    letGo: false,
    probeFailure: undefined,
    doubt: undefined,
    ...record
  },
  phase: "running",
  bodyWaits: [],
  definition: { onCrash: "rerun", inside: undefined },
  ...more
})
const steps = (...open: ReadonlyArray<OpenStep>): Partial<Asked> => ({
  open: new Set(open),
  steps: new Map(open.map((one) => [one.record.key, one]))
})
const inside = (body: string) => ({ onCrash: "ask", inside: body })
const waiter = () => {}
const waited = (...names: ReadonlyArray<string>) => new Map(names.map((name) => [name, { waiters: [waiter] }]))
const timers = (...dueAt: ReadonlyArray<number>): Partial<Asked> => ({
  timers: new Map(dueAt.map((due, timer) => [timer, {
    entry: { _tag: "TimerSet", seq: 1, at: 0, epoch: 1, timer, dueAt: due },
    waiter
  }]))
})
const question = (more: Partial<EntryOf<"ApprovalRequested">> = {}): EntryOf<"ApprovalRequested"> => ({
  _tag: "ApprovalRequested",
  seq: 1,
  at: 0,
  epoch: 1,
  key: "boss",
  prompt: "May we?",
  approvers: ["ann", "bob"],
  choices: [],
  quorum: 2,
  editable: false,
  hash: "h",
  onTimeout: "deny",
  ...more
})
const asked = (more: Partial<EntryOf<"ApprovalRequested">> = {}, result?: unknown): Partial<Asked> => ({
  approvals: new Map([["boss", {
    record: {
      entry: question(more),
      question: question(more),
      given: [{ id: "1", decision: "approve", by: "ann", at: 1, hash: "h" }]
    },
    waiter,
    result
  }]])
})
const signal: Wait = { reason: "signal", key: "go" }

/** What the run has asked for, and what it waits for then; `busy` where something goes on by itself, `idle` where nothing does and nothing is known of that it waits for. */
const table: ReadonlyArray<readonly [what: string, asked: Asked, expected: "busy" | "idle" | ReadonlyArray<Wait>]> = [
  ["nothing", nothing, "idle"],
  ["a body", asks(steps(step("a"))), "busy"],
  ["an outcome on its way", asks(steps(step("a", { phase: "done" }))), "busy"],
  ["a step that is about to start", asks(steps(step("a", { phase: "queued" }))), "idle"],
  ["a body beside a wait", asks(steps(step("a")), { signals: waited("go") }), "busy"],
  ["a body that waits itself", asks(steps(step("a", { bodyWaits: [signal] }))), [signal]],
  [
    "a body of an `ask` step that waits itself, which must not be dropped",
    asks(steps(step("a", { bodyWaits: [signal], definition: { onCrash: "ask", inside: undefined } }))),
    "busy"
  ],
  ["a backoff", asks(steps(step("a", { phase: "backoff", record: { retryAt: 9, entry: { attempt: 2 } } }))), [
    { reason: "timer", key: "a", until: 9, detail: "attempt 3 of step \"a\"" }
  ]],
  ["a backoff without an end", asks(steps(step("a", { phase: "backoff", record: { retryAt: DurableTime.never } }))), [
    { reason: "operator", key: "never", detail: "it waits for a time that never comes, and only a cancel ends that" }
  ]],
  ["a step of unknown outcome", asks(steps(step("a", { phase: "unknown" }))), [
    { reason: "outcome-unknown", key: "a", detail: "a process died before the outcome of step \"a\" was recorded" }
  ]],
  [
    "a step that keeps crashing",
    asks(steps(step("a", { phase: "exhausted", record: { entry: { attempt: 1, recovery: 3 } } }))),
    [
      {
        reason: "recovery",
        key: "a",
        detail:
          "a process died 4 times before the outcome of step \"a\" was recorded: in its body, or in other code of the process"
      }
    ]
  ],
  [
    "a body that waits for a step of its own of unknown outcome",
    asks(steps(step("a"), step("a/b", { phase: "unknown", definition: inside("a") }))),
    [{
      reason: "outcome-unknown",
      key: "a/b",
      detail: "a process died before the outcome of step \"a/b\" was recorded"
    }]
  ],
  [
    "the same in the second attempt of the body, beside another body",
    asks(steps(step("a"), step("c"), step("a#2/b", { phase: "unknown", definition: inside("a#2") }))),
    "busy"
  ],
  ["a question", asks(asked()), [{ reason: "approval", key: "boss", who: ["bob"], detail: "May we?" }]],
  ["a question with a deadline", asks(asked({ deadline: 5 })), [
    { reason: "approval", key: "boss", who: ["bob"], detail: "May we?", until: 5 }
  ]],
  ["a question that is decided", asks(asked({}, { _tag: "TimedOut" })), "idle"],
  ["a signal", asks({ signals: waited("go") }), [signal]],
  [
    "two that wait for a larger budget, as the last says it",
    asks({ budgets: [{ key: "money", detail: "a" }, { key: "tokens", detail: "b" }], signals: waited("go") }),
    [{ reason: "budget", key: "tokens", detail: "b" }, signal]
  ],
  ["a signal that stands for an event", asks({ signals: waited("go"), details: new Map([["go", "a letter"]]) }), [
    { ...signal, detail: "a letter" }
  ]],
  ["a signal that came", asks({ signals: new Map([["go", { waiters: [] }]]) }), "idle"],
  ["a deferred", asks({ deferredWaiters: new Map([["go", [waiter]]]) }), [signal]],
  [
    "a deferred under the name of a signal",
    asks({
      signals: waited("go"),
      deferredWaiters: new Map([["go", [waiter]]])
    }),
    [signal]
  ],
  [
    "a clock, which is told as its timer",
    asks(timers(7), {
      deferredWaiters: new Map([["clock", [waiter]]]),
      clocks: new Set(["clock"])
    }),
    [{ reason: "timer", key: "timer 0", until: 7 }]
  ],
  [
    "a clock without an end",
    asks({
      deferredWaiters: new Map([["clock", [waiter]]]),
      clocks: new Set(["clock"]),
      endlessClocks: new Set(["clock"])
    }),
    [{ reason: "operator", key: "never", detail: "it waits for a time that never comes, and only a cancel ends that" }]
  ],
  [
    "a clock without an end for which nobody waits any more",
    asks({
      deferredWaiters: new Map([["clock", []]]),
      clocks: new Set(["clock"]),
      endlessClocks: new Set(["clock"])
    }),
    "idle"
  ],
  ["a child", asks({ children: waited("c") }), [{ reason: "child", key: "c" }]],
  ["a sleep", asks(timers(7)), [{ reason: "timer", key: "timer 0", until: 7 }]],
  ["a sleep without an end", asks({ endless: 1 }), [
    { reason: "operator", key: "never", detail: "it waits for a time that never comes, and only a cancel ends that" }
  ]],
  ["nothing for a minute", asks({ still: true }), [
    {
      reason: "operator",
      key: "never",
      detail: "it waits for nothing that the engine knows of, and only a cancel ends that"
    }
  ]],
  ["nothing for a minute, and then a signal", asks({ still: true, signals: waited("go") }), [signal]],
  ["a pause", asks({ ledger: { paused: true }, signals: waited("go") }), [
    { reason: "operator", key: "pause", detail: "paused by an operator" },
    signal
  ]],
  ["a run that is held", asks({ held: { reason: "recovery", key: "run" } }), [{ reason: "recovery", key: "run" }]]
]

describe("where a run stands", () => {
  for (const [what, asked, expected] of table) {
    it(`S7: with ${what}`, () => {
      const { busy, reason, status, waits } = standing(asked, false)
      const wanted = typeof expected === "string" ? [] : expected
      assert.deepStrictEqual(waits, wanted)
      assert.strictEqual(busy, expected === "busy")
      assert.strictEqual(status, wanted.length === 0 ? "running" : "suspended")
      assert.strictEqual(reason, wanted[0]?.reason ?? null)
    })

    it(`is running with ${what}, when a body is about to start`, () => {
      assert.deepStrictEqual(standing(asked, true), { busy: true, status: "running", reason: null, waits: [] })
    })
  }

  it("S7: tells the most urgent first, and of each reason at most so many, of timers the earliest", () => {
    const many = Array.from({ length: mostWaits + 20 }, (_, index) => `s${index}`)
    const due = many.map((_, index) => 1_000 - index)
    const { reason, waits } = standing(asks(timers(...due), { signals: waited(...many) }, asked()), false)
    assert.strictEqual(reason, "approval")
    assert.deepStrictEqual(
      waits.map((wait) => wait.reason),
      ["approval", ...many.slice(0, mostWaits).map(() => "signal"), ...many.slice(0, mostWaits).map(() => "timer")]
    )
    assert.deepStrictEqual(
      waits.flatMap((wait) => wait.reason === "timer" ? [wait.until] : []),
      due.toSorted((a, b) => a - b).slice(0, mostWaits)
    )
  })

  it("S4: holds a run in memory for a body that acts, and not for one that waits", () => {
    assert.isTrue(isInFlight(steps(step("a")) as Asked))
    assert.isTrue(isInFlight(steps(step("a", { phase: "done" })) as Asked))
    assert.isFalse(isInFlight(steps(step("a", { bodyWaits: [signal] })) as Asked))
    assert.isFalse(isInFlight(steps(step("a", { phase: "unknown" })) as Asked))
  })
})
