/** What people are told of steps that say what they do. */
import { assert, describe, it } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import { page } from "../src/RunPage.ts"
import { linesOf } from "../src/Watch.ts"

const step = { key: "read~7", name: "read", attempt: 1, onCrash: "rerun" } as const
const title = "Read src/a.ts"
const bodies: ReadonlyArray<JournalEntry.EntryBody> = [
  { _tag: "RunRequested", workflow: "review", version: "1", payload: null },
  { _tag: "StepRequested", ...step, title },
  { _tag: "StepRequested", ...step, title, recovery: 1 },
  { _tag: "StepFailed", key: "read~7", attempt: 1, cause: [], retryAt: 10 },
  { _tag: "StepRequested", ...step, title, attempt: 2 },
  { _tag: "StepRequested", key: "plain", name: "plain", attempt: 1, onCrash: "rerun" },
  { _tag: "StepCompleted", key: "read~7", attempt: 2 }
]
const entries = bodies.map((body, seq) => Object.assign({ seq, at: seq, epoch: 1 }, body) as JournalEntry.JournalEntry)
const globals = { config: undefined, db: undefined, as: "ada", usually: "ada", json: false } as never

describe("the title of a step", () => {
  it("is told in place of the bare key, which stands behind it, whatever becomes of the step", () => {
    const lines = linesOf(entries)
    for (const line of [lines[0], lines[1], lines.at(-1)]) {
      assert.match(line ?? "", /^ {2}\S+ Read src\/a\.ts {2}read~7 /)
    }
    assert.isTrue(lines.some((line) => line.endsWith(" plain")))
    assert.lengthOf(lines.filter((line) => line.includes("read~7")), lines.length - 1)
  })

  it("stands on the page of the run", () => {
    const lines = page(RunView.of("r", entries), { globals, now: 10 })
    assert.isTrue(lines.some((line) => /^ {2}\S+ Read src\/a\.ts {2}read~7/.test(line)), lines.join("\n"))
    assert.isTrue(lines.some((line) => /^ {2}\S+ plain/.test(line)), lines.join("\n"))
  })
})
