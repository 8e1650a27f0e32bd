import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Position from "../src/Position.ts"

const read = (text: string) => Result.getOrThrow(Position.parseCursor(text))
const next = (cursor: string, seq: number) => Position.nextChunk(read(cursor), seq)

describe("Position", () => {
  it("is read from its text and printed as it", () => {
    assert.deepStrictEqual(Result.getOrThrow(Position.parse("17")), { seq: 17 })
    assert.deepStrictEqual(Result.getOrThrow(Position.parse("17.4")), { seq: 17, chunk: 4 })
    for (const text of ["0", "0.0", "17", "17.4", "123456789012345.0"]) {
      assert.strictEqual(Position.print(Result.getOrThrow(Position.parse(text))), text)
    }
  })

  it("a text that is none is an error that says what would be right", () => {
    for (const text of ["", "a", "17.", ".4", "17.4.2", "-1", "17,4,", "1e3", " 17", "17.4\n", "1".repeat(16)]) {
      const parsed = Position.parse(text)
      assert.isTrue(Result.isFailure(parsed), text)
    }
    for (const text of ["17,", "19.0,17.4", "17.4,17.5", "17,17.4", "17;18"]) {
      assert.isTrue(Result.isFailure(Position.parseCursor(text)), text)
    }
    const failure = Result.getOrUndefined(Result.flip(Position.parse("17.")))
    assert.strictEqual(
      failure?.message,
      `"17." is no position: give the number of an entry, such as 17, that of a chunk of the step which it requested, such as 17.4, or several with commas between, the lowest first`
    )
    const long = Result.getOrUndefined(Result.flip(Position.parse("x".repeat(1_000))))
    assert.isBelow(long!.message.length, 300)
  })

  it("entries stand before the chunks of their steps, and these before the next entry", () => {
    const ordered = ["0", "3", "3.0", "3.9", "3.10", "4", "10", "10.0"]
    const positions = ordered.map((text) => Result.getOrThrow(Position.parse(text)))
    assert.deepStrictEqual(positions.toReversed().sort(Position.compare).map(Position.print), ordered)
    assert.strictEqual(Position.compare(positions[2]!, { seq: 3, chunk: 0 }), 0)
  })
})

describe("a cursor", () => {
  it("is read from its text and printed as it", () => {
    for (const text of ["17", "17.4", "17.4,19.0,21"]) assert.strictEqual(Position.printCursor(read(text)), text)
  })

  it("of one position has seen all chunks up to it and none behind it", () => {
    assert.deepStrictEqual([1, 16, 17, 18].map((seq) => next("17.4", seq)), [Infinity, Infinity, 5, 0])
    assert.strictEqual(next("17", 17), 0)
    assert.strictEqual(Position.nextChunk(Position.start, 1), 0)
    assert.strictEqual(Position.nextChunk([], 0), 0)
  })

  it("of several has seen of each step what it says, and all before the first", () => {
    assert.deepStrictEqual([16, 17, 18, 19, 20, 21, 22].map((seq) => next("17.4,19.0,21", seq)), [
      Infinity,
      5,
      0,
      1,
      0,
      0,
      0
    ])
  })

  it("goes on with what was seen, keeps the steps that may still speak and loses the others", () => {
    const open = new Set([5, 6])
    let cursor = Position.start
    const texts = (["1", "5", "6", "6.0", "5.0", "6.1", "7"] as const).map((text) => {
      cursor = Position.advance(cursor, Result.getOrThrow(Position.parse(text)), (seq) => open.has(seq))
      return Position.printCursor(cursor)
    })
    assert.deepStrictEqual(texts, ["1", "5", "5,6", "5,6.0", "5.0,6.0", "5.0,6.1", "5.0,6.1,7"])
    open.delete(6)
    cursor = Position.advance(cursor, { seq: 8 }, (seq) => open.has(seq))
    assert.strictEqual(Position.printCursor(cursor), "5.0,8")
    open.delete(5)
    assert.strictEqual(Position.printCursor(Position.advance(cursor, { seq: 9 }, (seq) => open.has(seq))), "9")
  })

  it("of a reader that does not know which steps speak keeps a place in each, and never goes back", () => {
    const seen = Position.advance(Position.advance(Position.start, { seq: 6, chunk: 3 }), { seq: 5, chunk: 0 })
    assert.strictEqual(Position.printCursor(seen), "0,5.0,6.3")
    assert.strictEqual(Position.printCursor(Position.advance(seen, { seq: 6, chunk: 1 })), "0,5.0,6.3")
    assert.strictEqual(Position.printCursor(Position.advance(seen, { seq: 6 })), "0,5.0,6.3")
  })
})
