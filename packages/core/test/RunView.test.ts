import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import type * as JournalEntry from "../src/JournalEntry.ts"
import * as RunView from "../src/RunView.ts"
import * as RunViewSchema from "../src/RunViewSchema.ts"
import * as Suspension from "../src/Suspension.ts"

type Body = JournalEntry.EntryBody & { readonly at?: number; readonly epoch?: number }

/** A journal of these bodies, one ms apart unless they say when. */
const journal = (...bodies: ReadonlyArray<Body>): ReadonlyArray<JournalEntry.JournalEntry> =>
  bodies.map((body, seq) => Object.assign({ seq, at: 1_000 + seq, epoch: 1 }, body) as JournalEntry.JournalEntry)

const requested: Body = { _tag: "RunRequested", workflow: "purchase", version: "1", payload: { id: 7 }, by: "ann" }
const started: Body = { _tag: "RunStarted" }
const step = (key: string, more: Partial<JournalEntry.EntryOf<"StepRequested">> = {}): Body => ({
  _tag: "StepRequested",
  key,
  name: key,
  attempt: 1,
  onCrash: "rerun",
  ...more
})
const question = (more: Partial<JournalEntry.EntryOf<"ApprovalRequested">> = {}): Body => ({
  _tag: "ApprovalRequested",
  key: "manager",
  prompt: "Charge 7?",
  approvers: ["finance"],
  choices: [],
  quorum: 1,
  editable: false,
  onTimeout: "deny",
  ...more
})
const answer = (by: string, decision: "approve" | "deny" | "timeout"): Body => ({
  _tag: "ApprovalAnswered",
  id: `a-${by}`,
  key: "manager",
  decision,
  by
})
const boom = [{ _tag: "Fail", error: { _tag: "CardDeclined", message: "no funds" } }]

const view = (...bodies: ReadonlyArray<Body>) => RunView.of("run-1", journal(...bodies))
const asJson = (view: RunView.RunView): unknown => JSON.parse(JSON.stringify(view))

describe("RunView", () => {
  it("S7: goes on when it says so, by itself or by a step that it asks for; only somebody ends a pause", () => {
    const waits = { _tag: "RunSuspended", waits: [{ reason: "child", key: "c" }] } as const
    const pause = { _tag: "PauseRequested", id: "p", by: "ann" } as const
    const suspended = [requested, started, step("a"), pause, { ...waits, at: 2_000 }]
    assert.deepInclude(view(...suspended), { status: "suspended", paused: true })
    const alone = view(...suspended, { _tag: "RunResumed", at: 9_000 }, { ...waits, at: 9_500 })
    assert.deepInclude(alone, { status: "suspended", paused: true })
    assert.strictEqual(alone.times.activeMs - view(...suspended).times.activeMs, 500)
    for (const more of [{ _tag: "RunResumed" } as const, step("b")]) {
      assert.deepInclude(view(...suspended, more), { status: "running", waits: [], paused: true })
    }
    assert.deepInclude(view(...suspended, { _tag: "RunResumed", by: "ann" }), { status: "running", paused: false })
  })

  it("of no entries is a queued run of which only the id is known", () => {
    const empty = RunView.empty("run-1")
    assert.strictEqual(empty.id, "run-1")
    assert.strictEqual(empty.status, "queued")
    assert.strictEqual(empty.counts.entries, 0)
    assert.deepStrictEqual(asJson(RunView.of("run-1", [])), asJson(empty))
  })

  it("tells a run from its request to its end", () => {
    const done = view(
      requested,
      { ...started, at: 2_000 },
      step("charge", { input: { cents: 700 }, at: 2_000 }),
      { _tag: "StepCompleted", key: "charge", attempt: 1, output: "ok", at: 2_050 },
      { _tag: "RunCompleted", output: { receipt: 1 }, at: 2_060 }
    )
    assert.strictEqual(done.workflow, "purchase")
    assert.strictEqual(done.version, "1")
    assert.strictEqual(done.by, "ann")
    assert.deepStrictEqual(done.payload, { id: 7 })
    assert.strictEqual(done.status, "completed")
    assert.deepStrictEqual(done.output, { receipt: 1 })
    assert.deepStrictEqual(done.times, {
      requestedAt: 1_000,
      startedAt: 2_000,
      endedAt: 2_060,
      updatedAt: 2_060,
      activeMs: 60
    })
    assert.deepStrictEqual(done.steps, [{
      key: "charge",
      name: "charge",
      status: "completed",
      attempts: 1,
      recoveries: 0,
      onCrash: "rerun",
      requestedAt: 2_000,
      endedAt: 2_050,
      input: { cents: 700 },
      output: "ok"
    }])
    const none = { failed: 0, recoveries: 0, timers: 0, children: 0, signals: 0, approvals: 0, events: 0 }
    assert.deepStrictEqual(done.counts, { ...none, entries: 5, steps: 1, completed: 1, attempts: 1 })
  })

  it("N-55: tells of a fork where it comes from, and counts its own time alone", () => {
    const forked: Body = {
      _tag: "RunForked",
      from: "run-0",
      step: "b",
      fromSeq: 4,
      seed: "run-1",
      set: ["a"],
      at: 9_000,
      epoch: 0
    }
    const shared = [requested, started, step("a"), { _tag: "StepCompleted", key: "a", attempt: 1, output: 1 } as const]
    const fresh = view(...shared, { _tag: "PauseRequested", id: "p", by: "ann" }, forked)
    assert.deepInclude(fresh, { status: "queued", paused: false, waits: [] })
    assert.deepStrictEqual(fresh.fork, {
      from: "run-0",
      step: "b",
      sharedEntries: 5,
      at: 9_000,
      input: false,
      set: ["a"]
    })
    assert.deepStrictEqual(fresh.times, { requestedAt: 9_000, updatedAt: 9_000, activeMs: 0 })
    const on = RunView.foldAll(asJson(fresh) as RunView.RunView, [
      { ...step("b"), seq: 6, at: 9_500, epoch: 1 } as JournalEntry.JournalEntry,
      { _tag: "StepCompleted", key: "b", attempt: 1, seq: 7, at: 9_600, epoch: 1 }
    ])
    assert.deepInclude(on, { status: "running", fork: fresh.fork! })
    assert.deepStrictEqual(on.times, { requestedAt: 9_000, startedAt: 9_500, updatedAt: 9_600, activeMs: 100 })
  })

  it("keeps an output and a failure apart, and says the failure in a sentence", () => {
    const failed = view(requested, started, { _tag: "RunFailed", cause: boom })
    assert.strictEqual(failed.status, "failed")
    assert.deepStrictEqual(failed.error, { cause: boom, message: "CardDeclined: no funds" })
    assert.isFalse("output" in failed)
    assert.isTrue("output" in view(requested, started, { _tag: "RunCompleted", output: null }))
  })

  it("keeps who cancelled and why", () => {
    const cancelled = view(
      requested,
      started,
      { _tag: "StopRequested", id: "c", kind: "cancel", by: "ann", reason: "too late" },
      { _tag: "RunCancelled", by: "ann", reason: "too late", cause: [{ _tag: "Interrupt" }] }
    )
    assert.strictEqual(cancelled.status, "cancelled")
    assert.deepStrictEqual(cancelled.stop, { kind: "cancel", by: "ann", reason: "too late", at: 1_002 })
  })

  it("S8: is paused no longer once it is told to stop, since what it undoes runs, nor once it is over", () => {
    const pause = { _tag: "PauseRequested", id: "p", by: "ann" } as const
    const stop = { _tag: "StopRequested", id: "c", kind: "cancel", by: "ann", reason: "too late" } as const
    const undoing = view(requested, started, pause, stop, step("undo"))
    assert.isFalse(undoing.paused)
    assert.strictEqual(undoing.steps[0]!.status, "running")
    assert.isFalse(view(requested, started, pause, { _tag: "RunCompleted" }).paused)
  })

  describe("a step", () => {
    const at = (...bodies: ReadonlyArray<Body>) => view(requested, started, step("a"), ...bodies).steps[0]!

    it("is running while its run is, and only requested while its run is suspended or paused", () => {
      assert.strictEqual(at().status, "running")
      assert.strictEqual(at({ _tag: "PauseRequested", id: "p", by: "ann" }).status, "requested")
      assert.strictEqual(
        at({ _tag: "RunSuspended", waits: [{ reason: "outcome-unknown", key: "a" }] }).status,
        "requested"
      )
    })

    it("is in backoff with the reason until its next attempt, and keeps the reason until it completes", () => {
      const failed: Body = { _tag: "StepFailed", key: "a", attempt: 1, cause: boom, retryAt: 9_000 }
      const waiting = at(failed)
      assert.strictEqual(waiting.status, "backoff")
      assert.strictEqual(waiting.retryAt, 9_000)
      assert.strictEqual(waiting.error?.message, "CardDeclined: no funds")
      assert.isUndefined(waiting.endedAt)
      const again = at(failed, step("a", { attempt: 2 }))
      assert.strictEqual(again.attempts, 2)
      assert.strictEqual(again.status, "running")
      assert.isUndefined(again.retryAt)
      assert.isDefined(again.error)
      const done = at(failed, step("a", { attempt: 2 }), { _tag: "StepCompleted", key: "a", attempt: 2 })
      assert.strictEqual(done.status, "completed")
      assert.isUndefined(done.error)
      assert.strictEqual(done.requestedAt, 1_002)
    })

    it("counts the crashes of its latest attempt and names who settled it", () => {
      const settled = at(step("a", { recovery: 2 }), {
        _tag: "StepFailed",
        key: "a",
        attempt: 1,
        cause: boom,
        settledBy: "ann"
      })
      assert.strictEqual(settled.recoveries, 2)
      assert.strictEqual(settled.status, "failed")
      assert.strictEqual(settled.settledBy, "ann")
    })

    it("says that its probe is asked, why it failed, and that it found the step done", () => {
      const probing = step("a", { recovery: 1, onCrash: "probe", probe: true })
      assert.deepInclude(at(probing), { status: "running", recoveries: 1, probed: true })
      const failed: Body = { _tag: "ProbeFailed", key: "a", attempt: 1, cause: boom }
      assert.deepInclude(at(probing, failed), { status: "running", probed: true })
      assert.strictEqual(at(probing, failed).error?.message, "CardDeclined: no funds")
      assert.isUndefined(at(probing, step("a", { recovery: 1, onCrash: "probe" })).probed, "its body runs")
      const found = at(probing, { _tag: "StepCompleted", key: "a", attempt: 1, output: 1, probed: true })
      assert.deepInclude(found, { status: "completed", output: 1, probed: true })
      const settled = at(probing, failed, { _tag: "StepCompleted", key: "a", attempt: 1, output: 1, settledBy: "ann" })
      assert.deepInclude(settled, { status: "completed", settledBy: "ann" })
      assert.isUndefined(settled.probed)
      assert.isUndefined(settled.error)
    })

    it("is abandoned when the run ends without its outcome", () => {
      assert.strictEqual(at({ _tag: "RunCompleted", output: 1 }).status, "abandoned")
    })

    it("that nobody requested is passed over", () => {
      assert.strictEqual(view(requested, started, { _tag: "StepCompleted", key: "ghost", attempt: 1 }).steps.length, 0)
    })

    it("is found by its key", () => {
      const many = view(requested, started, ...Array.from({ length: 200 }, (_, index) => step(`s${index}`)))
      assert.strictEqual(RunView.step(many, "s150")?.key, "s150")
      assert.strictEqual(RunView.step(many, "s150")?.status, "running")
      assert.isUndefined(RunView.step(many, "s200"))
      assert.deepStrictEqual(many.steps.map(({ key }) => key), Array.from({ length: 200 }, (_, index) => `s${index}`))
    })
  })

  describe("a suspended run", () => {
    const suspended: Body = {
      _tag: "RunSuspended",
      waits: [{ reason: "timer", key: "timer 1", until: 5 }, { reason: "signal", key: "go" }]
    }

    it("is reported under its most urgent wait", () => {
      const waiting = view(requested, started, suspended)
      assert.strictEqual(waiting.status, "suspended")
      assert.strictEqual(waiting.reason, "signal")
      assert.strictEqual(waiting.waits.length, 2)
    })

    it("stays suspended when something arrives that starts nothing", () => {
      const told = view(requested, started, suspended, { _tag: "SignalReceived", id: "s", name: "other", payload: 1 })
      assert.strictEqual(told.status, "suspended")
      assert.deepStrictEqual(told.signals, [{ name: "other", count: 1, lastAt: 1_003 }])
    })

    it("goes on when a step is requested or an operator resumes it", () => {
      assert.strictEqual(view(requested, started, suspended, step("a")).status, "running")
      const resumed = view(requested, started, { _tag: "PauseRequested", id: "p", by: "ann" }, suspended, {
        _tag: "RunResumed",
        by: "ann"
      })
      assert.strictEqual(resumed.status, "running")
      assert.isFalse(resumed.paused)
      assert.deepStrictEqual(resumed.waits, [])
    })

    it("goes on to be stopped only when it was suspended on its failure", () => {
      const stop: Body = { _tag: "StopRequested", id: "c", kind: "cancel", by: "ann", reason: "" }
      assert.strictEqual(view(requested, started, suspended, stop).status, "suspended")
      const failure: Body = { _tag: "RunSuspended", waits: [{ reason: "operator", key: "failure" }] }
      assert.strictEqual(view(requested, started, failure, stop).status, "running")
    })

    it("is not active, and neither is a run between two owners", () => {
      const times = view(
        { ...requested, at: 0 },
        { ...started, at: 100 },
        { ...step("a"), at: 110 },
        { ...suspended, at: 130 },
        { ...step("b"), at: 5_000, epoch: 2 },
        { _tag: "StepCompleted", key: "b", attempt: 1, at: 5_007, epoch: 2 },
        { ...step("c"), at: 9_000, epoch: 3 }
      ).times
      assert.strictEqual(times.activeMs, 30 + 7)
    })

    it("takes the status of the store where its journal is silent", () => {
      const diverged = RunView.withStatus(view(requested, started, step("a")), "suspended", [{
        reason: "diverged",
        key: "a",
        detail: "x"
      }])
      assert.strictEqual(diverged.status, "suspended")
      assert.strictEqual(diverged.reason, "diverged")
      assert.strictEqual(diverged.steps[0]!.status, "requested")
      assert.strictEqual(
        RunView.fold(diverged, journal(requested, started, step("a"), step("b"))[3]!).status,
        "running"
      )
    })
  })

  describe("an approval", () => {
    const stands = (quest: Body, ...answers: ReadonlyArray<Body>) =>
      view(requested, started, quest, ...answers).approvals[0]!.status

    it("is open until as many different people as its quorum say yes", () => {
      const two = question({ quorum: 2 })
      assert.strictEqual(stands(two), "open")
      assert.strictEqual(stands(two, answer("ann", "approve")), "open")
      assert.strictEqual(stands(two, answer("ann", "approve"), answer("ann", "approve")), "open")
      assert.strictEqual(stands(two, answer("ann", "approve"), answer("bob", "approve")), "granted")
      assert.strictEqual(stands(two, answer("ann", "approve"), answer("bob", "deny")), "denied")
    })

    it("means at its deadline what the question says", () => {
      const late = answer("deadline", "timeout")
      assert.strictEqual(stands(question({ onTimeout: "deny" }), late), "denied")
      assert.strictEqual(stands(question({ onTimeout: "approve" }), late), "granted")
      assert.strictEqual(stands(question({ onTimeout: "fail" }), late), "expired")
    })

    it("is not decided twice, and is abandoned with its run", () => {
      assert.strictEqual(stands(question(), answer("ann", "deny"), answer("bob", "approve")), "denied")
      assert.strictEqual(stands(question(), { _tag: "RunCompleted", output: null }), "abandoned")
    })

    it("shows the question and who said what", () => {
      const granted = view(
        requested,
        started,
        question({ choices: ["a", "b"], editable: true, args: { x: 1 }, deadline: 99_000 }),
        { ...answer("ann", "approve"), choice: "b", edit: { x: 2 }, note: "fine" } as Body
      )
      assert.deepStrictEqual(granted.approvals, [{
        key: "manager",
        prompt: "Charge 7?",
        approvers: ["finance"],
        choices: ["a", "b"],
        quorum: 1,
        editable: true,
        args: { x: 1 },
        deadline: 99_000,
        onTimeout: "deny",
        requestedAt: 1_002,
        endedAt: 1_003,
        status: "granted",
        answers: [{ id: "a-ann", decision: "approve", by: "ann", at: 1_003, choice: "b", edit: { x: 2 }, note: "fine" }]
      }])
    })
  })

  it("tells what was decided, in order", () => {
    const told = view(
      requested,
      started,
      { _tag: "Decided", key: "policy", name: "policy", value: { allow: true } },
      { _tag: "Decided", key: "policy~2", name: "policy" }
    )
    assert.deepStrictEqual(told.decisions, [
      { key: "policy", name: "policy", value: { allow: true }, at: 1_002 },
      { key: "policy~2", name: "policy", at: 1_003 }
    ])
  })

  it("tells timers, children and emitted events", () => {
    const told = view(
      requested,
      started,
      { _tag: "TimerSet", timer: 1, dueAt: 5_000, label: "reminder" },
      { _tag: "ChildStarted", child: "c1", workflow: "w", version: "1", payload: 1, linked: true },
      { _tag: "ChildStarted", child: "c2", workflow: "w", version: "1", payload: 2, linked: true },
      { _tag: "TimerFired", timer: 1 },
      { _tag: "ChildFinished", child: "c2", exit: { _tag: "Success", value: 4 } },
      { _tag: "ChildFinished", child: "c1", exit: { _tag: "Failure", cause: boom } },
      { _tag: "EventEmitted", id: "e1", name: "ticket.created", payload: {} }
    )
    assert.deepStrictEqual(told.timers, [{ timer: 1, setAt: 1_002, dueAt: 5_000, label: "reminder", firedAt: 1_005 }])
    assert.deepStrictEqual(told.children.map(({ child, status }) => [child, status]), [["c1", "failed"], [
      "c2",
      "completed"
    ]])
    assert.strictEqual(told.children[1]!.output, 4)
    assert.strictEqual(told.children[0]!.error?.message, "CardDeclined: no funds")
    assert.deepStrictEqual(told.events, [{ id: "e1", name: "ticket.created", payload: {}, at: 1_008 }])
  })

  describe("a document", () => {
    const change = (revision: number, ...patch: ReadonlyArray<unknown>): Body => ({
      _tag: "StateChanged",
      name: "plan",
      revision,
      patch
    })

    it("is what its patches make of it, with every operation of RFC 6902", () => {
      const { state } = view(
        requested,
        started,
        change(1, { op: "add", path: "", value: { todo: ["a", "b"], done: [], "x/y": 1 } }),
        change(
          2,
          { op: "test", path: "/todo/0", value: "a" },
          { op: "move", from: "/todo/0", path: "/done/-" },
          { op: "copy", from: "/done", path: "/log" },
          { op: "replace", path: "/x~1y", value: 2 },
          { op: "add", path: "/todo/0", value: "c" }
        ),
        change(3, { op: "remove", path: "/todo/1" })
      )
      assert.deepStrictEqual(state.plan, {
        name: "plan",
        revision: 3,
        value: { todo: ["c"], done: ["a"], log: ["a"], "x/y": 2 }
      })
    })

    it("stays as it was, with the reason, when a patch does not apply", () => {
      for (
        const bad of [
          { op: "test", path: "/a", value: 2 },
          { op: "remove", path: "/b" },
          { op: "move", from: "/b", path: "/c" },
          { op: "frobnicate", path: "/a" },
          { op: "add", path: 3, value: 1 }
        ]
      ) {
        const { plan } =
          view(requested, started, change(1, { op: "add", path: "", value: { a: 1 } }), change(2, bad)).state
        assert.deepStrictEqual(plan!.value, { a: 1 })
        assert.strictEqual(plan!.revision, 2)
        assert.isString(plan!.problem)
      }
    })
  })

  it("says whether only a person, a signal or an operator makes the run go on", () => {
    const timer = { reason: "timer", key: "timer 1", until: 5 } as const
    const approval = { reason: "approval", key: "manager", until: 9 } as const
    assert.isFalse(Suspension.waitsForPeople([]))
    assert.isTrue(Suspension.waitsForPeople([approval]))
    assert.isTrue(Suspension.waitsForPeople([approval, { reason: "signal", key: "go" }]))
    assert.isFalse(Suspension.waitsForPeople([{ reason: "signal", key: "go", until: 5 }]))
    assert.isFalse(Suspension.waitsForPeople([approval, timer]))
    assert.isTrue(Suspension.waitsForPeople([{ reason: "operator", key: "pause" }, timer]))
    assert.isFalse(Suspension.waitsForPeople([{ reason: "child", key: "c" }]))
    assert.isTrue(Suspension.waitsForPeople([{ reason: "outcome-unknown", key: "a" }]))
  })

  describe("for any journal", () => {
    const key = fc.constantFrom("a", "b", "c")
    const exit = fc.constantFrom({ _tag: "Success" as const, value: 1 }, { _tag: "Failure" as const, cause: boom })
    const anyBody: fc.Arbitrary<Body> = fc.oneof(
      fc.constantFrom(
        requested,
        started,
        { _tag: "RunResumed" } as Body,
        { _tag: "PauseRequested", id: "p", by: "x" } as Body
      ),
      fc.record({ key, attempt: fc.integer({ min: 1, max: 3 }) }).map(({ attempt, key }) => step(key, { attempt })),
      key.map((key): Body => ({ _tag: "StepCompleted", key, attempt: 1, output: key })),
      key.map((key): Body => step(key, { onCrash: "probe", probe: true })),
      key.map((key): Body => ({ _tag: "ProbeFailed", key, attempt: 1, cause: boom })),
      key.map((key): Body => ({ _tag: "StepFailed", key, attempt: 1, cause: boom })),
      fc.tuple(key, fc.nat()).map(([key, retryAt]): Body => ({
        _tag: "StepFailed",
        key,
        attempt: 1,
        cause: boom,
        retryAt
      })),
      key.map((key): Body => ({ _tag: "RunSuspended", waits: [{ reason: "signal", key }] })),
      key.map((name): Body => ({ _tag: "SignalReceived", id: "s", name, payload: null })),
      key.map((key): Body => question({ key, quorum: 2 })),
      fc.tuple(
        key,
        fc.constantFrom("ann", "bob"),
        fc.constantFrom("approve" as const, "deny" as const, "timeout" as const)
      ).map(
        ([key, by, decision]): Body => ({ _tag: "ApprovalAnswered", id: by, key, decision, by })
      ),
      fc.nat({ max: 3 }).map((timer): Body => ({ _tag: "TimerSet", timer, dueAt: 9 })),
      fc.nat({ max: 3 }).map((timer): Body => ({ _tag: "TimerFired", timer })),
      key.map((child): Body => ({
        _tag: "ChildStarted",
        child,
        workflow: "w",
        version: "1",
        payload: null,
        linked: true
      })),
      fc.tuple(key, exit).map(([child, exit]): Body => ({ _tag: "ChildFinished", child, exit })),
      fc.tuple(key, fc.nat()).map(([name, value]): Body => ({
        _tag: "StateChanged",
        name,
        revision: 1,
        patch: [{ op: "add", path: value % 3 === 0 ? "/x" : "", value: { x: value } }]
      })),
      key.map((id): Body => ({ _tag: "EventEmitted", id, name: "n", payload: id })),
      key.map((key): Body => ({ _tag: "Decided", key, name: "d", value: { key } })),
      fc.constantFrom({ _tag: "RunCompleted", output: 1 } as Body, { _tag: "RunFailed", cause: boom } as Body)
    )
    const anyJournal = fc.array(anyBody, { maxLength: 150 }).map((bodies) => journal(...bodies))

    it("gives the same view at once, entry by entry, and continued from a view that was sent elsewhere", () => {
      fc.assert(fc.property(anyJournal, fc.nat({ max: 150 }), (entries, cut) => {
        const whole = asJson(RunView.of("run-1", entries))
        assert.deepStrictEqual(asJson(entries.reduce(RunView.fold, RunView.empty("run-1"))), whole)
        const sent = asJson(RunView.of("run-1", entries.slice(0, cut))) as RunView.RunView
        assert.deepStrictEqual(asJson(RunView.foldAll(sent, entries.slice(cut))), whole)
      }))
    })

    it("is what the schema of a view says, and nothing beside it", () => {
      const decode = Schema.decodeUnknownSync(Schema.toCodecJson(RunViewSchema.RunView), { onExcessProperty: "error" })
      fc.assert(fc.property(anyJournal, (entries) => {
        const sent = asJson(RunView.of("run-1", entries))
        assert.deepStrictEqual(asJson(decode(sent)), sent)
      }))
      const whole = { ...(asJson(RunView.empty("run-1")) as object), mood: "good" }
      assert.throws(() => decode(whole), /mood/)
    })

    it("leaves earlier views as they were, also when two histories go on from one", () => {
      fc.assert(fc.property(anyJournal, anyJournal, anyJournal, (shared, left, right) => {
        const base = RunView.of("run-1", shared)
        const before = asJson(RunView.of("run-1", shared))
        const first = RunView.foldAll(base, left)
        const second = RunView.foldAll(base, right)
        assert.deepStrictEqual(asJson(second), asJson(RunView.of("run-1", [...shared, ...right])))
        assert.deepStrictEqual(asJson(first), asJson(RunView.of("run-1", [...shared, ...left])))
        assert.deepStrictEqual(asJson(base), before)
      }))
    })
  })
})
