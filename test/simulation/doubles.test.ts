import { assert, describe, it } from "@effect/vitest"
import * as Simulator from "@fermata/testing/Simulator"
import { Effect } from "effect"
import { cases } from "./cases.ts"
import { doubles } from "./doubles.ts"

describe("the simulator finds a store that", () => {
  for (const { breaks, make, name, seed, shownBy = "everything" } of doubles) {
    it.live(`${name} (${breaks.join(", ")})`, () =>
      Effect.gen(function*() {
        const { options, start } = cases.find(({ name }) => name === shownBy)!
        const found = yield* Effect.flip(Simulator.exploreFrom(start, {
          ...options,
          ...(make === undefined ? {} : { double: make }),
          shorten: false,
          ...(shownBy === "answers" ? { mode: "random", lives: 2_000 } : {}),
          ...(seed === undefined ? {} : { seed })
        }))
        assert.include(breaks, found.promise, found.problem)
      }))
  }

  it("is one of at least twenty", () => assert.isAtLeast(doubles.length, 20))
})
