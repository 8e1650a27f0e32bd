import { assert, describe, it } from "@effect/vitest"
import * as Simulator from "@fermata/testing/Simulator"
import { Effect } from "effect"
import * as Agents from "./agents.ts"

describe("an agent with tools, a payment, questions, a subagent, a budget, compaction and a second model", () => {
  it.effect("S1, S4, N-45, N-50: ends in one way, whatever write is its process's last, and its books are those of its provider", () =>
    Effect.gen(function*() {
      const report = yield* Simulator.exploreFrom(Agents.start, { layer: Agents.layer, mode: "enumerate" })
      assert.isAbove(report.crashPoints, 100)
      assert.deepStrictEqual(Agents.problems(), [])
    }))

  it.effect("S1, S4, N-45, N-50: the same in lives at random", () =>
    Effect.gen(function*() {
      yield* Simulator.exploreFrom(Agents.start, { layer: Agents.layer, mode: "random", lives: 80, seed: 7 })
      assert.deepStrictEqual(Agents.problems(), [])
    }))
})
