/** What people are told of what a run decided. */
import { assert, describe, it } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import { page } from "../src/RunPage.ts"
import { linesOf } from "../src/Watch.ts"

const bodies: ReadonlyArray<JournalEntry.EntryBody> = [
  { _tag: "RunRequested", workflow: "deploy", version: "1", payload: null },
  { _tag: "Decided", key: "policy", name: "policy", value: { verdict: "allow" } },
  { _tag: "Decided", key: "policy~2", name: "policy" },
  { _tag: "Decided", key: "tools", name: "tools", value: "x".repeat(5_000) }
]
const entries = bodies.map((body, seq) => Object.assign({ seq, at: seq, epoch: 1 }, body) as JournalEntry.JournalEntry)
const globals = { config: undefined, db: undefined, as: "ada", usually: "ada", json: false } as never

describe("what a run decided", () => {
  it("is told as it happens, a line each, and a long value is cut", () => {
    const lines = linesOf(entries)
    assert.include(lines[0], `policy  decided: {"verdict":"allow"}`)
    assert.include(lines[1], "policy~2  decided: null")
    assert.match(lines[2]!, /tools {2}decided: "x+…$/)
    assert.isBelow(lines[2]!.length, 200)
  })

  it("stands on the page of the run", () => {
    const lines = page(RunView.of("r", entries), { globals, now: 0 })
    const from = lines.indexOf("decisions:")
    assert.deepStrictEqual(lines.slice(from, from + 3), [
      "decisions:",
      `  policy: {"verdict":"allow"}`,
      "  policy~2: null"
    ])
  })
})
