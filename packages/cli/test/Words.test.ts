import { assert, describe, it } from "@effect/vitest"
import * as Words from "../src/Words.ts"

describe("Words", () => {
  it("tells lengths of time in their two largest units", () => {
    assert.deepStrictEqual(
      [0, 12.4, 999, 1_000, 61_500, 3_600_000, 90_061_000, 14 * 86_400_000, -5].map(Words.duration),
      ["0 ms", "12 ms", "999 ms", "1.0 s", "1 min 1 s", "1 h", "1 d 1 h", "14 d", "0 ms"]
    )
  })

  it("tells times in UTC, and how far they are", () => {
    assert.strictEqual(Words.time(0), "1970-01-01 00:00:00Z")
    assert.strictEqual(Words.iso(1), "1970-01-01T00:00:00.001Z")
    assert.strictEqual(Words.iso(9e15), "9000000000000000 ms since 1970")
    assert.strictEqual(Words.time(Infinity), "Infinity ms since 1970")
    assert.strictEqual(Words.fromNow(2_000, 1_000), "in 1.0 s")
    assert.strictEqual(Words.fromNow(1_000, 3_000), "2.0 s ago")
  })

  it("counts, lists and measures", () => {
    assert.strictEqual(Words.count(1, "crash", "crashes"), "1 crash")
    assert.strictEqual(Words.count(0, "run"), "0 runs")
    assert.strictEqual(Words.list(["a", "b", "c"]), "a, b and c")
    assert.strictEqual(Words.list([]), "")
    assert.strictEqual(Words.bytes(2_048), "2.0 KiB")
  })
})

describe("Words.shortest", () => {
  it("is enough of ids to tell them apart, and at least eight characters", () => {
    assert.strictEqual(Words.shortest(["0123456789abcdef", "f123456789abcdef"]), 8)
    assert.strictEqual(Words.shortest(["0123456789abcdef", "0123456789fedcba"]), 12)
    assert.strictEqual(Words.shortest(["same", "same"]), 4)
    assert.strictEqual(Words.shortest(["acme~0123456789abcdef", "f123456789abcdef"]), 13)
  })
})
