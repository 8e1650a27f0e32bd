import { assert, describe, it } from "@effect/vitest"
import * as DurableTime from "@fermata/core/DurableTime"
import type { EntryOf, ExitJson, JournalEntry } from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import { Result } from "effect"
import * as Decide from "../../src/internal/run/Decide.ts"
import * as InboxRules from "../../src/internal/run/InboxRules.ts"
import * as Ledger from "../../src/internal/run/Ledger.ts"
import * as Pass from "../../src/internal/run/Pass.ts"

const body = (entry: object, seq: number) => Object.assign({ seq, at: seq * 10, epoch: 1 }, entry) as JournalEntry
const request = (more: object = {}) => ({
  _tag: "StepRequested",
  key: "a",
  name: "a",
  attempt: 2,
  onCrash: "rerun",
  input: 1,
  ...more
})

/** Step "a" behind these entries, as the code of this pass asks for it. */
const stepOf = (definition: object, ...entries: ReadonlyArray<object>) => {
  const pass = Pass.make(Ledger.load(entries.map(body)))
  return Pass.addStep(pass, pass.ledger.steps.get("a")!, { onCrash: "rerun", ...definition } as never)
}
const plain = stepOf({}, request())
const paused = { _tag: "PauseRequested", id: "p", by: "ada" }
const failed = { _tag: "StepFailed", key: "a", attempt: 2, cause: ["x"], retryAt: 70 }
const probe = () => {}
const stored = (value: unknown) => Result.getOrThrow(StoredJson.ofParsed(value))

describe("what became of an attempt", () => {
  const table: ReadonlyArray<readonly [string, unknown, ReturnType<typeof stepOf>, boolean?]> = [
    ["requested only", "died", plain],
    ["the same, when the store had failed", "dropped", plain, true],
    ["requested in a pause", "not started", stepOf({}, paused, request())],
    ["a question to a probe in a pause", "not started", stepOf({ probe }, paused, request({ probe: true }))],
    ["the same, of a probe that is gone", "died", stepOf({}, paused, request({ probe: true }))],
    ["failed", { failed: { retryAt: 70 } }, stepOf({}, request(), failed)],
    ["released", "released", stepOf({}, request(), { _tag: "StepReleased", key: "a" })],
    ["released, when the store had failed", "released", stepOf({}, request(), { _tag: "StepReleased", key: "a" }), true]
  ]
  for (const [what, end, step, dropped = false] of table) {
    it(`${what}: ${JSON.stringify(end)}`, () => assert.deepStrictEqual(Decide.endOf(step, dropped), end))
  }

  it("is told to the rules for crashes with all that they go by", () => {
    const failure = { _tag: "ProbeFailed", key: "a", attempt: 2, cause: ["x"] }
    const step = stepOf({ onCrash: "probe", probe }, request({ probe: true, recovery: 2 }), failure)
    assert.deepStrictEqual(Decide.cutOf(step, "died"), {
      onCrash: "probe",
      hasProbe: true,
      probing: true,
      probeFailed: true,
      doubted: false,
      recovery: 2,
      end: "died"
    })
    assert.deepStrictEqual(Decide.cutOf(plain, "released"), {
      onCrash: "rerun",
      hasProbe: false,
      probing: false,
      probeFailed: false,
      doubted: false,
      recovery: 0,
      end: "released"
    })
  })
})

describe("what is written of a step", () => {
  const done = { _tag: "StepCompleted", key: "a", attempt: 2 }
  const failure = { _tag: "StepFailed", key: "a", attempt: 2, cause: ["x"] }
  const table: ReadonlyArray<readonly [string, unknown, unknown]> = [
    ["a success", { ...done, output: 7 }, Decide.completed(plain, { _tag: "Success", value: 7 })],
    ["a success with nothing", done, Decide.completed(plain, { _tag: "Success" })],
    [
      "a success that has cost something",
      { ...done, spent: { micros: 5 } },
      Decide.completed(plain, { _tag: "Success" }, { spent: { micros: 5 } })
    ],
    ["a failure", failure, Decide.failed(plain, ["x"], undefined, 0)],
    [
      "one that has cost something",
      { ...failure, retryAt: 15, spent: { tokens: 5 } },
      Decide.failed(plain, ["x"], 5, 10, { spent: { tokens: 5 } })
    ],
    [
      "a request again, with what the code reserves now",
      { ...request(), reserved: { micros: 7 } },
      Decide.repeated(
        stepOf({ reserved: { micros: 7 } }, { ...request(), reserved: { micros: 5 } }),
        2,
        0,
        false
      )
    ],
    [
      "a question to a probe, which reserves nothing",
      { ...request(), probe: true },
      Decide.repeated(stepOf({ reserved: { micros: 7 } }, { ...request(), reserved: { micros: 5 } }), 2, 0, true)
    ],
    ["one that another attempt follows", { ...failure, retryAt: 15 }, Decide.failed(plain, ["x"], 5, 10)],
    [
      "one that none ever follows",
      { ...failure, retryAt: DurableTime.never },
      Decide.failed(plain, ["x"], Infinity, 10)
    ],
    [
      "one that suspends its run",
      { ...failure, parked: true },
      Decide.failed(stepOf({ parkOnFailure: true }, request()), ["x"], undefined, 10)
    ],
    [
      "one that suspends its run only at last",
      { ...failure, retryAt: 15 },
      Decide.failed(stepOf({ parkOnFailure: true }, request()), ["x"], 5, 10)
    ],
    ["a request again", request(), Decide.repeated(plain, 2, 0, false)],
    [
      "a request after crashes, of the probe",
      request({ attempt: 3, recovery: 1, probe: true, onCrash: "probe" }),
      Decide.repeated(stepOf({ onCrash: "probe" }, request({ recovery: 5 })), 3, 1, true)
    ],
    [
      "a body that did not end",
      {
        _tag: "BodyLetGo",
        key: "a",
        text: "attempt 2 of step \"a\" did not end within its timeout of 9 ms, nor when it was told to: "
          + "its body was let go, and may still act"
      },
      Decide.letGo(plain, 9)
    ]
  ]
  for (const [what, expected, found] of table) it(`for ${what}`, () => assert.deepStrictEqual(found, expected))
})

describe("an order to stop", () => {
  const cancel = { _tag: "Stop", id: "s", kind: "cancel", by: "ada", reason: "enough" } as const
  const limit = { ...cancel, kind: "limit" } as const
  const passWith = (onCrash: string, phase: Pass.StepPhase) => {
    const pass = Pass.make(Ledger.load([body(request(), 0)]))
    Pass.setPhase(pass, Pass.addStep(pass, pass.ledger.steps.get("a")!, { onCrash } as never), phase)
    return pass
  }
  const stopped = Object.assign(passWith("rerun", "running"), { stop: body(cancel, 1) as EntryOf<"StopRequested"> })
  const table: ReadonlyArray<readonly [string, string, string]> = [
    ["while nothing runs", "now", Decide.stop(Pass.make(Ledger.empty()), undefined, cancel)],
    ["while a body runs", "now", Decide.stop(passWith("rerun", "running"), undefined, cancel)],
    ["while a body runs that asks", "after grace", Decide.stop(passWith("ask", "running"), undefined, cancel)],
    ["while such a body waits for its attempt", "now", Decide.stop(passWith("ask", "backoff"), undefined, cancel)],
    ["of a limit, while a body runs that asks", "now", Decide.stop(passWith("ask", "running"), undefined, limit)],
    ["behind one that waits", "known", Decide.stop(passWith("ask", "running"), cancel, limit)],
    ["behind another", "known", Decide.stop(stopped, undefined, cancel)]
  ]
  for (const [when, expected, found] of table) it(`${when}: ${expected}`, () => assert.strictEqual(found, expected))
})

describe("the end of a run", () => {
  const success: ExitJson = { _tag: "Success", value: 7 }
  const failure: ExitJson = { _tag: "Failure", cause: ["x"] }
  const stop = (kind: string) => body({ _tag: "StopRequested", kind, by: "ada", reason: "why" }, 1) as never
  const table: ReadonlyArray<readonly [string, string, object, ReturnType<typeof Decide.end>]> = [
    ["a result", "completed", { _tag: "RunCompleted", output: 7 }, Decide.end(success, undefined, (d) => d)],
    ["nothing", "completed", { _tag: "RunCompleted" }, Decide.end({ _tag: "Success" }, undefined, (d) => d)],
    [
      "a result in spite of a stop",
      "completed",
      { _tag: "RunCompleted", output: 7 },
      Decide.end(success, stop("cancel"), (d) => d)
    ],
    ["a failure", "failed", { _tag: "RunFailed", cause: ["x"] }, Decide.end(failure, undefined, (d) => d)],
    ...(["cancel", "parent"] as const).map((kind) =>
      [
        `a stop by ${kind}`,
        "cancelled",
        { _tag: "RunCancelled", by: "ada", reason: "why", cause: ["x"] },
        Decide.end(failure, stop(kind), (d) => d)
      ] as const
    ),
    [
      "a limit",
      "failed",
      { _tag: "RunFailed", cause: { name: "LimitExceeded", message: "The run went past a limit: why" } },
      Decide.end(failure, stop("limit"), (d) => d)
    ],
    [
      "work of its own",
      "failed",
      { _tag: "RunFailed", cause: { name: "ForeignWork", message: "why" } },
      Decide.end(failure, stop("foreign"), (d) => d)
    ]
  ]
  for (const [what, status, entry, found] of table) {
    it(`behind ${what} is ${status}`, () => assert.deepStrictEqual(found, { status, entry } as never))
  }
})

describe("a message", () => {
  const question = (more: object = {}) => ({
    _tag: "ApprovalRequested",
    key: "q",
    prompt: "May we?",
    approvers: ["ann", "bob"],
    choices: ["now"],
    quorum: 2,
    editable: false,
    hash: "h",
    onTimeout: "deny",
    ...more
  })
  const passOf = (...entries: ReadonlyArray<object>) => Pass.make(Ledger.load(entries.map(body)))
  const answer = (more: object = {}) => ({ key: "q", decision: "approve", by: "ann", hash: "h", ...more })
  const decide = (pass: Pass.Pass, kind: string, message: object | undefined, id = "m") =>
    InboxRules.decide(pass, { id, kind, at: 5 }, message as never)
  const refusal = (kind: string, why: string, text: string, more: object = {}) => ({
    take: true,
    entries: [{ _tag: "MessageRefused", id: "m", kind, why, text, ...more }]
  })
  const taken = (...entries: ReadonlyArray<object>) => ({ take: true, entries })
  const withdrawn = passOf(question())
  withdrawn.approvals.set("q", {
    record: withdrawn.ledger.approvals.get("q")!,
    waiter: undefined,
    result: undefined,
    problemOf: undefined
  })
  const editable = passOf(question({ editable: true }))
  editable.approvals.set("q", {
    record: editable.ledger.approvals.get("q")!,
    waiter: () => {},
    result: undefined,
    problemOf: (edit) => edit === 2 ? "it is 2" : undefined
  })
  const held = passOf(question())
  held.held = { reason: "operator", key: "failure" }
  const late = "the approval by ann of question \"q\" came when the question had been"
  const not = "the approval by ann of question \"q\" is not taken:"
  const handed = { id: "m", by: "ann", for: "ann", to: "dana" }
  const completed = passOf()
  completed.deferreds.set("d", { _tag: "Success" })
  const told = (more: object = {}) => ({ _tag: "ApprovalAnswered", id: "m", ...answer(more) })

  const table: ReadonlyArray<readonly [string, object, object]> = [
    [
      "that cannot be read",
      decide(passOf(), "signal", undefined),
      refusal("signal", "unreadable", "inbox row m of kind \"signal\" cannot be read")
    ],
    [
      "a signal",
      decide(passOf(), "signal", { name: "go", payload: null }),
      taken({ _tag: "SignalReceived", id: "m", name: "go", payload: stored(null) })
    ],
    [
      "a signal again",
      decide(passOf({ _tag: "SignalReceived", id: "m", name: "go", payload: null }), "signal", {
        name: "go",
        payload: null
      }),
      taken()
    ],
    [
      "a completion",
      decide(passOf(), "deferred", { name: "d", exit: { _tag: "Success" } }),
      taken({ _tag: "DeferredCompleted", name: "d", exit: { _tag: "Success" }, inside: false })
    ],
    ["a completion again", decide(completed, "deferred", { name: "d", exit: { _tag: "Success" } }), taken()],
    [
      "that a question is handed on",
      decide(passOf(question()), "routing", { key: "q", routed: { kind: "delegate", ...handed, at: 5 } }),
      taken({ _tag: "ApprovalDelegated", key: "q", ...handed })
    ],
    [
      "that a question is handed on, behind the answer that decided",
      decide(passOf(question({ quorum: 1 }), told()), "routing", { key: "q", routed: { kind: "delegate", ...handed } }),
      refusal("routing", "late", "that ann hands question \"q\" on to dana came when it had been answered", {
        message: { key: "q", routed: { kind: "delegate", ...handed } }
      })
    ],
    [
      "that a question is handed on that was withdrawn",
      decide(withdrawn, "routing", { key: "q", routed: { kind: "delegate", ...handed } }),
      refusal("routing", "late", "that ann hands question \"q\" on to dana came when it had been withdrawn", {
        message: { key: "q", routed: { kind: "delegate", ...handed } }
      })
    ],
    [
      "an escalation",
      decide(passOf(question()), "routing", {
        key: "q",
        routed: { kind: "escalate", id: "m", at: 5, stage: 1, to: ["cfo"] }
      }),
      taken({ _tag: "ApprovalEscalated", key: "q", id: "m", stage: 1, to: ["cfo"] })
    ],
    [
      "an escalation of a question that was withdrawn, which is nobody's word",
      decide(withdrawn, "routing", { key: "q", routed: { kind: "escalate", id: "m", at: 5, stage: 1, to: ["cfo"] } }),
      taken()
    ],
    [
      "a reminder",
      decide(passOf(question()), "routing", {
        key: "q",
        routed: { kind: "remind", id: "m", at: 5, count: 1, to: ["ann"] }
      }),
      taken({ _tag: "ApprovalReminded", key: "q", id: "m", count: 1, to: ["ann"] })
    ],
    ["an answer of two", decide(passOf(question()), "answer", answer()), taken({ ...told(), open: true })],
    ["the answer that decides", decide(passOf(question({ quorum: 1 })), "answer", answer()), taken(told())],
    [
      "an answer to nothing",
      decide(passOf(), "answer", answer()),
      refusal("answer", "late", `${late} withdrawn`, { message: answer() })
    ],
    [
      "an answer to a question that was withdrawn",
      decide(withdrawn, "answer", answer()),
      refusal("answer", "late", `${late} withdrawn`, { message: answer() })
    ],
    [
      "an answer behind the one that decided",
      decide(passOf(question({ quorum: 1 }), told()), "answer", answer()),
      refusal("answer", "late", `${late} answered`, { message: answer() })
    ],
    [
      "an answer while the run is suspended on its failure",
      decide(held, "answer", answer()),
      taken({ ...told(), open: true })
    ],
    [
      "a choice that there is",
      decide(passOf(question()), "answer", answer({ choice: "now" })),
      taken({ ...told({ choice: "now" }), open: true })
    ],
    [
      "a choice that there is not",
      decide(passOf(question()), "answer", answer({ choice: "later" })),
      refusal("answer", "refused", `${not} the choices are now`, {
        problem: "the choices are now",
        message: answer({ choice: "later" })
      })
    ],
    [
      "a choice of none",
      decide(passOf(question({ choices: [] })), "answer", answer({ choice: "later" })),
      refusal("answer", "refused", `${not} there is no choice`, {
        problem: "there is no choice",
        message: answer({ choice: "later" })
      })
    ],
    [
      "an edit that is taken",
      decide(editable, "answer", answer({ edit: 1 })),
      taken({ ...told({ edit: 1 }), open: true })
    ],
    [
      "an edit without a hash",
      decide(editable, "answer", { ...answer({ edit: 1 }), hash: undefined }),
      refusal("answer", "refused", `${not} an edit names its hash`, {
        problem: "an edit names its hash",
        message: { ...answer({ edit: 1 }), hash: undefined }
      })
    ],
    [
      "an answer without a hash",
      decide(passOf(question()), "answer", { ...answer(), hash: undefined }),
      taken({ ...told(), open: true })
    ],
    [
      "an edit that the code does not take",
      decide(editable, "answer", answer({ edit: 2 })),
      {
        take: false,
        entries: [],
        act: {
          _tag: "RefuseEdit",
          edit: { key: "q", hash: "h", problem: "it is 2" },
          refused: refusal("answer", "refused", `${not} it is 2`, { problem: "it is 2", message: answer({ edit: 2 }) })
            .entries[0]
        }
      }
    ],
    [
      "a denial with an edit",
      decide(editable, "answer", answer({ decision: "deny", edit: 2 })),
      taken(told({ decision: "deny", edit: 2 }))
    ],
    ["a cancel", decide(passOf(), "cancel", { kind: "cancel", by: "ada", reason: "why" }), {
      take: false,
      entries: [],
      act: { _tag: "Stop", kind: "cancel", by: "ada", reason: "why" }
    }],
    ["a cancel of a run that is held", decide(held, "cancel", { kind: "cancel", by: "ada", reason: "why" }), {
      take: true,
      entries: [],
      act: {
        _tag: "RestartForStop",
        stop: { _tag: "StopRequested", id: "m", kind: "cancel", by: "ada", reason: "why" }
      }
    }],
    ["a pause", decide(passOf(), "pause", { by: "ada" }), taken({ _tag: "PauseRequested", id: "m", by: "ada" })],
    ["a pause in a pause", decide(passOf(paused), "pause", { by: "ada" }), taken()],
    ["a pause of a run that is held", decide(held, "pause", { by: "ada" }), taken()],
    ["a resume", decide(passOf(), "resume", { by: "ada" }), {
      take: true,
      entries: [],
      act: { _tag: "Resume", by: "ada" }
    }],
    ["a settlement", decide(passOf(), "settle", { by: "ada", action: { _tag: "fail" } }), {
      take: true,
      entries: [],
      act: { _tag: "Settle", message: { by: "ada", action: { _tag: "fail" } } }
    }],
    ["an event", decide(passOf(), "event", { event: "e" }), {
      take: false,
      entries: [],
      act: { _tag: "EventsCame", event: "e" }
    }],
    ["the end of a stranger", decide(passOf(), "child", { exit: { _tag: "Success" } }, "child:c"), taken()],
    [
      "the end of a child",
      decide(passOf({ _tag: "ChildStarted", child: "c" }), "child", { exit: { _tag: "Success" } }, "child:c"),
      taken({ _tag: "ChildFinished", child: "c", exit: { _tag: "Success" } })
    ],
    [
      "the end of a child again",
      decide(
        passOf({ _tag: "ChildStarted", child: "c" }, { _tag: "ChildFinished", child: "c", exit: { _tag: "Success" } }),
        "child",
        { exit: { _tag: "Success" } },
        "child:c"
      ),
      taken()
    ]
  ]
  for (const [what, found, expected] of table) it(`of ${what}`, () => assert.deepStrictEqual(found, expected))

  it("that comes behind the end of the code is refused, unless it is nobody's word to the run", () => {
    const pass = passOf({ _tag: "SignalReceived", id: "m", name: "go", payload: null })
    const late = (kind: string, message: object | undefined, id = "m") =>
      InboxRules.late(pass, { id, kind, at: 5 }, message as never)
    assert.isUndefined(late("child", { exit: {} }))
    assert.isUndefined(late("event", { event: "e" }))
    assert.isUndefined(late("signal", { name: "go" }))
    const texts: ReadonlyArray<readonly [string, object | undefined, string]> = [
      ["signal", { name: "go" }, "signal \"go\""],
      ["deferred", { name: "d" }, "the exit of \"d\""],
      ["answer", answer({ decision: "timeout" }), "the end of the deadline of question \"q\""],
      ["cancel", { by: "ada", reason: "why" }, "the cancel by ada (why)"],
      ["pause", { by: "ada" }, "the pause by ada"],
      ["resume", { by: "ada" }, "the resume by ada"],
      ["settle", { by: "ada", key: "a" }, "what ada said of step \"a\""],
      ["settle", undefined, "inbox row other"]
    ]
    for (const [kind, message, what] of texts) {
      assert.deepStrictEqual(
        late(kind, message, "other"),
        {
          _tag: "MessageRefused",
          id: "other",
          kind,
          why: "late",
          text: `${what} came when the run had ended`,
          ...(message === undefined ? {} : { message })
        } as never
      )
    }
  })
})
