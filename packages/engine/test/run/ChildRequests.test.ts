import { assert, describe, it } from "@effect/vitest"
import * as ChildRecords from "../../src/internal/ChildRecords.ts"
import { ChildRequests } from "../../src/internal/run/ChildRequests.ts"
import { bareRun } from "../support/BareRun.ts"

const started = (linked: boolean) => ({
  _tag: "ChildStarted",
  child: "c",
  workflow: "w",
  version: "1",
  payload: null,
  linked
})

/** How the code has asked for the child in this pass, if it has. */
const table: ReadonlyArray<
  readonly [what: string, held: boolean, linked: boolean, asked?: Partial<ChildRecords.ChildState>]
> = [
  ["that the code listens to", true, true, {}],
  ["that has ended", false, true, { exit: { _tag: "Success" } }],
  ["that the code has left", false, true, { listening: false }],
  ["that goes on by itself", false, false, {}],
  ["that the code has not come to in this pass", true, true],
  ["that goes on by itself and that the code has not come to", false, false]
]

describe("a run that is told to stop", () => {
  for (const [what, held, linked, asked] of table) {
    it(`S8: ${held ? "still holds" : "holds no"} child ${what}`, () => {
      const { run } = bareRun(started(linked))
      const { entry } = run.ledger.children.get("c")!
      if (asked !== undefined) run.pass.children.set("c", Object.assign(ChildRecords.make(entry), asked))
      assert.deepStrictEqual(new ChildRequests(run, {} as never).stillHeld(), held ? ["c"] : [])
    })
  }

  it("S8: still holds what the body of a step waits for, while it runs", () => {
    const { run } = bareRun()
    const step = (phase: string, ...reasons: ReadonlyArray<string>) =>
      run.pass.open.add({ phase, bodyWaits: reasons.map((reason) => ({ reason, key: `${phase} ${reason}` })) } as never)
    step("running", "child", "signal")
    step("done", "child")
    assert.deepStrictEqual(new ChildRequests(run, {} as never).stillHeld(), ["running child"])
  })
})
