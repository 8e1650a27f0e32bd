import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as LinearRegExp from "../src/LinearRegExp.ts"

const plain = { ignoreCase: false, multiline: false }
const free = (): void => undefined

describe("LinearRegExp", () => {
  it("has the classes and the line ends of JavaScript", () => {
    const between = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, place) => from + place)
    const codes = [[0, 0x100], [0x167e, 0x1682], [0x1ffe, 0x2070], [0x2ffe, 0x3002], [0xfefd, 0xff00]].flatMap((
      [from, to]
    ) => between(from!, to!))
    const flags = { ignoreCase: false, multiline: true }
    for (
      const source of [
        "\\d",
        "\\D",
        "\\w",
        "\\W",
        "\\s",
        "\\S",
        ".",
        "^y",
        "x$",
        "\\by",
        "\\By",
        "[\\s_]",
        "[^\\d]",
        "\\t|\\n|\\v|\\f|\\r|\\0"
      ]
    ) {
      const compiled = LinearRegExp.compile(source, flags)
      const expected = new RegExp(source, "m")
      for (const code of codes) {
        const text = /[xy]/.test(source) ? `x${String.fromCharCode(code)}y` : String.fromCharCode(code)
        assert.strictEqual(
          compiled.exec(text, 0, free) !== undefined,
          expected.test(text),
          `${source} on ${code.toString(16)}`
        )
      }
    }
  })

  it("finds what JavaScript finds: the same match, the same groups", () => {
    const atom = fc.constantFrom(
      "a",
      "b",
      "c",
      ".",
      "\\d",
      "\\w",
      "[ab]",
      "[^a]",
      "\\b",
      "^",
      "$",
      "1",
      "[a-c1]",
      "\\s"
    )
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 4 },
        atom,
        fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => a + b),
        fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `(?:${a}|${b})`),
        tie("pattern").map((a) => `(${a})`),
        fc.tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}")).map((
          [a, q]
        ) => `(?:${a})${q}`)
      )
    }))
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "A", "1", " ", "\n"), maxLength: 12 })
    let compared = 0
    fc.assert(
      fc.property(pattern, text, fc.boolean(), fc.boolean(), (source, text, ignoreCase, multiline) => {
        let compiled: LinearRegExp.LinearRegExp
        try {
          compiled = LinearRegExp.compile(source, { ignoreCase, multiline })
        } catch (error) {
          assert.instanceOf(error, LinearRegExp.UnsupportedPattern)
          return
        }
        compared++
        const expected = new RegExp(source, `${ignoreCase ? "i" : ""}${multiline ? "m" : ""}`).exec(text)
        const found = compiled.exec(text, 0, free)
        assert.deepStrictEqual(
          found === undefined ? null : [found.index, found.text, ...found.groups],
          expected === null ? null : [expected.index, ...expected]
        )
      }),
      { numRuns: 3000 }
    )
    assert.isAbove(compared, 1000)
  })

  it("takes work in proportion to the text for a pattern that makes backtracking explode", () => {
    const work = (length: number): number => {
      let total = 0
      LinearRegExp.compile("(a+)+(b|a)*c", plain).exec("a".repeat(length), 0, (n) => {
        total += n
      })
      return total
    }
    const ratio = (work(4000) - work(2000)) / (work(2000) - work(1000))
    assert.approximately(ratio, 2, 0.1)
  })

  it.each([
    ["(a)\\1", "backreference"],
    ["a(?=b)", "lookahead"],
    ["(?<!a)b", "lookbehind"],
    ["(a*)*", "can be empty"],
    ["(?:a{3000}){3000}", "instructions"]
  ])("refuses %s and says why", (source, why) => {
    assert.throws(() => LinearRegExp.compile(source, plain), why)
  })
})
