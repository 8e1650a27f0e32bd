import { assert, describe, it } from "@effect/vitest"
import * as Phase from "../../src/internal/run/Phase.ts"

type Row = readonly [phase: Phase.Phase, what: string, ...is: ReadonlyArray<keyof Phase.Phase>]
const phases: { readonly [P in keyof typeof Phase]: Row } = {
  replaying: [Phase.replaying, "has its journal delivered"],
  live: [Phase.live, "goes on", "isLive"],
  committing: [Phase.committing, "goes on and is written", "isLive", "isWriting"],
  holding: [Phase.holding, "has an entry made inside its commit", "isLive", "isWriting"],
  leaving: [Phase.leaving, "is written for the last time", "isLive", "isWriting"],
  ended: [Phase.ended, "has its end in the store", "isGone"],
  evicted: [Phase.evicted, "was let go while it waited", "isGone"],
  dropped: [Phase.dropped, "was let go otherwise", "isGone"]
}

describe("the phase of a run", () => {
  for (const [phase, what, ...is] of Object.values(phases)) {
    it(`that ${what}: ${is.join(", ") || "none of the three"}`, () => {
      const found = Object.entries(phase).filter(([, holds]) => holds === true).map(([name]) => name)
      assert.deepStrictEqual(found, is)
    })
  }

  it("is another value for each", () => {
    assert.strictEqual(new Set(Object.values(Phase)).size, Object.keys(phases).length)
  })
})
