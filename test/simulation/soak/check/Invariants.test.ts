import { assert, describe, it } from "@effect/vitest"
import { type Deed, type Entry, problemsOf as effectsOf } from "./Effects.ts"
import { Slots } from "./Slots.ts"
import { Commits, type Note, problemsOf as heardOf } from "./Streams.ts"

const requested = (seq: number, onCrash: string, probe = false): Entry => ({
  _tag: "StepRequested",
  seq,
  key: "pay",
  onCrash,
  ...(probe ? { probe } : {})
})
const completed = (seq: number, more: Partial<Entry> = {}): Entry => ({
  _tag: "StepCompleted",
  seq,
  key: "pay",
  ...more
})
const deed = (at: number, life: string, entry: number, idempotencyKey = "key"): Deed => ({
  key: "pay",
  at,
  life,
  entry,
  idempotencyKey
})
const effects = (entries: ReadonlyArray<Entry>, deeds: ReadonlyArray<Deed>) =>
  effectsOf(entries, deeds, () => true, (life) => life === "killed")

describe("what bodies did", () => {
  it("may be done again once its process was killed, where the rule says so", () => {
    const twice = [deed(1, "killed", 2), deed(2, "alive", 5)]
    assert.deepStrictEqual(effects([requested(2, "rerun"), requested(5, "rerun"), completed(6)], twice), [])
    assert.deepStrictEqual(effects([requested(2, "rerun-keyed"), requested(5, "rerun-keyed"), completed(6)], twice), [])
    assert.deepStrictEqual(
      effects([requested(2, "ask"), completed(6, { settledBy: "ann" })], [deed(1, "killed", 2)]),
      []
    )
    assert.deepStrictEqual(effects([requested(2, "ask"), completed(6, { settledBy: "ann" })], []), [])
    assert.deepStrictEqual(
      effects([requested(2, "probe"), requested(5, "probe", true), completed(6, { probed: true })], [
        deed(1, "killed", 2)
      ]),
      []
    )
  })

  it("is wrong where it was done again and nobody had died, or the rule forbids it", () => {
    const twice = [deed(1, "alive", 2), deed(2, "other", 5)]
    const again = (onCrash: string, deeds: ReadonlyArray<Deed>) =>
      effects([requested(2, onCrash), requested(5, onCrash), completed(6)], deeds)
    assert.deepStrictEqual(again("rerun", twice), [
      "pay acted 2 times, and nobody has ended alive, which did so before the last"
    ])
    for (const rule of ["ask", "probe"]) {
      assert.deepStrictEqual(again(rule, [deed(1, "killed", 2), deed(2, "alive", 5)]), [
        `pay acted 2 times, and its rule "${rule}" lets it act once`
      ])
    }
    assert.deepStrictEqual(again("rerun-keyed", [deed(1, "killed", 2, "one"), deed(2, "alive", 5, "two")]), [
      "pay acted under several keys"
    ])
  })

  it("is wrong where the journal does not have it, or has it twice", () => {
    assert.deepStrictEqual(effects([], [deed(1, "alive", 2)]), ["pay acted, and the journal has no request of it"])
    assert.deepStrictEqual(effects([requested(2, "rerun"), completed(3)], []), [
      "pay is completed and has never acted"
    ])
    assert.deepStrictEqual(effects([requested(2, "rerun"), completed(3), completed(4)], [deed(1, "alive", 2)]), [
      "pay has two outcomes"
    ])
    assert.deepStrictEqual(
      effects([requested(2, "rerun"), requested(5, "rerun"), completed(6)], [
        deed(1, "killed", 2),
        deed(2, "alive", 2)
      ]),
      ["pay acted twice for one request"]
    )
    assert.deepStrictEqual(effects([requested(2, "rerun"), completed(3)], [deed(1, "alive", 7)]), [
      "pay acted for what is no request of it"
    ])
    assert.include(
      effects([requested(2, "rerun"), completed(3)], [deed(1, "killed", 2), deed(2, "alive", 2)]),
      "pay acted 2 times, and was asked for 1 times"
    )
  })
})

describe("what schedules fired", () => {
  const firing = (slot: number, missed = 0, outcome = "started") => ({ slot, missed, outcome })

  it("is every slot once and in order, or told as missed", () => {
    const slots = new Slots("s", 10)
    assert.deepStrictEqual(slots.tell([firing(20), firing(10)]).map(({ slot }) => slot), [10, 20])
    assert.deepStrictEqual(slots.tell([firing(60, 2), firing(30), firing(20)]).map(({ slot }) => slot), [30, 60])
    assert.deepStrictEqual(slots.problems, [])
  })

  it("is wrong where a slot came twice, was left out, or came to nothing", () => {
    const slots = new Slots("s", 10)
    slots.tell([firing(10), firing(20), firing(20), firing(40), firing(50, 1), firing(60, 0, "failed")])
    assert.deepStrictEqual(slots.problems, [
      "schedule s has fired slot 20 twice",
      "schedule s has fired slot 40 behind 20, and told of 0 missed",
      "schedule s has fired slot 50 behind 40, and told of 1 missed",
      "schedule s has failed slot 60"
    ])
  })
})

describe("what followers heard", () => {
  const journal = { tags: ["RunRequested", "RunStarted", "RunCompleted"], status: "completed", endedAt: 10_000 }
  const entry = (seq: number): Note => ({ run: "r", seq, tag: journal.tags[seq]! })
  const begins: Note = { run: "r", beganAt: 1_000 }
  const end: Note = { run: "r", end: "completed" }

  it("is all of a journal in order, or its beginning where they were cut off", () => {
    assert.deepStrictEqual(heardOf([begins, entry(0), entry(1), entry(2), end], journal, false), [])
    assert.deepStrictEqual(heardOf([begins, entry(0), entry(1)], journal, true), [])
    assert.deepStrictEqual(heardOf([begins, entry(0), { run: "r", leftAt: 19_000 }], journal, false), [])
    const late: Note = { run: "r", beganAt: 15_000 }
    assert.deepStrictEqual(heardOf([late, { run: "r", leftAt: 24_000 }], journal, false), [])
  })

  it("is wrong with a gap, a double, another entry, an early end, or none", () => {
    const heard = (...notes: ReadonlyArray<Note>) => heardOf([begins, ...notes], journal, false)
    assert.deepStrictEqual(heard(entry(0), entry(2), end), ["its stream told entry 2 where 1 was to come"])
    assert.deepStrictEqual(heard(entry(0), entry(1), entry(1), entry(2), end), [
      "its stream told entry 1 where 2 was to come"
    ])
    assert.deepStrictEqual(heard(entry(0), { run: "r", seq: 1, tag: "TimerSet" }, entry(2), end), [
      "its stream told TimerSet as entry 1, which is RunStarted"
    ])
    assert.deepStrictEqual(heard(entry(0), entry(1), end), ["its stream ended behind 2 of 3 entries"])
    assert.deepStrictEqual(heard(entry(0), entry(1), entry(2)), ["its stream was followed, and has not ended"])
    assert.deepStrictEqual(heard(entry(0), entry(1), { run: "r", leftAt: 21_000 }), [
      "its stream was followed, and has not ended"
    ])
    assert.deepStrictEqual(heard(entry(0), entry(1), entry(2), { run: "r", end: "failed" }), [
      "its stream ended with \"failed\", and it is completed"
    ])
    assert.deepStrictEqual(heard(entry(0), entry(1), entry(2), { run: "r", problem: "reset" }, end), [
      "its stream said \"reset\""
    ])
  })

  it("of all runs at once is every commit of each, in order, whatever stands between them", () => {
    const commits = new Commits()
    commits.tell("r", "05", [0, 1])
    commits.tell("s", "06", [0, 0])
    commits.tell("s", "07", undefined)
    commits.tell("r", "09", [2, 4])
    assert.deepStrictEqual(commits.problems, [])
    assert.strictEqual(commits.told("r"), 5)
    commits.tell("s", "09", [1, 1])
    commits.tell("r", "10", [6, 7])
    assert.deepStrictEqual(commits.problems, [
      "the stream of all runs told position 09 behind 09",
      "the stream of all runs told entries 6 to 7 of run r where 5 was to come"
    ])
  })
})
