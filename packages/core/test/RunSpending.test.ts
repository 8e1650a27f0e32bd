import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import type * as JournalEntry from "../src/JournalEntry.ts"
import * as RunSpending from "../src/RunSpending.ts"
import * as RunView from "../src/RunView.ts"
import * as RunViewSchema from "../src/RunViewSchema.ts"
import * as Spent from "../src/Spent.ts"

type Body = JournalEntry.EntryBody

const journal = (...bodies: ReadonlyArray<Body>): ReadonlyArray<JournalEntry.JournalEntry> =>
  bodies.map((body, seq) => Object.assign({ seq, at: 1_000 + seq, epoch: 1 }, body) as JournalEntry.JournalEntry)

const micros = (amount: number): Spent.Amount => ({ micros: amount })
const requested = (granted?: Spent.Amount): Body => ({
  _tag: "RunRequested",
  workflow: "w",
  version: "1",
  payload: null,
  ...(granted === undefined ? {} : { granted })
})
const step = (key: string, more: Partial<JournalEntry.EntryOf<"StepRequested">> = {}): Body => ({
  _tag: "StepRequested",
  key,
  name: key,
  attempt: 1,
  onCrash: "rerun",
  ...more
})
const done = (key: string, more: Partial<JournalEntry.EntryOf<"StepCompleted">> = {}): Body => ({
  _tag: "StepCompleted",
  key,
  attempt: 1,
  ...more
})
const failed = (key: string, more: Partial<JournalEntry.EntryOf<"StepFailed">> = {}): Body => ({
  _tag: "StepFailed",
  key,
  attempt: 1,
  cause: [],
  ...more
})
const child = (id: string, granted?: Spent.Amount, linked = true): Body => ({
  _tag: "ChildStarted",
  child: id,
  workflow: "w",
  version: "1",
  payload: null,
  linked,
  ...(granted === undefined ? {} : { granted })
})
const childEnd = (id: string, spent?: Spent.Amount): Body => ({
  _tag: "ChildFinished",
  child: id,
  exit: { _tag: "Failure", cause: [] },
  ...(spent === undefined ? {} : { spent })
})
const raise = (payload: unknown): Body => ({ _tag: "SignalReceived", id: "r", name: "engine.budget", payload })
const end: Body = { _tag: "RunCompleted" }

const view = (...bodies: ReadonlyArray<Body>) => RunView.of("r", journal(requested(), ...bodies))
const spentBy = (...bodies: ReadonlyArray<Body>) => view(...bodies).spent

describe("what a run has spent", () => {
  const five = { reserved: micros(5) }
  it.each<[string, ReadonlyArray<Body>, Partial<RunView.SpentView>]>([
    ["nothing at first", [], { own: {}, unsettled: {}, children: {}, total: {}, reserved: {} }],
    ["a reservation is in flight", [step("a", five)], { reserved: micros(5), total: {} }],
    ["an outcome says what was spent", [step("a", five), done("a", { spent: micros(3) })], {
      own: micros(3),
      total: micros(3),
      reserved: {}
    }],
    ["failures that are retried count too", [
      step("a", five),
      failed("a", { spent: micros(2), retryAt: 9 }),
      step("a", { attempt: 2, ...five }),
      failed("a", { attempt: 2, spent: micros(4) })
    ], { own: micros(6), unsettled: {}, total: micros(6), reserved: {} }],
    ["an attempt that a crash cut short is unsettled", [
      step("a", five),
      step("a", { recovery: 1, reserved: micros(7) }),
      done("a", { spent: micros(3) })
    ], { own: micros(3), unsettled: micros(5), total: micros(8) }],
    ["one that an orderly stop cut short is too", [
      step("a", five),
      { _tag: "StepReleased", key: "a" },
      step("a", five)
    ], { unsettled: micros(5), reserved: micros(5), total: micros(5) }],
    ["a body that was let go is, when another attempt begins", [
      step("a", five),
      { _tag: "BodyLetGo", key: "a", text: "it goes on" },
      step("a", { recovery: 1, ...five }),
      done("a")
    ], { own: {}, unsettled: micros(5), total: micros(5), reserved: {} }],
    ["a probe that finds the step done does not know what it cost", [
      step("a", { onCrash: "probe", ...five }),
      step("a", { onCrash: "probe", probe: true, recovery: 1 }),
      done("a", { probed: true })
    ], { unsettled: micros(5), total: micros(5), reserved: {} }],
    ["nor does an operator who settles it", [step("a", { onCrash: "ask", ...five }), done("a", { settledBy: "ada" })], {
      unsettled: micros(5),
      total: micros(5),
      reserved: {}
    }],
    ["a call that lost a race is unsettled when the run is over", [step("a", five), end], {
      unsettled: micros(5),
      total: micros(5),
      reserved: {}
    }],
    ["so is one whose failed attempt was to be followed by another", [
      step("a", five),
      failed("a", { spent: micros(2), retryAt: 9 }),
      end
    ], { own: micros(2), unsettled: {}, total: micros(2) }],
    ["a child tells its total, whatever its end", [child("c", micros(9)), childEnd("c", micros(4))], {
      children: micros(4),
      total: micros(4),
      reserved: {}
    }],
    ["until then its grant is in flight", [child("c", micros(9))], { reserved: micros(9), total: {} }],
    ["a child that was left counts as its grant", [child("c", micros(9)), end], {
      unsettled: micros(9),
      total: micros(9)
    }],
    ["and so does one of an older build, which tells nothing", [child("c", micros(9)), childEnd("c")], {
      unsettled: micros(9),
      reserved: {}
    }],
    ["one that goes on by itself pays for itself", [child("c", micros(9), false), end], { total: {} }]
  ])("%s", (_, bodies, expected) => {
    assert.deepInclude(spentBy(...bodies), expected)
  })

  it("each step and child is shown with its own, and a view that came as JSON folds on", () => {
    const bodies = [
      step("a", { reserved: micros(5) }),
      step("a", { recovery: 1, reserved: micros(6) }),
      done("a", { spent: micros(3) }),
      step("b", { reserved: { tokens: 8 } }),
      child("c", micros(2)),
      childEnd("c", micros(1))
    ]
    const running = view(...bodies)
    assert.deepInclude(RunView.step(running, "a"), { spent: micros(3), unsettled: micros(5) })
    assert.deepInclude(RunView.step(running, "b"), { reserved: { tokens: 8 } })
    assert.deepInclude(running.children[0], { granted: micros(2), spent: micros(1) })
    const over = view(...bodies, end)
    assert.notProperty(RunView.step(over, "b"), "reserved")
    assert.deepInclude(RunView.step(over, "b"), { unsettled: { tokens: 8 }, status: "abandoned" })
    const sent = Schema.decodeUnknownSync(RunViewSchema.RunView)(JSON.parse(JSON.stringify(running)))
    const [last] = journal(requested(), ...bodies, end).slice(-1)
    assert.deepStrictEqual(RunView.fold(sent, last!).spent, over.spent)
    assert.deepStrictEqual(over.spent.total, { micros: 9, tokens: 8 })
  })

  it("a fork has spent nothing of what it shares", () => {
    const forked = view(
      step("a", { reserved: micros(5) }),
      done("a", { spent: micros(3) }),
      step("b", { reserved: micros(5) }),
      child("c", micros(4)),
      { _tag: "RunForked", from: "o", step: "b", fromSeq: 3, seed: "s" },
      step("b", { reserved: micros(5) }),
      done("b", { spent: micros(1) })
    )
    assert.deepStrictEqual(forked.spent, {
      own: micros(1),
      unsettled: {},
      children: {},
      total: micros(1),
      reserved: {}
    })
  })

  it("raises add up beside what was granted; a payload that is no amount raises by nothing", () => {
    const { budget } = RunView.of(
      "r",
      journal(requested({ micros: 9 }), raise({ micros: 5, note: "go on" }), raise({ tokens: 3 }), raise({ micros: 1 }))
    )
    assert.deepStrictEqual(budget, { granted: { micros: 9 }, raised: { micros: 6, tokens: 3 } })
    // What all runs may spend on a day is none of this run's own budget.
    assert.deepStrictEqual(view(raise({ day: 3, micros: 5 })).budget, { raised: {} })
    for (const payload of [null, "5", { micros: -5 }, { micros: 0.5 }, { micros: "5" }, []]) {
      assert.deepStrictEqual(view(raise(payload)).budget, { raised: {} })
    }
  })

  it("the code and the parent are told the same sums as the view shows", () => {
    const amount = fc.record({ micros: fc.nat(9), tokens: fc.nat(9) }, { requiredKeys: [] })
    const key = fc.constantFrom("a", "b", "c")
    const more = (name: string) => fc.option(amount, { nil: undefined }).map((value) => value && { [name]: value })
    const body: fc.Arbitrary<Body> = fc.oneof(
      fc.tuple(key, more("reserved"), fc.boolean()).map(([key, more, probe]) =>
        step(key, { ...more, ...(probe ? { probe } : {}) })
      ),
      fc.tuple(key, more("spent"), fc.boolean()).map(([key, more, settled]) =>
        done(key, { ...more, ...(settled ? { settledBy: "ada" } : {}) })
      ),
      fc.tuple(key, more("spent"), fc.boolean()).map(([key, more, again]) =>
        failed(key, { ...more, ...(again ? { retryAt: 9 } : {}) })
      ),
      fc.tuple(key, fc.option(amount, { nil: undefined })).map(([key, spent]) => childEnd(key, spent)),
      amount.map(raise)
    )
    const children = [child("a", micros(1)), child("b"), child("c", micros(2), false)]
    fc.assert(fc.property(fc.array(body), (bodies) => {
      // A child ends once, and an outcome has a request.
      const seen = new Set<string>()
      const once = bodies.filter((entry) => {
        const id = "child" in entry ? `child ${entry.child}` : `step ${"key" in entry ? entry.key : ""}`
        if (entry._tag === "ChildFinished") return !seen.has(id) && seen.add(id)
        if (entry._tag === "StepRequested") seen.add(id)
        return (entry._tag !== "StepCompleted" && entry._tag !== "StepFailed") || seen.has(id)
      })
      const entries = journal(requested(micros(1)), ...children, ...once)
      const spending = RunSpending.of(entries)
      const now = RunView.of("r", entries)
      assert.deepStrictEqual(now.spent.own, spending.own)
      assert.deepStrictEqual(now.spent.unsettled, spending.unsettled)
      assert.deepStrictEqual(now.spent.children, spending.children)
      assert.deepStrictEqual(
        now.spent.reserved,
        Spent.sumAll([...spending.steps.values(), ...spending.grants.values()])
      )
      assert.deepStrictEqual(now.budget, { granted: micros(1), raised: spending.raised })
      assert.deepStrictEqual(
        RunView.of("r", [...entries, ...journal(end)]).spent.total,
        RunSpending.final(spending)
      )
    }))
  })
})
