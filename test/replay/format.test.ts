import { assert, describe, it } from "@effect/vitest"
import * as EngineEvent from "@fermata/core/EngineEvent"
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import type { Backend } from "@fermata/engine/Backend"
import { Store } from "@fermata/engine/Store"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { cutStep, layerOf, putBack, type Recording, restore, scenarios, Steered } from "./Recordings.ts"
import { Doubted, Routed } from "./Routes.ts"

const folder = new URL("journals/", import.meta.url)
const recordings = readdirSync(folder)
  .filter((version) => readdirSync(new URL(`${version}/`, folder)).includes("steered.json"))
  .map((version) => ({
    version,
    recording: JSON.parse(readFileSync(new URL(`${version}/steered.json`, folder), "utf8")) as Recording
  }))

const tell = (backend: Backend, run: string, id: string, kind: string, message: object) =>
  backend.write([{ op: "inbox", row: { run, id, kind, payload: JSON.stringify(message), at: 0 } }])

/** What is said to each run before a process of today takes the store up, and its journal afterwards. */
const lived = Effect.fnUntraced(function*(recording: Recording) {
  cutStep.ends = true
  const backend = yield* restore(recording)
  const ids = yield* Effect.all(
    Object.fromEntries(
      ["patched", "undoing", "released", "refused"].map((way) => [way, Steered.executionId({ way })])
    )
  )
  const before = yield* Effect.forEach(Object.values(ids), (id) => backend.entries(id, 0, 100))
  for (const id of [ids["patched"]!, ids["undoing"]!]) {
    yield* tell(backend, id, "go", "signal", { name: "go", payload: { n: 1 } })
  }
  yield* tell(backend, ids["refused"]!, "yes", "answer", { key: "number", decision: "approve", by: "ada" })
  yield* Effect.provide(TestHost.use(({ settled }) => settled), layerOf(scenarios["steered"]!, backend))
  const after = yield* Effect.forEach(Object.values(ids), (id) => backend.entries(id, 0, 100))
  for (const [index, rows] of before.entries()) {
    assert.deepStrictEqual(after[index]!.slice(0, rows.length), rows, "what was stored is as it was")
  }
  const journal = (way: string) => Store.make(backend).journal(ids[way]!)
  return { ids, journal }
})

const requests = (journal: ReadonlyArray<JournalEntry>) =>
  journal.flatMap((entry) => entry._tag === "StepRequested" ? [[entry.key, entry.recovery ?? 0]] : [])

/** What is said in the inboxes of runs that are left in a recording of this name, once a process of today has taken it up. */
const said = Effect.fnUntraced(
  function*(
    version: string,
    name: string,
    messages: ReadonlyArray<readonly [run: string, kind: string, message: object]>
  ) {
    const recording = JSON.parse(readFileSync(new URL(`${version}/${name}.json`, folder), "utf8")) as Recording
    const backend = yield* restore(recording)
    for (const [run, kind, message] of messages) yield* tell(backend, run, `${kind}:${run}`, kind, message)
    yield* Effect.provide(TestHost.use(({ settled }) => settled), layerOf(scenarios[name]!, backend))
    return (run: string) => Store.make(backend).journal(run)
  }
)

describe("a database of an earlier format", () => {
  it("is one of those that were recorded, and so is one of today's", () => {
    assert.isAtLeast(recordings.length, 2)
    assert.include(JSON.stringify(recordings[0]), `"kind":"patch"`)
    assert.notInclude(JSON.stringify(recordings.at(-1)), `"kind":"patch"`)
  })

  for (const { recording, version } of recordings) {
    it.effect(`S4, S9, N-43: opens, and its runs go on the way that they went (${version})`, () =>
      Effect.gen(function*() {
        const { journal } = yield* lived(recording)
        const last = yield* journal("patched")
        assert.deepInclude(last.at(-1), { _tag: "RunCompleted", output: "the new way" })
        assert.isTrue(last.some((entry) => entry._tag === "PatchTaken" && entry.name === "way"))
      }))

    it.effect(`S8: what was being undone is undone to its end, and once (${version})`, () =>
      Effect.gen(function*() {
        const { journal } = yield* lived(recording)
        const entries = yield* journal("undoing")
        assert.strictEqual(entries.at(-1)?._tag, "RunFailed")
        assert.deepStrictEqual(requests(entries), [["plain", 0], ["undo", 0], ["undo~2", 0]])
        assert.lengthOf(entries.filter(({ _tag }) => _tag === "UnwindStarted"), 1)
      }))

    it.effect(`S13: a body that an orderly stop cut short runs again, and no crash is counted (${version})`, () =>
      Effect.gen(function*() {
        const { journal } = yield* lived(recording)
        const entries = yield* journal("released")
        assert.deepInclude(entries.at(-1), { _tag: "RunCompleted", output: "whole" })
        assert.deepStrictEqual(requests(entries), [["cut", 0], ["cut", 0]])
      }))

    it.effect(`S16: the journal still says which answer was not taken, and the question is open (${version})`, () =>
      Effect.gen(function*() {
        const { ids, journal } = yield* lived(recording)
        const entries = yield* journal("refused")
        assert.deepInclude(entries.at(-1), { _tag: "RunCompleted", output: "1" })
        const index = entries.findIndex(({ _tag }) => _tag === "MessageRefused")
        assert.deepInclude(entries[index], { id: "answer:recorder:1", kind: "answer", why: "refused" })
        const { refusals } = RunView.of(ids["refused"]!, entries)
        assert.deepStrictEqual(refusals.map(({ kind, why }) => [kind, why]), [["answer", "refused"]])
        const [told] = EngineEvent.of(ids["refused"]!, "steered", entries[index]!)
        assert.strictEqual(told?.name, "engine.approval.reopened")
        assert.deepInclude(told?.payload, { stepId: "number", proposedBy: "ada", edit: 13 })
      }))
  }

  it.effect("S2: a run that was in doubt is in doubt, until somebody confirms it who knows of the restore (0.1.0-format-3)", () =>
    Effect.gen(function*() {
      const open = yield* Doubted.executionId({ way: "open" })
      const begun = yield* Doubted.executionId({ way: "begun" })
      const journal = yield* said("0.1.0-format-3", "doubted", [
        [open, "confirm", { by: "ada", knows: [putBack.id] }],
        [begun, "confirm", { by: "ada" }]
      ])
      const [confirmed, doubted] = [yield* journal(open), yield* journal(begun)]
      assert.deepInclude(confirmed.at(-1), { _tag: "RunCompleted", output: "open" })
      assert.deepStrictEqual(requests(confirmed), [["pay", 0], ["pay", 0]])
      assert.deepInclude(doubted.find(({ _tag }) => _tag === "MessageRefused"), { kind: "confirm", why: "late" })
      assert.lengthOf(doubted.filter(({ _tag }) => _tag === "RunConfirmed"), 0)
      assert.strictEqual(doubted.at(-1)?._tag, "RunSuspended")
    }))

  it.effect("N-61: a question that was handed on and has escalated is answered by those who have it (0.1.0-format-3)", () =>
    Effect.gen(function*() {
      const run = yield* Routed.executionId({ way: "open" })
      const yes = (by: string) => ({ key: "release", decision: "approve", by })
      const journal = yield* said("0.1.0-format-3", "routed", [[run, "answer", yes("cfo")]])
      const entries = yield* journal(run)
      const { approvals: [question] } = RunView.of(run, entries)
      assert.deepStrictEqual(question?.routed?.map(({ kind }) => kind), [
        "delegate",
        "delegate",
        "remind",
        "escalate",
        "remind"
      ])
      assert.deepStrictEqual([question?.status, question?.answers.map(({ by }) => by)], ["open", ["cfo"]])
    }))
})
