import { assert, describe, it } from "@effect/vitest"
import { isOrderToStop, type ReadyItem } from "../../src/internal/run/Happening.ts"

const row = (kind: string) => ({ id: "m", kind, payload: "{}", at: 0 })
const table: ReadonlyArray<readonly [what: string, expected: boolean, item: unknown]> = [
  ["an order to stop", true, { _tag: "Stop", id: "s", kind: "cancel", by: "ada", reason: "enough" }],
  ["the end of the time that bodies have", true, { _tag: "GraceOver" }],
  ["the limit of active time", true, { _tag: "ActiveLimit" }],
  ["a body that went on by itself", true, { _tag: "Foreign" }],
  ["a cancel in the inbox", true, { _tag: "Inbox", row: row("cancel") }],
  ["a signal in the inbox", false, { _tag: "Inbox", row: row("signal") }],
  ["an edit that the code does not take", false, { _tag: "EditRefused", row: row("cancel") }],
  ["the end of a timer", false, { _tag: "Timer", timer: 1 }],
  ["an outcome", false, { _tag: "Outcome", key: "a", exit: { _tag: "Success" }, delay: undefined }],
  ["a minute without a move", false, { _tag: "Still" }]
]

describe("what may stop a run while its body computes", () => {
  for (const [what, expected, item] of table) {
    it(`${what}: ${expected ? "yes" : "no"}`, () => assert.strictEqual(isOrderToStop(item as ReadyItem), expected))
  }
})
