import { assert, describe, it } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import type { CommitOp } from "@fermata/engine/Backend"
import { commit } from "../src/backend/Fixtures.ts"
import { MoneyWitness } from "../src/simulator/MoneyWitness.ts"

type Body = JournalEntry.EntryBody

const micros = (amount: number) => ({ micros: amount })
const request = (more: Partial<JournalEntry.EntryOf<"StepRequested">> = {}): Body => ({
  _tag: "StepRequested",
  key: "a",
  name: "a",
  attempt: 1,
  onCrash: "rerun",
  reserved: micros(10),
  ...more
})
const free: Body = { _tag: "StepRequested", key: "a", name: "a", attempt: 1, onCrash: "rerun" }
const done = (more: Partial<JournalEntry.EntryOf<"StepCompleted">> = {}): Body => ({
  _tag: "StepCompleted",
  key: "a",
  attempt: 1,
  ...more
})
const forked: Body = { _tag: "RunForked", from: "o", step: "a", fromSeq: 1, seed: "s" }

const problems = (really: ReadonlyArray<number>, bodies: ReadonlyArray<Body>, power = true) => {
  const entries = bodies.map((body, seq) =>
    Object.assign({ seq, at: seq, epoch: 1 }, body) as JournalEntry.JournalEntry
  )
  const witness = new MoneyWitness()
  for (const amount of really) witness.spends("r", "a", micros(amount))
  if (!power) witness.losesPower()
  return witness.problems({ id: "r", entries, view: RunView.of("r", entries) })
}

it("what rows of runs have said goes with a loss of power, behind which their commits are heard again", () => {
  const entries = [request(), done({ spent: micros(5) })].map((body, seq) =>
    Object.assign({ seq, at: seq, epoch: 1 }, body) as JournalEntry.JournalEntry
  )
  const witness = new MoneyWitness()
  const hears = (upTo: number, spending?: CommitOp["spending"]) =>
    witness.commits(
      commit("r", upTo - 1, [JSON.stringify(entries[upTo - 1])], spending === undefined ? {} : { spending }),
      { id: "r", view: RunView.of("r", entries.slice(0, upTo)) }
    )
  for (const time of ["first", "again"]) {
    assert.isUndefined(hears(1), time)
    assert.isUndefined(hears(2, { spent: micros(5), days: [] }), time)
    witness.losesPower()
  }
})

describe("what bodies have really spent", () => {
  it.each<[string, ReadonlyArray<number>, ReadonlyArray<Body>]>([
    ["what its outcome says", [2, 3], [request(), done({ spent: micros(5) })]],
    ["nothing", [], [request(), done()]],
    ["less than is reserved by an attempt in flight", [7], [request()]],
    ["less than a crash has left unsettled", [7, 5], [request(), request(), done({ spent: micros(5) })]],
    ["less than was reserved by what an operator has settled", [7], [request(), done({ settledBy: "ada" })]],
    ["more than an attempt in flight has said that it may", [7], [free]],
    ["what a fork has spent behind what it shares", [4], [
      request(),
      done({ spent: micros(9) }),
      forked,
      request(),
      done({ spent: micros(4) })
    ]]
  ])("fits its journal: %s", (_, really, bodies) => assert.deepStrictEqual(problems(really, bodies), []))

  it.each<[string, ReadonlyArray<number>, ReadonlyArray<Body>, string]>([
    ["an outcome that says too little", [5], [request(), done()], "$0.000005, and its journal says at most nothing"],
    ["the same without a reservation", [5], [free, done()], "$0.000005, and its journal says nothing"],
    [
      "a retried failure that says too much",
      [5],
      [request(), { _tag: "StepFailed", key: "a", attempt: 1, cause: [], retryAt: 9, spent: micros(6) }],
      "that outcomes have cost $0.000006"
    ],
    ["more than was reserved", [11], [request()], "at most $0.00001"],
    [
      "a crash that is forgotten",
      [10, 5],
      [request(), request({ reserved: micros(1) }), done()],
      "at most $0.00001"
    ]
  ])("does not fit it: %s", (_, really, bodies, expected) => {
    const [problem] = problems(really, bodies)
    assert.include(problem, `step "a" of run r has really spent`)
    assert.include(problem, expected)
  })

  it("may be more than the journal says behind a loss of power, and never less", () => {
    assert.deepStrictEqual(problems([20], [request(), done({ spent: micros(5) })], false), [])
    assert.lengthOf(problems([4], [request(), done({ spent: micros(5) })], false), 1)
  })
})
