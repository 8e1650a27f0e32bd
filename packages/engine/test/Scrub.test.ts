import { assert, describe, it } from "@effect/vitest"
import * as StoredJson from "@fermata/core/StoredJson"
import { Cause, Result } from "effect"
import * as fc from "fast-check"
import { Scrub } from "../src/internal/secrets/Scrub.ts"

const scrubOf = (secrets: Readonly<Record<string, string>>): Scrub => {
  const scrub = new Scrub()
  for (const [name, text] of Object.entries(secrets)) scrub.add(name, text)
  return scrub
}

const base64 = (text: string) => Buffer.from(text).toString("base64")

const nasty = "p@ss/w\"ö\\rd+ &<k>'\n😀"
const secrets = { KEY: "sk-live-4eC39HqLyjWDarjtT1zdp7dc", NASTY: nasty, PIN: "4711", DOTS: "abc...def" }
const scrub = scrubOf(secrets)

describe("what an attempt was told of secrets", () => {
  const cases: ReadonlyArray<readonly [what: string, text: string, left: string]> = [
    ["the text", `key ${secrets.KEY}!`, "key [secret KEY]!"],
    ["a header", `authorization: Bearer ${secrets.KEY}`, "authorization: Bearer [secret KEY]"],
    ["JSON", JSON.stringify({ a: nasty }), "{\"a\":\"[secret NASTY]\"}"],
    ["JSON in JSON in JSON", JSON.stringify(JSON.stringify(nasty)), "\"\\\"[secret NASTY]\\\"\""],
    ["an address", `https://x/?k=${encodeURIComponent(nasty)}&b=1`, "https://x/?k=[secret NASTY]&b=1"],
    ["a form", new URLSearchParams({ k: nasty, b: "1" }).toString(), "k=[secret NASTY]&b=1"],
    ["an address in an address", encodeURIComponent(`?k=${encodeURIComponent(nasty)}`), "%3Fk%3D[secret NASTY]"],
    ["a page", "<b>p@ss/w&quot;ö\\rd+ &amp;&lt;k&gt;&#39;\n😀</b>", "<b>[secret NASTY]</b>"],
    ["base64", `(${base64(secrets.KEY)})`, "([secret KEY])"],
    ["base64 for addresses", `(${Buffer.from(nasty).toString("base64url")})`, "([secret NASTY])"],
    ["a login", `Basic ${base64(`me:${secrets.PIN}`)}`, "Basic [secret PIN]"],
    ["a short text in base64", `pin=${base64(secrets.PIN)};`, "pin=[secret PIN];"],
    ["two of them", `${secrets.PIN}${secrets.KEY}`, "[secret PIN][secret KEY]"],
    [
      "the beginning where it was broken off",
      `it was ${secrets.KEY.slice(0, 6)}… (400 characters)`,
      "it was [secret KEY]… (400 characters)"
    ],
    [
      "the beginning where it was broken off with dots",
      `it was ${secrets.KEY.slice(0, 6)}...`,
      "it was [secret KEY]..."
    ],
    ["the beginning at the end of a text", `it was ${secrets.KEY.slice(0, 9)}`, "it was [secret KEY]"],
    ["what was cut out before", "[secret PIN] and [secret KEY]", "[secret PIN] and [secret KEY]"]
  ]
  for (const [what, text, left] of cases) {
    it(`S15: is cut out of ${what}`, () => assert.strictEqual(scrub.text(text), left))
  }

  it("S15: is cut out of base64 wherever it begins, and what is left does not tell it", () => {
    for (const before of ["", "u", "me", "you", "user:"]) {
      for (const after of ["", "a", "bc", "def"]) {
        for (const secret of Object.values(secrets).filter((secret) => secret.length > 6)) {
          const left = scrub.text(`x ${base64(before + secret + after)} y`)
          assert.match(left, /\[secret (KEY|NASTY|DOTS)\]/, `${before} ${secret} ${after}`)
        }
      }
    }
  })

  it("is not looked for when it is shorter than 4 characters", () => {
    assert.strictEqual(scrubOf({ A: "abc" }).text("abc abc"), "abc abc")
  })

  it("leaves texts that only look like it", () => {
    for (const text of ["47 11", "sk-live", "", "…", "basic things", "Basic abcd", "the end..."]) {
      assert.strictEqual(scrub.text(text), text)
    }
  })

  it("a secret that another begins with, and one that is a word of what is put in its place, do no harm", () => {
    const both = scrubOf({ A: "abcd", B: "abcdefgh", WORD: "secret" })
    assert.strictEqual(both.text("abcdefgh abcd secret"), "[secret B] [secret A] [secret WORD]")
    assert.strictEqual(both.text(both.text("abcdefgh")), "[secret B]")
  })

  it("S17: a text of nothing but backslashes, or of broken off texts, takes no longer than others", () => {
    const own = scrubOf({ A: `-----BEGIN KEY-----\n${"MIIabc+/".repeat(200)}`, B: `${"\\".repeat(30)}x` })
    for (const part of ["\\", "MIIabc+/…", "%25", "[secret "]) {
      const text = `${part.repeat(100_000)}!`
      assert.strictEqual(own.text(text), text)
    }
  })

  it("S15: is cut out of JSON at any depth, of names of members and of numbers, and JSON without it stays the same", () => {
    const value = { a: [{ [`x ${secrets.KEY}`]: [secrets.PIN, 4711, 47] }], b: null }
    assert.deepStrictEqual(scrub.json(value), {
      a: [{ "x [secret KEY]": ["[secret PIN]", "[secret PIN]", 47] }],
      b: null
    })
    const other = { a: [{ b: "c" }] }
    assert.strictEqual(scrub.json(other), other)
    const stored = Result.getOrThrow(StoredJson.of({ a: nasty }))
    assert.strictEqual(scrub.stored(stored).text, "{\"a\":\"[secret NASTY]\"}")
  })

  it("S15: is cut out of errors with their causes, fields and stacks, and of what is no plain data", () => {
    const inner = Object.assign(new Error(`inner ${secrets.KEY}`), { header: `Bearer ${secrets.KEY}` })
    const error = new Error("outer", { cause: new AggregateError([inner]) })
    const text = JSON.stringify([
      Cause.pretty(scrub.cause(Cause.fail(inner))),
      Cause.pretty(scrub.cause(Cause.die(error))),
      scrub.value([new Map([[secrets.PIN, 1]]), new URL(`http://x/${secrets.KEY}`), { deep: [inner] }])
    ])
    for (const secret of [secrets.KEY, secrets.PIN]) assert.notInclude(text, secret)
    assert.include(text, "inner [secret KEY]")
    const circle: { self?: unknown; key: string } = { key: secrets.KEY }
    circle.self = circle
    assert.deepStrictEqual(scrub.value(circle), { key: "[secret KEY]", self: "(the same again)" })
  })

  it("S15: whatever a secret is, none of its forms is left, and other text is", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 4, maxLength: 40 }).filter((text) => new Set(text).size > 3),
        fc.constantFrom<(text: string) => string>(
          (text) => text,
          (text) => JSON.stringify(text),
          (text) => JSON.stringify({ a: JSON.stringify([text]) }),
          encodeURIComponent,
          (text) => new URLSearchParams({ a: text }).toString(),
          (text) => `Bearer ${text}`,
          (text) => `Basic ${base64(`user:${text}`)}`,
          base64
        ),
        (secret, form) => {
          const own = scrubOf({ A: secret })
          const left = own.text(`>> ${form(secret)} <<`)
          assert.include(left, "[secret A]")
          assert.isTrue(left.startsWith(">> ") || secret.includes(">"))
          assert.notInclude(left.replaceAll("[secret A]", ""), secret)
        }
      ),
      { numRuns: 500 }
    )
  })
})
