import { assert, describe, it } from "@effect/vitest"
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as Upcast from "@fermata/core/Upcast"
import { Exit } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { RunRecords } from "../src/internal/RunRecords.ts"

interface Recording {
  readonly runs: ReadonlyArray<{ readonly row: { readonly id: string }; readonly entries: ReadonlyArray<object> }>
}

const folder = new URL("../../../test/replay/journals/", import.meta.url)
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
      const whole = RunRecords.load(entries)
      for (let length = 0; length < entries.length; length++) {
        const records = RunRecords.load(entries.slice(0, length))
        for (const entry of entries.slice(length)) records.take(entry)
        assert.deepStrictEqual(records, whole, `from entry ${length} on`)
      }
    })
  }

  it("S13: takes a body that went on behind its wait for one at work: its time counts, and so does the death of its process", () => {
    const waiting = failing.slice(0, 4).concat(([
      { _tag: "RunSuspended", waits: [{ reason: "child", key: "c" }] },
      { _tag: "RunResumed" },
      { _tag: "RunSuspended", waits: [{ reason: "child", key: "d" }] }
    ] as const).map((body, index) => Object.assign({ seq: 4 + index, at: 100 + index * 10, epoch: 1 }, body)))
    const records = [5, 6, 7].map((length) => RunRecords.load(waiting.slice(0, length)))
    const active = records.map(({ activeMs }) => activeMs)
    assert.deepStrictEqual(active.map((millis) => millis - active[0]!), [0, 0, 10])
    assert.deepStrictEqual(records.map(({ steps }) => steps.get("a")!.released), [true, false, true])
    const other = RunRecords.load(waiting.slice(0, 5))
    other.take({ ...waiting[5]!, epoch: 2 })
    assert.isTrue(other.steps.get("a")!.released, "the body of another owner is gone")
  })

  it("counts as time at work what lies between the entries of one owner while a step is in flight", () => {
    assert.deepStrictEqual([4, 7, 9, 16].map((length) => RunRecords.load(failing.slice(0, length)).activeMs), [
      0,
      30,
      50,
      10
    ])
  })
})
