import { assert, describe, it } from "@effect/vitest"
import type * as JournalEntry from "../src/JournalEntry.ts"
import * as RunDiff from "../src/RunDiff.ts"

/** A journal of these entries, at times and of owners that depend on the run. */
const journal = (id: string, bodies: ReadonlyArray<JournalEntry.EntryBody>): RunDiff.Journal => ({
  id,
  entries: bodies.map((body, seq) =>
    ({ seq, at: seq * id.length * 100, epoch: id.length, ...body }) as JournalEntry.JournalEntry
  )
})

const requested: JournalEntry.EntryBody = { _tag: "RunRequested", workflow: "W", version: "1", payload: { n: 1 } }
const step = (key: string, run: string, more: object = {}): JournalEntry.EntryBody => ({
  _tag: "StepRequested",
  key,
  name: key,
  attempt: 1,
  onCrash: "rerun-keyed",
  idempotencyKey: `${run}/${key}`,
  input: { run },
  ...more
})
const done = (key: string, output: unknown): JournalEntry.EntryBody => ({
  _tag: "StepCompleted",
  key,
  attempt: 1,
  output
})
const suspended: JournalEntry.EntryBody = { _tag: "RunSuspended", waits: [] }

const lived = (
  id: string
) => [requested, { _tag: "RunStarted" } as const, step("a", id), done("a", 1), step("b", id), done("b", `of ${id}`)]

describe("RunDiff", () => {
  it("N-55: runs that differ in times, owners, ids, forks, suspensions and crashes alone are the same", () => {
    const a = journal("run-a", lived("run-a"))
    const [first, ...rest] = lived("run-b-2")
    const b = journal("run-b-2", [
      { ...requested, by: "ada", seed: "run-a" },
      { _tag: "RunForked", from: "run-a", step: "a", fromSeq: 1, seed: "run-b-2" },
      rest[0]!,
      rest[1]!,
      suspended,
      step("a", "run-b-2", { recovery: 1, title: "Do a" }),
      ...rest.slice(2)
    ])
    assert.strictEqual(first, requested)
    const diff = RunDiff.of(a, b)
    assert.isUndefined(diff.parting)
    assert.deepStrictEqual(diff.steps.map(({ key, verdict }) => [key, verdict]), [["a", "same"], ["b", "same"]])
  })

  it("N-55: names the first entries that differ, and what came of each step in both", () => {
    const a = journal("run-a", [...lived("run-a").slice(0, 4), step("only", "run-a"), { _tag: "RunCompleted" }])
    const b = journal("run-b", [
      requested,
      step("a", "run-b"),
      { _tag: "StepFailed", key: "a", attempt: 1, cause: [{ _tag: "Fail", error: { message: "no" } }] },
      step("new", "run-b"),
      done("new", 2)
    ])
    const diff = RunDiff.of(a, b)
    assert.deepInclude(diff.parting?.a, { seq: 3, _tag: "StepCompleted" })
    assert.deepInclude(diff.parting?.b, { seq: 2, _tag: "StepFailed" })
    assert.deepStrictEqual(diff.steps, [
      { key: "a", verdict: "different", a: { status: "completed", output: 1 }, b: { status: "failed", error: "no" } },
      { key: "only", verdict: "only-a", a: { status: "abandoned" } },
      { key: "new", verdict: "only-b", b: { status: "completed", output: 2 } }
    ])
  })

  it("N-55: runs whose errors were thrown at other places are the same, and those with another cause are not", () => {
    const failed = (run: string, line: number, why: string): RunDiff.Journal => {
      const stack = [`load (src/load.ts:${line}:1)`]
      const thrown = { name: "Error", message: "no", stack, cause: { name: "Error", message: why, stack } }
      const exit = { _tag: "Failure", cause: [{ _tag: "Die", defect: thrown }] } as const
      return journal(run, [
        requested,
        step("a", run),
        {
          _tag: "StepFailed",
          key: "a",
          attempt: 1,
          cause: [{ _tag: "Fail", error: { _tag: "X" }, trace: { name: "X", stack } }]
        },
        { _tag: "ChildFinished", child: "c", exit },
        { _tag: "RunFailed", cause: [{ _tag: "Die", defect: thrown }] }
      ])
    }
    const diff = RunDiff.of(failed("run-a", 1, "late"), failed("run-b", 2, "late"))
    assert.isUndefined(diff.parting)
    assert.strictEqual(diff.steps[0]?.verdict, "same")
    assert.strictEqual(
      RunDiff.of(failed("run-a", 1, "late"), failed("run-b", 1, "early")).parting?.a?._tag,
      "ChildFinished"
    )
  })

  it("N-55: a run that has come less far parts where it ends", () => {
    const a = journal("run-a", lived("run-a"))
    const b = journal("run-b", lived("run-b").slice(0, 4))
    assert.deepStrictEqual(RunDiff.of(b, a).parting, { b: a.entries[4]! })
    assert.deepStrictEqual(RunDiff.of(a, b).parting, { a: a.entries[4]! })
  })

  it("N-55: another payload, answer or event parts runs, and the id under which it came does not", () => {
    const answered = (by: string, id: string): JournalEntry.EntryBody => ({
      _tag: "ApprovalAnswered",
      id,
      key: "ok",
      decision: "approve",
      by
    })
    const of = (...bodies: ReadonlyArray<JournalEntry.EntryBody>) => (id: string) => journal(id, bodies)
    const parts = (a: (id: string) => RunDiff.Journal, b: (id: string) => RunDiff.Journal) =>
      RunDiff.of(a("run-a"), b("run-b")).parting !== undefined
    assert.isTrue(parts(of(requested), of({ ...requested, payload: { n: 2 } })))
    assert.isTrue(parts(of(requested, answered("ada", "1")), of(requested, answered("bob", "1"))))
    assert.isFalse(parts(of(requested, answered("ada", "1")), of(requested, answered("ada", "2"))))
    assert.isFalse(parts(of({ ...requested, payload: { x: 1, y: 2 } }), of({ ...requested, payload: { y: 2, x: 1 } })))
    const decided = (value: string): JournalEntry.EntryBody => ({ _tag: "Decided", key: "way", name: "way", value })
    assert.isTrue(parts(of(requested, decided("left")), of(requested, decided("right"))))
    assert.isFalse(parts(of(requested, decided("left")), of(requested, decided("left"))))
    const emitted = (run: string): JournalEntry.EntryBody => ({
      _tag: "EventEmitted",
      id: `${run}:emit:1`,
      name: "e",
      payload: { run }
    })
    assert.isUndefined(RunDiff.of(journal("a-1", [emitted("a-1")]), journal("b-1", [emitted("b-1")])).parting)
  })
})
