import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as DayClaims from "../src/DayClaims.ts"
import * as Spent from "../src/Spent.ts"
import * as SpentByDay from "../src/SpentByDay.ts"

const amount = fc.record({ micros: fc.nat(20), tokens: fc.nat(20) }, { requiredKeys: [] })
  .map(({ micros = 0, tokens = 0 }) => Spent.make(micros, tokens))
const day: fc.Arbitrary<number> = fc.constantFrom(1, 2, 3)
const standing = fc.record({
  day,
  micros: fc.nat(9),
  tokens: fc.nat(9),
  reservedMicros: fc.nat(9),
  reservedTokens: fc.nat(9),
  raised: amount
})
const claims = fc.array(fc.record({ day, amount }), { maxLength: 5 })

const booksOf = (rows: ReadonlyArray<SpentByDay.DayStanding>): DayClaims.Books => ({
  standing: (day) => rows.find((row) => row.day === day),
  later: (day) => rows.filter((row) => row.day > day).toSorted((a, b) => a.day - b.day)
})

describe("claims on days", () => {
  it("N-50: are taken in order as long as their day stays within its limit, and one that is not says what day has room", () => {
    fc.assert(fc.property(
      fc.uniqueArray(standing, { selector: (row) => row.day }),
      fc.uniqueArray(standing, { selector: (row) => row.day }),
      claims,
      amount,
      (rows, days, asked, limit) => {
        const books = booksOf(rows)
        const made = asked.map((claim, row) => ({ ...claim, limit, row, otherwise: () => `refused ${row}` }))
        const settled = DayClaims.settle(made.map(({ row }) => `asked ${row}`), { days, claims: made }, books)
        const refusals = new Map(settled.refused.map(({ refusal, row }) => [row, refusal]))
        assert.deepStrictEqual(
          settled.rows,
          made.map(({ row }) => refusals.has(row) ? `refused ${row}` : `asked ${row}`)
        )
        const now = new Map<number, SpentByDay.DayStanding>(rows.map((row) => [row.day, row]))
        const at = (day: number): SpentByDay.DayStanding => now.get(day) ?? SpentByDay.untouched(day)
        const isOver = (held: Spent.Amount, day: number) => Spent.exceeds(held, Spent.raisedBy(limit, at(day).raised))
        for (const change of days) now.set(change.day, SpentByDay.plus(at(change.day), change))
        for (const { amount, day, row } of made) {
          const held = Spent.sum(SpentByDay.heldOf(at(day)), amount)
          const refusal = refusals.get(row)
          assert.strictEqual(refusal !== undefined, isOver(held, day))
          if (refusal === undefined) {
            const { micros = 0, tokens = 0 } = amount
            const reserved = { ...SpentByDay.untouched(day), reservedMicros: micros, reservedTokens: tokens }
            now.set(day, SpentByDay.plus(at(day), reserved))
            continue
          }
          const { next, ...rest } = refusal
          assert.deepStrictEqual(rest, {
            day,
            wanted: amount,
            spent: Spent.make(at(day).micros, at(day).tokens),
            reserved: Spent.make(at(day).reservedMicros, at(day).reservedTokens),
            limit: Spent.raisedBy(limit, at(day).raised)
          })
          const room = (other: number) => {
            const stored = rows.find((row) => row.day === other) ?? SpentByDay.untouched(other)
            const { raised } = stored as SpentByDay.DayStanding
            return !Spent.exceeds(Spent.sum(SpentByDay.heldOf(stored), amount), Spent.raisedBy(limit, raised))
          }
          assert.strictEqual(
            next,
            [day + 1, ...rows.map((row) => row.day).filter((other) => other > day).toSorted()]
              .find(room)
          )
        }
        const sums = new Map<number, SpentByDay.DayStanding>(rows.map((row) => [row.day, row]))
        for (const change of settled.days) {
          sums.set(change.day, SpentByDay.plus(sums.get(change.day) ?? SpentByDay.untouched(change.day), change))
        }
        assert.deepStrictEqual(
          [...sums.values()].toSorted((a, b) => a.day - b.day),
          [...now.values()].toSorted((a, b) => a.day - b.day)
        )
        assert.strictEqual(new Set(settled.days.map(({ day }) => day)).size, settled.days.length)
      }
    ))
  })
})
