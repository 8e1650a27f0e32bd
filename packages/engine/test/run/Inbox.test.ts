import { assert, describe, it } from "@effect/vitest"
import type { InboxRow } from "../../src/Backend.ts"
import { Inbox } from "../../src/internal/run/Inbox.ts"
import * as Phase from "../../src/internal/run/Phase.ts"
import { bareRun } from "../support/BareRun.ts"

const row = (id: string): InboxRow => ({
  id,
  run: "r",
  kind: "signal",
  payload: JSON.stringify({ name: "go", payload: null }),
  at: 0
})

const make = (withdrawn: ReadonlyArray<InboxRow> = []) => {
  const bare = bareRun()
  const ownAnswers = { withdraw: () => withdrawn, noteRefused: () => true }
  const inbox = new Inbox(bare.run, {} as never, {} as never, ownAnswers as never, {} as never)
  return { ...bare, inbox }
}

describe("the inbox of a run", () => {
  it("S3: takes a row once, however often it is handed over, until it is no longer in the store", () => {
    const { inbox, run } = make()
    for (const id of ["a", "b", "a"]) inbox.receive(row(id))
    assert.deepStrictEqual(run.ready, [{ _tag: "Inbox", row: row("a") }, { _tag: "Inbox", row: row("b") }])
    inbox.taken(["a"])
    for (const id of ["a", "b"]) inbox.receive(row(id))
    assert.deepStrictEqual(run.ready.slice(2), [{ _tag: "Inbox", row: row("a") }])
  })

  it("S5: takes nothing when the run is not here any more", () => {
    const { inbox, run } = make()
    run.phase = Phase.dropped
    inbox.receive(row("a"))
    run.phase = Phase.live
    inbox.receive(row("a"))
    assert.strictEqual(run.ready.length, 1)
  })

  it("S3: says of all that the code has not come to what became of it, and keeps what is nobody's word", () => {
    const { inbox, run } = make([row("edit")])
    const stop = { _tag: "Stop", kind: "cancel", by: "ada", reason: "enough" } as const
    run.pendingStop = { ...stop, id: "pending", row: row("pending") }
    run.ready = [
      { _tag: "Inbox", row: row("told") },
      { _tag: "Still" },
      { ...stop, id: "stop", row: row("stop") },
      { ...stop, id: "limit" },
      { _tag: "EditRefused", row: row("edit") }
    ]
    inbox.end()
    assert.deepStrictEqual(run.ready, [{ _tag: "Still" }])
    assert.isUndefined(run.pendingStop)
    const ids = ["told", "stop", "pending", "edit"]
    const { consumed, entries } = run.batch.take()
    assert.deepStrictEqual([consumed, entries.flatMap((entry) => entry._tag === "MessageRefused" ? [entry.id] : [])], [
      ids,
      ids
    ])
  })
})
