import { assert, describe, it } from "@effect/vitest"
import { type JournalEntry, RunView, SpendingSum, Spent, SpentByDay } from "@fermata/core"
import * as fc from "fast-check"

type Body = JournalEntry.EntryBody

const day = 86_400_000
const micros = (amount: number) => ({ micros: amount })
const request = (key: string, reserved?: number, more: Partial<JournalEntry.EntryOf<"StepRequested">> = {}): Body => ({
  _tag: "StepRequested",
  key,
  name: key,
  attempt: 1,
  onCrash: "rerun",
  ...(reserved === undefined ? {} : { reserved: micros(reserved) }),
  ...more
})
const outcome = (key: string, spent?: number, more: Partial<JournalEntry.EntryOf<"StepFailed">> = {}): Body => ({
  _tag: "StepFailed",
  key,
  attempt: 1,
  cause: [],
  ...(spent === undefined ? {} : { spent: micros(spent) }),
  ...more
})
const done: Body = { _tag: "RunCompleted" }
const forked: Body = { _tag: "RunForked", from: "o", step: "a", fromSeq: 1, seed: "s" }

const journal = (bodies: ReadonlyArray<readonly [at: number, body: Body]>) =>
  bodies.map(([at, body], seq) => Object.assign({ seq, at, epoch: 1 }, body) as JournalEntry.JournalEntry)

/** The sums of days of a journal, with those of no change left out. */
const days = (bodies: ReadonlyArray<readonly [at: number, body: Body]>) =>
  (SpentByDay.after(SpentByDay.nothing, journal(bodies))?.days ?? [])
    .map(({ day, micros, reservedMicros }) => [day, micros, reservedMicros])

describe("the text of a day", () => {
  it("is read back as that day, and what is no day of the calendar is none", () => {
    for (const day of [-1, 0, 59, 20_787]) assert.strictEqual(SpentByDay.read(SpentByDay.textOf(day)), day)
    for (const text of ["", "2026-02-30", "2026-13-01", "2026-1-1", "2026-01-01T00:00", "today"]) {
      assert.isUndefined(SpentByDay.read(text), text)
    }
  })
})

describe("what a run has spent on which day", () => {
  it.each<[string, ReadonlyArray<readonly [number, Body]>, ReadonlyArray<ReadonlyArray<number>>]>([
    ["a call counts on the day on which it was asked for", [[day - 1, request("a", 9)], [day, outcome("a", 4)]], [[
      0,
      4,
      0
    ]]],
    ["in flight it is reserved", [[day, request("a", 9)]], [[1, 0, 9]]],
    ["what nobody reserved counts when it is told", [[day - 1, request("a")], [day, outcome("a", 4)]], [[1, 4, 0]]],
    ["cut short by a crash, what it had reserved is spent on its day", [
      [0, request("a", 9)],
      [day, request("a", 8, { recovery: 1 })]
    ], [[0, 9, 0], [1, 0, 8]]],
    ["a probe reserves nothing", [[0, request("a", 9, { probe: true })]], []],
    ["what an operator says tells nothing of its cost", [[0, request("a", 9)], [
      day,
      outcome("a", undefined, {
        settledBy: "ada"
      })
    ]], [[0, 9, 0]]],
    ["in flight at the end of its run it is spent", [[0, request("a", 9)], [day, done]], [[0, 9, 0]]],
    ["that a call cost nothing gives back what it had reserved", [[0, request("a", 9)], [day, outcome("a")]], []],
    ["a fork counts from where it begins", [[0, request("a", 9)], [1, forked], [day, request("a", 7)]], [[1, 0, 7]]]
  ])("%s", (_, bodies, expected) => assert.deepStrictEqual(days(bodies), expected))

  it("what is told without money changes nothing", () => {
    assert.isUndefined(SpentByDay.after(SpentByDay.nothing, journal([[0, request("a")], [0, outcome("a")], [0, done]])))
  })

  it("however a journal is cut into commits, all changes together are what its view has spent and reserved", () => {
    const key = fc.constantFrom("a", "b")
    const amount = fc.option(fc.nat(9), { nil: undefined })
    const body = fc.oneof(
      fc.tuple(key, amount).map(([key, amount]) => request(key, amount)),
      fc.tuple(key, amount, fc.boolean()).map(([key, amount, settled]) =>
        outcome(key, settled ? undefined : amount, settled ? { settledBy: "ada" } : {})
      ),
      { weight: 1, arbitrary: fc.constant(forked) }
    )
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.nat(3).map((days) => days * day), body, fc.boolean()), { maxLength: 20 }),
      fc.boolean(),
      (items, ends) => {
        const requested = new Set<string>()
        // An outcome is of a step that was asked for.
        const sound = items.filter(([, body]) => {
          if (body._tag === "StepRequested") requested.add(body.key)
          return body._tag !== "StepFailed" || requested.has(body.key)
        })
        const entries = journal([
          ...sound.map(([at, body]) => [at, body] as const),
          ...(ends ? [[3 * day, done] as const] : [])
        ])
        let tally = SpentByDay.nothing
        let commit: Array<JournalEntry.JournalEntry> = []
        const sums = new Map<number, Array<number>>()
        const write = () => {
          const change = SpentByDay.after(tally, commit)
          commit = []
          for (const { day, micros, reservedMicros } of change?.days ?? []) {
            const [spent = 0, reserved = 0] = sums.get(day) ?? []
            sums.set(day, [spent + micros, reserved + reservedMicros])
          }
          tally = change?.tally ?? tally
        }
        for (const [index, entry] of entries.entries()) {
          // What a fork shares is not written by it.
          if (entry._tag === "RunForked") {
            commit = []
            tally = SpentByDay.of(entries.slice(0, index + 1))
            sums.clear()
            continue
          }
          commit.push(entry)
          if (sound[index]?.[2] !== false) write()
        }
        write()
        const { steps } = RunView.of("r", entries)
        const own = Spent.sumAll(steps.flatMap(({ spent = {}, unsettled = {} }) => [spent, unsettled]))
        const open = Spent.sumAll(steps.map(({ reserved = {} }) => reserved))
        const total = (at: number) => [...sums.values()].reduce((all, sum) => all + sum[at]!, 0)
        assert.deepStrictEqual([total(0), total(1)], [own.micros ?? 0, open.micros ?? 0])
        assert.deepStrictEqual(tally.spent.micros ?? 0, own.micros ?? 0)
        assert.deepStrictEqual(SpentByDay.of(entries), tally)
      }
    ))
  })
})

describe("sums", () => {
  const rows = [
    { workflow: "a", day: 20_787, micros: 1, tokens: 0, reservedMicros: 5, reservedTokens: 0 },
    { workflow: "a", day: 20_788, micros: 2, tokens: 7, reservedMicros: 0, reservedTokens: 0 },
    { workflow: "b", day: 20_787, micros: 4, tokens: 0, reservedMicros: 0, reservedTokens: 3 }
  ]

  it("are by workflow and day, by one of them, or of everything", () => {
    assert.deepStrictEqual(SpendingSum.of(rows)[1], {
      workflow: "a",
      day: "2026-12-01",
      spent: { micros: 2, tokens: 7 },
      reserved: {}
    })
    assert.deepStrictEqual(SpendingSum.of(rows, ["day"]), [
      { day: "2026-11-30", spent: { micros: 5 }, reserved: { micros: 5, tokens: 3 } },
      { day: "2026-12-01", spent: { micros: 2, tokens: 7 }, reserved: {} }
    ])
    assert.deepStrictEqual(SpendingSum.of(rows, ["workflow"]).map(({ spent, workflow }) => [workflow, spent]), [
      ["a", { micros: 3, tokens: 7 }],
      ["b", { micros: 4 }]
    ])
    assert.deepStrictEqual(SpendingSum.of(rows, []), [{
      spent: { micros: 7, tokens: 7 },
      reserved: { micros: 5, tokens: 3 }
    }])
  })
})
