import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Scrub } from "../src/internal/secrets/Scrub.ts"
import { SecretStream } from "../src/internal/secrets/SecretStream.ts"

const key = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"

const streamOf = (secrets: Readonly<Record<string, string>> = { KEY: key }) => {
  const scrub = new Scrub()
  for (const [name, text] of Object.entries(secrets)) scrub.add(name, text)
  return new SecretStream(scrub)
}

/** What is shown at each push, and at the end. */
const shown = (stream: SecretStream, chunks: ReadonlyArray<unknown>) => [
  ...chunks.map((chunk) => stream.push(chunk)),
  stream.end()
]

const delta = (id: string, text: string) => ({ type: "text-delta", id, delta: text })

describe("secrets in what is said piece by piece", () => {
  it("S15: one that comes in several chunks is cut out of all of them, and what follows is shown at once", () => {
    assert.deepStrictEqual(
      shown(streamOf(), ["the key is ", `it: ${key.slice(0, 3)}`, key.slice(3, 20), `${key.slice(20)}, and`, " more"]),
      [["the key is "], [], [], ["it: [secret KEY]", "", ", and"], [" more"], []]
    )
  })

  it("S15: what only begins like one waits for the next chunk, and is shown with it", () => {
    assert.deepStrictEqual(
      shown(streamOf(), ["as", "k him", "a s", "k-"]),
      [[], ["as", "k him"], [], [], ["a s", "k-"]]
    )
  })

  it("S15: a beginning of 4 characters or more with which it ends, or behind which another speaks, is cut out, and so is what goes on with it", () => {
    assert.deepStrictEqual(
      shown(streamOf(), [
        delta("a", `one ${key.slice(0, 10)}`),
        delta("b", "two"),
        delta("a", `${key.slice(10)} three`),
        delta("b", key.slice(0, 5))
      ]),
      [
        [],
        [delta("a", "one [secret KEY]"), delta("b", "two")],
        [delta("a", " three")],
        [],
        [delta("b", "[secret KEY]")]
      ]
    )
  })

  it("S15: of a beginning of less that was shown, the rest is cut out", () => {
    assert.deepStrictEqual(
      shown(streamOf(), [delta("a", "sk"), delta("b", "two"), delta("a", `${key.slice(2)}.`)]),
      [[], [delta("a", "sk"), delta("b", "two")], [delta("a", "[secret KEY].")], []]
    )
  })

  it("a run of chunks of which each might go on does not wait for ever", () => {
    const stream = streamOf()
    const all = Array.from({ length: 3_000 }, (_, index) => ({ n: index, text: index === 0 ? "s" : "" }))
    const [last, ...before] = shown(stream, all).reverse()
    assert.strictEqual(before.flat().length + last!.length, 3_000)
    assert.isBelow(last!.length, 200)
  })

  it("S15: wherever it is parted, nothing of 4 characters of it is left, and all else is, in its order", () => {
    const part = fc.string({ unit: fc.constantFrom("x", "y", " ", "s", "k"), maxLength: 6 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(part, fc.constantFrom(0, 1, 1)), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(80), { maxLength: 12 }),
        fc.constantFrom<(text: string) => string>(
          (text) => text,
          (text) => JSON.stringify(text).slice(1, -1),
          encodeURIComponent
        ),
        (parts, places, form) => {
          const secret = "k\"9/sk-ü\\4711"
          const whole = parts.map(([before, has]) => before + (has === 1 ? form(secret) : "")).join("") + "."
          const cuts = [0, ...places.filter((place) => place < whole.length).sort((a, b) => a - b), whole.length]
          const chunks = cuts.slice(1).map((end, index) => whole.slice(cuts[index], end))
          const left = shown(streamOf({ A: secret }), chunks).flat().join("")
          const expected = parts.map(([before, has]) => before + (has === 1 ? "[secret A]" : "")).join("") + "."
          assert.strictEqual(left, expected)
        }
      ),
      { numRuns: 1_000 }
    )
  })
})
