import { assert, describe, it } from "@effect/vitest"
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as Answer from "../../src/internal/run/Answer.ts"
import type { StepDefinition } from "../../src/internal/run/Ask.ts"
import * as Ledger from "../../src/internal/run/Ledger.ts"
import * as Pass from "../../src/internal/run/Pass.ts"
import { Replayer } from "../../src/internal/run/Replayer.ts"

const body = (entry: object, seq: number) => Object.assign({ seq, at: seq * 10, epoch: 1 }, entry) as JournalEntry
const started = { _tag: "RunRequested", workflow: "w", version: "1", payload: null }
const signal = { _tag: "SignalReceived", id: "s", name: "go", payload: null }
const request = { _tag: "StepRequested", key: "a", name: "a", attempt: 1, onCrash: "rerun", input: { n: 1 } }
const question = {
  _tag: "ApprovalRequested",
  key: "q",
  prompt: "May we?",
  approvers: ["ann"],
  choices: [],
  quorum: 1,
  editable: false,
  hash: "h",
  onTimeout: "deny",
  args: { n: 1 }
}
const childStarted = { _tag: "ChildStarted", child: "c", workflow: "v", version: "1", payload: { n: 1 }, linked: true }
const state = { _tag: "StateChanged", name: "doc", revision: 1, patch: [] }
const completion = { _tag: "DeferredCompleted", name: "d", exit: { _tag: "Success" }, inside: true }

/** A pass that has come to the first of these entries behind the start of the run. */
const at = (...entries: ReadonlyArray<object>) => {
  const history = [started, ...entries].map(body)
  const pass = Pass.make(Ledger.load(history))
  const replayer = new Replayer(pass, history, undefined)
  assert.strictEqual(replayer.next(), history[0])
  return { history, pass, replayer }
}
const step = (name = "a", nested = false) => ({ name, nested, key: undefined }) as unknown as StepDefinition
const parts = (verdict: unknown) => typeof verdict === "object" ? (verdict as Answer.Diverged).detail : String(verdict)

describe("what a request comes to", () => {
  const ask = ({ pass, replayer }: ReturnType<typeof at>, same = true, name = "a", nested = false, maxSteps = 9) =>
    parts(Answer.step(pass, replayer, "a", step(name, nested), null, same, maxSteps))

  it("a step: new behind the journal, recorded in it, joined when it is asked for again", () => {
    assert.strictEqual(ask(at()), "new")
    const recorded = at(request)
    assert.strictEqual(ask(recorded), "recorded")
    Pass.addStep(recorded.pass, recorded.pass.ledger.steps.get("a")!, step())
    assert.strictEqual(ask(recorded), "joined")
    assert.strictEqual(ask(recorded, false), "conflict")
  })

  it("a step that is not what is recorded is where code and journal part", () => {
    assert.strictEqual(
      ask(at(request), true, "b"),
      "entry 1 has step \"a\" under the key \"a\", and the code asks for \"b\""
    )
    assert.strictEqual(
      ask(at(request), false),
      "entry 1 requested step \"a\" with input {\"n\":1}, and the code asks with null"
    )
  })

  it("what the journal does not hold is not asked for before all that it holds has been told, but for the steps of a body", () => {
    const missing = (what: string) =>
      `the code asks for ${what}, which the journal does not hold, while entry 1 (SignalReceived) has not been reached`
    const early = at(signal)
    assert.strictEqual(ask(early), missing("step \"a\""))
    assert.strictEqual(ask(early, true, "a", true), "new")
    assert.strictEqual(
      parts(Answer.approval(early.pass, early.replayer, "q", { prompt: "", args: null })),
      missing("approval \"q\"")
    )
    assert.strictEqual(
      parts(Answer.child(early.pass, early.replayer, { id: "c", workflow: "v" } as never)),
      missing("child run c of workflow \"v\"")
    )
    assert.strictEqual(
      parts(Answer.act(early.pass.ledger, early.replayer, "k", "this", { _tag: "Note", kind: "k", text: "" })),
      missing("this")
    )
    assert.strictEqual(early.replayer.next(), early.history[1])
    assert.strictEqual(ask(early), "new")
    const answered = at({ _tag: "ApprovalAnswered", id: "x", key: "q", decision: "deny", by: "ann" })
    assert.include(ask(answered), "entry 1 (ApprovalAnswered \"q\") has not been reached")
  })

  it("a step too many is over the limit, unless the run is told to stop or the step is recorded", () => {
    assert.strictEqual(ask(at(), true, "a", false, 0), "over limit")
    assert.strictEqual(ask(at(request), true, "a", false, 1), "recorded")
    const stopping = at()
    stopping.pass.stop = body({ _tag: "StopRequested" }, 1) as Pass.Pass["stop"]
    assert.strictEqual(ask(stopping, true, "a", false, 0), "new")
  })

  it("a question: by its prompt and arguments, unless it is being asked", () => {
    const asked = at(question)
    const ask = (prompt: string, args: unknown) =>
      parts(Answer.approval(asked.pass, asked.replayer, "q", { args, prompt }))
    assert.strictEqual(ask("May we?", { n: 1 }), "recorded")
    assert.strictEqual(ask("Must we?", { n: 1 }), "entry 1 asked \"May we?\", and the code asks \"Must we?\"")
    assert.strictEqual(ask("May we?", { n: 2 }), "entry 1 asked about {\"n\":1}, and the code asks about {\"n\":2}")
    const record = asked.pass.ledger.approvals.get("q")!
    asked.pass.approvals.set("q", { record, waiter: () => {}, result: undefined, problemOf: undefined })
    assert.strictEqual(ask("Must we?", { n: 2 }), "recorded")
  })

  it("a child: by its payload, unless it was asked for in this pass", () => {
    const asked = at(childStarted)
    const ask = (payload: unknown) =>
      parts(Answer.child(asked.pass, asked.replayer, { id: "c", payload, workflow: "v" } as never))
    assert.strictEqual(ask({ n: 1 }), "recorded")
    assert.strictEqual(
      ask({ n: 2 }),
      "entry 1 started child c with {\"n\":1}, and the code starts it with {\"n\":2}"
    )
    asked.pass.children.set("c", {} as never)
    assert.strictEqual(ask({ n: 2 }), "recorded")
  })

  it("what is done at once: by all that is recorded of it, or by the judgement of who does it", () => {
    const { pass, replayer } = at(state)
    const act = (patch: ReadonlyArray<unknown>, isSame?: () => boolean) =>
      parts(
        Answer.act(pass.ledger, replayer, "state:doc@1", "", { ...state, patch } as never, isSame)
      )
    assert.strictEqual(act([]), "recorded")
    assert.match(act([1]), /^entry 1 recorded .*, and the code does .*\[1\]/)
    assert.strictEqual(act([1], () => true), "recorded")
    assert.match(act([1], () => false), /^entry 1 recorded/)
  })

  it("a patch: taken where it is new or recorded here, and not where the journal goes on without it", () => {
    const patch = ({ pass, replayer }: ReturnType<typeof at>) => Answer.patch(pass.ledger, replayer, "patch:p")
    assert.strictEqual(patch(at()), "new")
    assert.strictEqual(patch(at(signal)), false)
    assert.strictEqual(patch(at({ _tag: "PatchTaken", name: "p" })), true)
    assert.strictEqual(patch(at(signal, { _tag: "PatchTaken", name: "p" })), false)
  })

  it("a completion: the recorded one of the code itself", () => {
    const { history, pass } = at(completion)
    assert.strictEqual(Answer.completion(pass.ledger, "d"), history[1])
    assert.isUndefined(Answer.completion(pass.ledger, "e"))
    assert.isUndefined(Answer.completion(at({ ...completion, inside: false }).pass.ledger, "d"))
  })
})

describe("where a pass is in its journal", () => {
  it("a recorded request that the code does not make, and an outcome that nobody waits for, are where the two part", () => {
    const missed = at(request)
    assert.isUndefined(missed.replayer.next())
    assert.deepStrictEqual(missed.replayer.problem, {
      key: "a",
      detail: "entry 1 (StepRequested \"a\") is in the journal, and the code did not ask for it"
    })
    const early = at({ _tag: "TimerFired", timer: 1 })
    assert.isUndefined(early.replayer.next())
    assert.include(early.replayer.problem?.detail, "is an outcome that the code did not ask for")
  })

  it("what is left when the code has ended is where the two part, but for marks", () => {
    const { replayer } = at({ _tag: "RunStarted" }, signal)
    replayer.endOfCode()
    assert.deepStrictEqual(replayer.problem, {
      key: "go",
      detail: "the code has ended, and the journal goes on with entry 2 (SignalReceived \"go\")"
    })
    const marks = at({ _tag: "RunStarted" }).replayer
    marks.endOfCode()
    assert.isUndefined(marks.problem)
  })

  it("an entry is past when the next one is behind it, and all are when the journal is over", () => {
    const { history, replayer } = at(signal, signal)
    assert.isFalse(replayer.isPast(history[1]!))
    replayer.next()
    assert.deepStrictEqual(history.map((entry) => replayer.isPast(entry)), [true, true, false])
    assert.isFalse(replayer.isOver)
    replayer.end()
    assert.isTrue(replayer.isOver)
    assert.isTrue(replayer.isPast(history[2]!))
    assert.isUndefined(replayer.nextDelivery)
  })

  it("a run that is held replays nothing", () => {
    const history = [started, signal].map(body)
    const pass = Pass.make(Ledger.load(history))
    pass.held = { reason: "operator", key: "failure" }
    assert.isTrue(new Replayer(pass, history, undefined).isOver)
  })

  it("notes of the code are claimed once each, and those of the engine not at all", () => {
    const { replayer } = at({ _tag: "Note", kind: "k", text: "x" }, { _tag: "Note", kind: "step-late", text: "y" })
    assert.isFalse(replayer.claimNote("k", "other"))
    assert.isTrue(replayer.claimNote("k", "x"))
    assert.isFalse(replayer.claimNote("k", "x"))
    assert.isFalse(replayer.claimNote("step-late", "y"))
  })
})
