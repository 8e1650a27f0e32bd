import * as Simulator from "@fermata/engine/testing/Simulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { doubles } from "./doubles.ts"
import { Everything, layer } from "./subjects.ts"

describe("the simulator finds a store that", () => {
  for (const { breaks, make, name } of doubles) {
    it.live(`${name} (${breaks.join(", ")})`, () =>
      Effect.gen(function*() {
        const found = yield* Effect.flip(Simulator.explore(Everything, {
          payload: { id: "1" },
          layer,
          signals: { paid: "card" },
          double: make,
          shorten: false
        }))
        assert.include(breaks, found.promise, found.problem)
      }))
  }

  it("is one of at least twenty", () => assert.isAtLeast(doubles.length, 20))
})
