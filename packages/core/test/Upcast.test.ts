import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import * as fc from "fast-check"
import * as Upcast from "../src/Upcast.ts"

/** A copy, since the value becomes the entry. */
const read = (seq: number, stored: object) => Upcast.readValue("r", seq, { ...stored })

const problemOf = (exit: ReturnType<typeof read>): string | undefined => {
  const found = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
  return found?._tag === "Fail" ? found.error.problem : undefined
}

describe("reading a stored entry", () => {
  it("S14: puts back what goes without saying", () => {
    const step = { at: 5, key: "a" }
    assert.deepStrictEqual(
      read(3, { ...step, _tag: "StepRequested", onCrash: "rerun" }),
      Exit.succeed({ ...step, _tag: "StepRequested", onCrash: "rerun", seq: 3, epoch: 1, attempt: 1, name: "a" })
    )
    assert.deepStrictEqual(
      read(3, { ...step, _tag: "StepCompleted" }),
      Exit.succeed({ ...step, _tag: "StepCompleted", seq: 3, epoch: 1, attempt: 1 })
    )
    const requested = { _tag: "RunRequested", at: 5, workflow: "w", version: "1", payload: null } as const
    assert.deepStrictEqual(read(0, requested), Exit.succeed({ ...requested, seq: 0, epoch: 0 }))
    assert.deepStrictEqual(read(1, requested), Exit.succeed({ ...requested, seq: 1, epoch: 1 }))
  })

  it("S14: keeps what is said", () => {
    const entry = {
      _tag: "StepRequested",
      seq: 3,
      at: 5,
      epoch: 4,
      key: "a",
      name: "b",
      attempt: 2,
      onCrash: "ask"
    } as const
    assert.deepStrictEqual(read(3, entry), Exit.succeed(entry))
    for (const exit of [{ _tag: "Success" }, { _tag: "Success", value: 1 }, { _tag: "Failure", cause: [] }] as const) {
      const finished = { _tag: "ChildFinished", at: 5, child: "c", exit } as const
      assert.deepStrictEqual(read(3, finished), Exit.succeed({ ...finished, seq: 3, epoch: 1 }))
    }
    const failed = { _tag: "StepFailed", at: 5, key: "a", attempt: 2, cause: [] } as const
    assert.deepStrictEqual(read(3, failed), Exit.succeed({ ...failed, seq: 3, epoch: 1 }))
  })

  it("S14: leaves out the format in which an entry was stored", () => {
    const patch = { _tag: "PatchTaken", at: 5, name: "p" } as const
    for (const stored of [patch, { ...patch, v: 2 }, { _tag: "Note", at: 5, kind: "patch", text: "p" }]) {
      assert.deepStrictEqual(read(3, stored), Exit.succeed({ ...patch, seq: 3, epoch: 1 }))
    }
  })

  it("S14: many at once are what each is alone, and none where one of them is no JSON by itself", () => {
    fc.assert(fc.property(fc.array(fc.jsonValue()), (values) => {
      const texts = values.map((value) => JSON.stringify(value))
      assert.deepStrictEqual(Upcast.parsePage(texts), texts.map((text): unknown => JSON.parse(text)))
    }))
    for (const damaged of ["", "{", "1,2", "1],[2", "{\"a\":1},{\"b\":2}", "\"", "[1"]) {
      assert.isUndefined(Upcast.parsePage(["1", damaged, "2"]), damaged)
    }
    assert.isUndefined(Upcast.parsePage(["[1", "2]"]))
  })

  it("S14: says what is wrong with an entry that this build cannot read", () => {
    const started = { _tag: "RunStarted", at: 5 }
    for (const v of [1, 2, 3]) assert.isUndefined(problemOf(read(1, { ...started, v })))
    assert.strictEqual(problemOf(read(1, { ...started, v: 4 })), "written in format 4, and this build reads up to 3")
    assert.strictEqual(problemOf(read(1, { ...started, seq: 2 })), "it says that it is entry 2")
    assert.isUndefined(problemOf(read(1, { ...started, seq: 1 })))
    assert.strictEqual(problemOf(Upcast.readValue("r", 1, null)), "not a JSON object")
    assert.strictEqual(problemOf(Upcast.readValue("r", 1, 5)), "not a JSON object")
    assert.include(problemOf(Upcast.read("r", 1, "{")), "not JSON")
    assert.isString(problemOf(read(1, { _tag: "StepFailed", at: 5, key: "a", cause: [] })))
    assert.isString(problemOf(read(1, { _tag: "ChildFinished", at: 5, child: "c", exit: { _tag: "Failure" } })))
    assert.isString(problemOf(read(1, { _tag: "StepRequested", at: 5, onCrash: "rerun" })))
  })

  const message = { key: "pay", decision: "approve", by: "ann", edit: 7 }
  const about = { id: "a1", kind: "answer", message }
  it.each<[note: object, entry: object]>([
    [{ kind: "patch", text: "way" }, { _tag: "PatchTaken", name: "way" }],
    [{ kind: "workflow", text: "failure" }, { _tag: "UnwindStarted" }],
    [{ kind: "step-released", text: "pay" }, { _tag: "StepReleased", key: "pay" }],
    [
      { kind: "step-let-go", text: "attempt 1 of step \"pay\" did not end", data: { key: "pay" } },
      { _tag: "BodyLetGo", key: "pay", text: "attempt 1 of step \"pay\" did not end" }
    ],
    [
      { kind: "answer-refused", text: "is not taken", data: { ...about, problem: "too much" } },
      { _tag: "MessageRefused", ...about, why: "refused", text: "is not taken", problem: "too much" }
    ],
    [
      { kind: "answer-late", text: "was withdrawn", data: about },
      { _tag: "MessageRefused", ...about, why: "late", text: "was withdrawn" }
    ],
    [
      { kind: "inbox-late", text: "came late", data: { id: "s1", kind: "signal", message: { name: "go" } } },
      { _tag: "MessageRefused", id: "s1", kind: "signal", message: { name: "go" }, why: "late", text: "came late" }
    ],
    [
      { kind: "settle-refused", text: "step \"pay\" does not wait to be settled" },
      { _tag: "MessageRefused", kind: "settle", why: "refused", text: "step \"pay\" does not wait to be settled" }
    ],
    [
      { kind: "inbox-refused", text: "signal \"go\" (s1) cannot be stored: it is too deep" },
      {
        _tag: "MessageRefused",
        kind: "signal",
        why: "refused",
        text: "signal \"go\" (s1) cannot be stored: it is too deep"
      }
    ],
    [
      { kind: "inbox-refused", text: "inbox row x of kind \"hail\" cannot be read" },
      {
        _tag: "MessageRefused",
        id: "x",
        kind: "hail",
        why: "unreadable",
        text: "inbox row x of kind \"hail\" cannot be read"
      }
    ],
    [{ kind: "usage", text: "ask", data: { inputTokens: 3 } }, {
      _tag: "Note",
      kind: "usage",
      text: "ask",
      data: { inputTokens: 3 }
    }]
  ])("reads the note %j of format 1 as what it was", (note, entry) => {
    assert.deepStrictEqual(
      read(3, { at: 5, epoch: 2, _tag: "Note", ...note }),
      Exit.succeed({ seq: 3, at: 5, epoch: 2, ...entry } as never)
    )
  })

  it("leaves a note of format 2 a note, whatever its kind", () => {
    const note = { _tag: "Note", at: 5, kind: "patch", text: "to the roof" } as const
    assert.deepStrictEqual(read(3, { ...note, v: 2 }), Exit.succeed({ ...note, seq: 3, epoch: 1 }))
  })
})
