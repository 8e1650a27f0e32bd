import { assert, describe, it } from "@effect/vitest"
import * as Simulator from "@fermata/testing/Simulator"
import { Effect } from "effect"
import * as Agents from "./agents.ts"
import * as Days from "./days.ts"

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

describe("runs of an agent that may spend less on a day than they need", () => {
  it.effect("N-50: spend no more than that on any day, whatever is whose last write, and come to their answers on the days behind it or once somebody raises what they may", () =>
    Effect.gen(function*() {
      const options = { layer: Days.layer, answer: Days.answer, ends: "any" } as const
      const { crashPoints } = yield* Simulator.exploreFrom(Days.start, { ...options, mode: "enumerate" })
      assert.isAbove(crashPoints, 100)
      yield* Simulator.exploreFrom(Days.start, { ...options, mode: "random", lives: 40, seed: 11 })
      assert.deepStrictEqual(Days.seen.problems, [])
      assert.isAbove(Days.seen.refused, 100)
      assert.isAbove(Days.seen.raised, 0)
      assert.isAtLeast(Days.seen.most, 300)
    }))
})
