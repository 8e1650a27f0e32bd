import { assert, describe, it } from "@effect/vitest"
import { runKey } from "@fermata/core/Suspension"
import type { Wait } from "@fermata/core/Wait"
import { heldBy } from "../../src/internal/run/Held.ts"

const failure: Wait = { reason: "operator", key: "failure", detail: "it failed" }
const recovery: Wait = { reason: "recovery", key: runKey, detail: "it dies" }
const pause: Wait = { reason: "operator", key: "pause" }
const unsaid: Wait = { reason: "operator", key: "failure", detail: "suspended on its failure" }

const table: ReadonlyArray<readonly [what: string, held: Wait | undefined, parked: boolean, ...ReadonlyArray<Wait>]> = [
  ["suspended on its failure", failure, true, failure],
  ["suspended on its failure while something else waits too", failure, true, pause, failure],
  [
    "suspended on its failure, waiting for a signal of that name",
    failure,
    true,
    { reason: "signal", key: "failure" },
    failure
  ],
  ["suspended on its failure by its journal alone", unsaid, true],
  ["suspended on its failure by its row alone, as by an operator's resume that is taken", undefined, false, failure],
  ["given up by recovery", recovery, false, recovery],
  ["paused", undefined, false, pause],
  ["one of whose steps keeps crashing", undefined, false, { reason: "recovery", key: "a" }],
  ["waiting for a signal", undefined, false, { reason: "signal", key: "go" }]
]

describe("why no fiber of a run may run", () => {
  for (const [what, held, parked, ...waits] of table) {
    it(`a run ${what}: ${held?.detail ?? "it may"}`, () => {
      assert.deepStrictEqual(heldBy({ status: "suspended", waits: JSON.stringify(waits) }, parked), held)
    })
  }

  it("is said by the journal where the row says nothing that can be read", () => {
    assert.deepStrictEqual(heldBy({ status: "suspended", waits: "?" }, true), unsaid)
    assert.deepStrictEqual(heldBy({ status: "running", waits: JSON.stringify([recovery]) }, false), undefined)
  })
})
