import { assert, describe, it } from "@effect/vitest"
import * as Simulator from "@fermata/testing/Simulator"
import { Effect } from "effect"
import * as Agents from "./agents.ts"
import * as Days from "./days.ts"

const options = { layer: Agents.layer, answer: Agents.answer, outside: Agents.outside, ends: "any" } as const

const isLong = process.env["FERMATA_LONG"] !== undefined
const [agents, days] = isLong ? [80, 40] : [25, 20]

describe("an agent with tools, a payment, edited questions, a subagent, two budgets, compaction and a second model", () => {
  it.effect("S1, S4, N-45, N-50: comes to one answer, whatever write is its process's last; no paid call is repeated but the one in flight, and each costs what its provider has in its books", () =>
    Effect.gen(function*() {
      const report = yield* Simulator.exploreFrom(Agents.start, { ...options, mode: "enumerate" })
      assert.isAbove(report.crashPoints, 100)
    }))

  it.effect("S1, S4, N-45, N-50: the same in lives at random, in which all of it comes about", () =>
    Effect.gen(function*() {
      yield* Simulator.exploreFrom(Agents.start, { ...options, mode: "random", lives: agents, seed: 7 })
      for (const [what, count] of Object.entries(Agents.seen)) assert.isAbove(count, agents / 4, what)
    }))
})

describe("runs of an agent that may spend less on a day than they need", () => {
  it.effect("N-50: spend no more than that on any day, whatever is whose last write, and come to their answers on the days behind it or once somebody raises what they may", () =>
    Effect.gen(function*() {
      const options = { layer: Days.layer, answer: Days.answer, ends: "any" } as const
      if (isLong) {
        const { crashPoints } = yield* Simulator.exploreFrom(Days.start, { ...options, mode: "enumerate" })
        assert.isAbove(crashPoints, 100)
      }
      yield* Simulator.exploreFrom(Days.start, { ...options, mode: "random", lives: days, seed: 11 })
      assert.deepStrictEqual(Days.seen.problems, [])
      assert.isAbove(Days.seen.refused, 100)
      assert.isAbove(Days.seen.raised, 0)
      assert.isAbove(Days.seen.raisedDay, 0)
      assert.isAtLeast(Days.seen.most, 300)
    }))
})
