import { assert, describe, it } from "@effect/vitest"
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as Upcast from "@fermata/core/Upcast"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Schedule, Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import * as Approval from "../../src/Approval.ts"
import * as CurrentRuntime from "../../src/internal/CurrentRuntime.ts"
import * as Ledger from "../../src/internal/run/Ledger.ts"
import * as RunState from "../../src/RunState.ts"
import * as Step from "../../src/Step.ts"
import { begin, define } from "../support/Program.ts"

interface Recording {
  readonly runs: ReadonlyArray<{ readonly row: { readonly id: string }; readonly entries: ReadonlyArray<object> }>
}

const folder = new URL("../../../../test/replay/journals/", import.meta.url)
const journals = readdirSync(folder).flatMap((version) =>
  readdirSync(new URL(`${version}/`, folder)).flatMap((file) => {
    const { runs } = JSON.parse(readFileSync(new URL(`${version}/${file}`, folder), "utf8")) as Recording
    return runs.map(({ entries, row }, index) => ({
      name: `run ${index} of ${version}/${file}`,
      entries: entries.map((entry, seq) => {
        const read = Upcast.readValue(row.id, seq, entry)
        assert(Exit.isSuccess(read), `entry ${seq} of ${file}`)
        return read.value
      })
    }))
  })
)

/** Journals of a run that suspends on its failure, is resumed and stopped, and of a fork: what the recordings have not. */
const failing: ReadonlyArray<JournalEntry> = ([
  { _tag: "RunRequested", workflow: "w", version: "1", payload: null },
  { _tag: "RunStarted" },
  { _tag: "PauseRequested", id: "p", by: "ops" },
  { _tag: "StepRequested", key: "a", name: "a", attempt: 1, onCrash: "rerun" },
  { _tag: "RunResumed", by: "ops" },
  { _tag: "StepRequested", key: "b", name: "b", attempt: 1, onCrash: "ask" },
  { _tag: "StepFailed", key: "b", attempt: 1, cause: [], parked: true },
  { _tag: "BodyLetGo", key: "a", text: "…" },
  { _tag: "RunSuspended", waits: [{ reason: "operator", key: "failure" }] },
  { _tag: "RunResumed", by: "ops" },
  { _tag: "StepReleased", key: "a" },
  { _tag: "RunSuspended", waits: [{ reason: "operator", key: "failure" }] },
  { _tag: "StopRequested", id: "s", kind: "cancel", by: "ops", reason: "enough" },
  { _tag: "RunForked", from: "r", step: "a", fromSeq: 3, seed: "s" },
  { _tag: "StepRequested", key: "a", name: "a", attempt: 1, onCrash: "rerun" },
  { _tag: "StepCompleted", key: "a", attempt: 1 }
] as const).map((body, seq) => Object.assign({ seq, at: seq * 10, epoch: 1 }, body))

describe("what a journal holds", () => {
  for (const { entries, name } of [...journals, { name: "a run that fails, stops and is forked", entries: failing }]) {
    it(`is the same at once as entry by entry, from every entry of ${name} on`, () => {
      const whole = Ledger.load(entries)
      for (let length = 0; length < entries.length; length++) {
        const ledger = Ledger.load(entries.slice(0, length))
        for (const entry of entries.slice(length)) Ledger.apply(ledger, entry)
        assert.deepStrictEqual(ledger, whole, `from entry ${length} on`)
      }
    })
  }

  it("S13: takes a body that went on behind its wait for one at work: its time counts, and so does the death of its process", () => {
    const waiting = failing.slice(0, 4).concat(([
      { _tag: "RunSuspended", waits: [{ reason: "child", key: "c" }] },
      { _tag: "RunResumed" },
      { _tag: "RunSuspended", waits: [{ reason: "child", key: "d" }] }
    ] as const).map((body, index) => Object.assign({ seq: 4 + index, at: 100 + index * 10, epoch: 1 }, body)))
    const ledgers = [5, 6, 7].map((length) => Ledger.load(waiting.slice(0, length)))
    const active = ledgers.map(({ activeMs }) => activeMs)
    assert.deepStrictEqual(active.map((millis) => millis - active[0]!), [0, 0, 10])
    assert.deepStrictEqual(ledgers.map(({ steps }) => steps.get("a")!.released), [true, false, true])
    const other = Ledger.load(waiting.slice(0, 5))
    Ledger.apply(other, { ...waiting[5]!, epoch: 2 })
    assert.isTrue(other.steps.get("a")!.released, "the body of another owner is gone")
  })

  it("counts no time behind the end of the last step in flight", () => {
    const { activeMs, inFlight } = ledgerOf(
      started,
      request(),
      { _tag: "StepCompleted", key: "a", attempt: 1 },
      { _tag: "Note", kind: "k", text: "" },
      { _tag: "Note", kind: "k", text: "" }
    )
    assert.deepStrictEqual([activeMs, inFlight], [10, 0])
  })

  it("counts as time at work what lies between the entries of one owner while a step is in flight", () => {
    assert.deepStrictEqual([4, 7, 9, 16].map((length) => Ledger.load(failing.slice(0, length)).activeMs), [
      0,
      30,
      50,
      10
    ])
  })
})

const body = (entry: object, seq: number) => Object.assign({ seq, at: seq * 10, epoch: 1 }, entry) as JournalEntry
const ledgerOf = (...bodies: ReadonlyArray<object>) => Ledger.load(bodies.map(body))
const request = (more: object = {}) => ({
  _tag: "StepRequested",
  key: "a",
  name: "a",
  attempt: 1,
  onCrash: "rerun",
  ...more
})
const suspended = (...waits: ReadonlyArray<object>) => ({ _tag: "RunSuspended", waits })
const failure = { reason: "operator", key: "failure" }
const started = body({ _tag: "RunRequested", workflow: "w", version: "1", payload: null }, 0)

type StepRow = readonly [what: string, Partial<Ledger.RecordedStep>, ...ReadonlyArray<object>]
const fresh = { retryAt: undefined, letGo: false, released: false, notStarted: false, outcome: undefined }

/** What the ledger says of step "a" behind these entries. */
const stepRows: ReadonlyArray<StepRow> = [
  ["requested", fresh, request()],
  ["requested in a pause", { ...fresh, notStarted: true }, { _tag: "PauseRequested", id: "p", by: "ada" }, request()],
  [
    "requested in a pause that is over",
    fresh,
    { _tag: "PauseRequested", id: "p", by: "ada" },
    request(),
    { _tag: "RunResumed", by: "ada" }
  ],
  ["released", { released: true }, request(), { _tag: "StepReleased", key: "a" }],
  ["let go", { letGo: true }, request(), { _tag: "BodyLetGo", key: "a", text: "" }],
  ["in flight when its run was suspended", { released: true }, request(), suspended({ reason: "signal", key: "go" })],
  [
    "one that asks, when its run was suspended",
    { released: false },
    request({ onCrash: "ask" }),
    suspended({ reason: "signal", key: "go" })
  ],
  [
    "one that keeps crashing, when its run was suspended for it",
    { released: false },
    request(),
    suspended({ reason: "recovery", key: "a" })
  ],
  [
    "between two attempts",
    { retryAt: 70, failures: [{ at: 20, cause: ["x"] }], inFlight: false },
    request(),
    { _tag: "StepFailed", key: "a", attempt: 1, cause: ["x"], retryAt: 70 }
  ],
  [
    "requested again",
    { ...fresh, probeFailure: undefined, inFlight: true },
    request(),
    { _tag: "ProbeFailed", key: "a", attempt: 1, cause: [] },
    { _tag: "StepReleased", key: "a" },
    { _tag: "BodyLetGo", key: "a", text: "" },
    { _tag: "StepFailed", key: "a", attempt: 1, cause: ["x"], retryAt: 70 },
    request({ attempt: 2 })
  ],
  [
    "failed for good, in a pass that was given up",
    { outcome: undefined, released: true },
    request(),
    { _tag: "StepFailed", key: "a", attempt: 1, cause: [], parked: true },
    suspended(failure),
    { _tag: "RunResumed", by: "ada" }
  ],
  [
    "in flight in the run that was forked",
    { released: true, notStarted: false, inFlight: false },
    { _tag: "PauseRequested", id: "p", by: "ada" },
    request({ onCrash: "ask" }),
    { _tag: "RunForked", from: "r", step: "a", fromSeq: 3, seed: "s" }
  ]
]

describe("what a ledger says", () => {
  for (const [what, expected, ...bodies] of stepRows) {
    it(`of a step: ${what}`, () => {
      const { open, steps } = Ledger.load([started, ...bodies.map((one, index) => body(one, index + 1))])
      const step = steps.get("a")!
      assert.deepStrictEqual(
        Object.fromEntries(Object.keys(expected).map((name) => [name, step[name as keyof Ledger.RecordedStep]])),
        expected
      )
      assert.deepStrictEqual([...open], step.outcome === undefined ? [step] : [])
    })
  }

  it("of roles: what repeats a request, or belongs to a pass that was given up, is a mark", () => {
    const entries = [
      request(),
      request({ attempt: 2 }),
      { _tag: "StepFailed", key: "a", attempt: 2, cause: [], parked: true },
      suspended(failure),
      { _tag: "StopRequested", id: "s", kind: "cancel", by: "ada", reason: "enough" },
      { _tag: "StopRequested", id: "t", kind: "cancel", by: "ada", reason: "enough" }
    ].map(body)
    const ledger = Ledger.load(entries)
    assert.deepStrictEqual(entries.map((entry) => Ledger.roleOf(ledger, entry)), [
      "command",
      "mark",
      "mark",
      "mark",
      "mark",
      "delivery"
    ])
    assert.strictEqual(ledger.stop, entries[4])
    assert.isTrue(ledger.revived)
    assert.isFalse(ledger.parkedFailure)
  })

  it("of a question: the answer that decides it, and nothing of those behind", () => {
    const answer = (by: string, decision: string) => ({
      _tag: "ApprovalAnswered",
      id: by,
      key: "q",
      decision,
      by,
      hash: "h"
    })
    const entries = [
      {
        _tag: "ApprovalRequested",
        key: "q",
        prompt: "May we?",
        approvers: ["ann", "bob"],
        choices: [],
        quorum: 2,
        editable: false,
        hash: "h",
        onTimeout: "deny"
      },
      answer("ann", "approve"),
      answer("bob", "approve"),
      answer("cid", "deny")
    ].map(body)
    const open = Ledger.load(entries.slice(0, 2)).approvals.get("q")
    assert.deepStrictEqual([open?.given.length, open?.decided], [1, undefined])
    const decided = Ledger.load(entries).approvals.get("q")
    assert.strictEqual(decided?.decided?.by, entries[2])
    assert.deepStrictEqual(decided?.decided?.result, {
      _tag: "Approved",
      by: ["ann", "bob"],
      choice: undefined,
      edit: undefined,
      note: undefined
    })
    assert.strictEqual(decided?.given.length, 2)
  })

  it("of children, signals, events and acts: that they are known", () => {
    const ledger = ledgerOf(
      { _tag: "ChildStarted", child: "c", workflow: "w", version: "1", payload: null, linked: true },
      { _tag: "ChildFinished", child: "c", exit: { _tag: "Success", value: 1 } },
      { _tag: "ChildFinished", child: "c", exit: { _tag: "Success", value: 2 } },
      { _tag: "SignalReceived", id: "s", name: "go", payload: null },
      request({ event: { id: "e", position: "1" } }),
      { _tag: "DeferredCompleted", name: "in", exit: { _tag: "Success" }, inside: true },
      { _tag: "DeferredCompleted", name: "out", exit: { _tag: "Success" }, inside: false }
    )
    assert.deepStrictEqual(ledger.children.get("c")?.exit, { _tag: "Success", value: 1 })
    assert.deepStrictEqual([...ledger.signalIds, ...ledger.takenEvents], ["s", "e"])
    assert.deepStrictEqual([...ledger.acts.keys()], ["deferred:in"])
    assert.strictEqual(ledger.stepCount, 1)
  })
})

const W = define("W")
const Notes = RunState.make("notes", { schema: Schema.Struct({ n: Schema.Int }), initial: { n: 0 } })
const Flaky = Step.make("flaky", {
  success: Schema.Int,
  error: Schema.String,
  onCrash: "rerun",
  key: () => "once",
  retry: Schedule.recurs(1),
  run: (_, { attempt }) => attempt === 1 ? Effect.fail("no") : Effect.succeed(attempt)
})

/** As data that can be compared: stored text as its value, tables as lists. */
const comparable = (ledger: Ledger.Ledger): unknown =>
  JSON.parse(JSON.stringify(
    ledger,
    (_, value: unknown) => value instanceof Map || value instanceof Set ? Array.from(value as Iterable<unknown>) : value
  ))

describe("the ledger of a run that goes on", () => {
  it.effect("says what its journal says when that is read from the store", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() =>
        Effect.gen(function*() {
          yield* Flaky()
          yield* RunState.update(Notes, () => ({ n: 1 }))
          yield* Effect.raceFirst(
            Effect.sleep("1 day"),
            Approval.ask("q", { prompt: "May we?", approvers: ["ann", "bob"], quorum: 2 })
          )
        }).pipe(Effect.orDie)
      ))
      const id = yield* begin(host, W)
      yield* world.tell(id, "answer", { key: "q", decision: "approve", by: "ann" })
      yield* host.settled
      const runtime = yield* host.use(CurrentRuntime.current)
      const stored = Ledger.load(yield* world.journal(id))
      assert.deepStrictEqual(comparable(runtime.pool.get(id)!.ledger), comparable(stored))
      assert.strictEqual(stored.approvals.get("q")?.given.length, 1)
      assert.strictEqual(stored.steps.get("flaky/once")?.failures.length, 1)
    }))
})
