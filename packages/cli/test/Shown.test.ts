import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { readdirSync, readFileSync } from "node:fs"
import { vi } from "vitest"
import { lineOf } from "../src/Output.ts"
import { shown, shownJson } from "../src/Shown.ts"

/** Texts that forge lines, or hide or turn what stands in them, with what is shown. */
const nasty: ReadonlyArray<readonly [text: string, shown: string]> = [
  ["Bob\n  ✓ a  approved by ceo", "Bob\\n  ✓ a  approved by ceo"],
  ["a\r\nb\tc", "a\\r\\nb\\tc"],
  ["\u001b[2K\u001b[1Aapproved", "\\u001b[2K\\u001b[1Aapproved"],
  ["\u001b]8;;http://evil\u0007here", "\\u001b]8;;http://evil\\u0007here"],
  ["\u009b31m", "\\u009b31m"],
  ["pay \u202e1000\u202c", "pay \\u202e1000\\u202c"],
  ["\u2066a\u2069\u200e\u200f\u061c", "\\u2066a\\u2069\\u200e\\u200f\\u061c"],
  ["a\u2028b\u2029c\u0085d", "a\\u2028b\\u2029c\\u0085d"],
  ["ad\u200bmin\ufeff\u2060\u00ad\u180e", "ad\\u200bmin\\ufeff\\u2060\\u00ad\\u180e"],
  ["a\u200cb\u200dc", "a\\u200cb\\u200dc"],
  ["x\ufe0fy\u{e0100}", "x\\ufe0fy\\udb40\\udd00"],
  ["\u{e0061}\u{e0062}", "\\udb40\\udc61\\udb40\\udc62"],
  ["\u3164\u115f", "\\u3164\\u115f"],
  ["cut \ud83d", "cut \\ud83d"],
  ["\u0000\u0007\u0008\u007f", "\\u0000\\u0007\\u0008\\u007f"]
]

describe("what lines show of data", () => {
  it("controls, ends of lines, changes of direction and what nobody sees are escapes", () => {
    for (const [text, expected] of nasty) {
      assert.strictEqual(shown(text), expected)
      assert.strictEqual(lineOf(text), expected)
      assert.strictEqual(shown(expected), expected, "what is shown is shown as it is")
    }
  })

  it("what people write in their scripts stays as it is", () => {
    for (
      const text of [
        "Müller, naïve",
        "日本語 葛\u{e0100}",
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d👩\u200d👧 ❤\ufe0f 👍🏽 1\ufe0f\u20e3 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "שלום",
        "C:\\new\\table"
      ]
    ) {
      assert.strictEqual(shown(text), text)
    }
  })

  it("a line is one line, whatever is in it, and has no escape sequences but the command's own", async () => {
    vi.stubEnv("FORCE_COLOR", "1")
    vi.stubEnv("NO_COLOR", "")
    vi.resetModules()
    const { lineOf, out } = await import("../src/Output.ts")
    vi.unstubAllEnvs()
    // The files that follow in this worker get a module of their own, without colours.
    vi.resetModules()
    assert.strictEqual(lineOf(`a ${out.red("b\u001b[32m")} c`), "a \u001b[31mb\\u001b[32m\u001b[39m c")
    const text = fc.array(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.constantFrom(...nasty.map(([text]) => text), "\u001b[31m", "\u001b[39m")
      ),
      { maxLength: 4 }
    )
    fc.assert(fc.property(text, (parts) => {
      const line = lineOf(parts.map((part) => out.red(part)).join(parts.join("")))
      assert.lengthOf(line.split("\u001b[31m"), parts.length + 1)
      assert.lengthOf(line.split("\u001b[39m"), parts.length + 1)
      // oxlint-disable-next-line no-control-regex
      const uncoloured = line.replaceAll(/\u001b\[(?:31|39)m/g, "")
      // oxlint-disable-next-line no-control-regex
      assert.notMatch(uncoloured, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b]/)
      assert.isTrue(line.isWellFormed())
    }))
  })

  it("JSON with escapes is the JSON of the same value", () => {
    fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(...nasty.map(([text]) => text)), (value, text) => {
      for (const json of [JSON.stringify([value, text]), JSON.stringify({ [text]: value }, undefined, 2)]) {
        assert.deepStrictEqual(JSON.parse(shownJson(json)), JSON.parse(json))
        assert.notMatch(shownJson(json), /[\u2028\u202e\u200b]/)
      }
    }))
  })

  it("nothing of the command writes to a terminal but Output", () => {
    const root = new URL("../src/", import.meta.url)
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
    const writing = files.filter((file) =>
      /\bstd(?:out|err)\s*\.\s*(?:write|end|_write)\b(?!\("", )|\bconsole\s*\.|writeSync|\bSink\.|Console\.(?:log|error)/
        .test(readFileSync(new URL(file, root), "utf8"))
    )
    assert.deepStrictEqual(
      writing.sort(),
      ["Output.ts", "bin.ts", "internal/ParserServices.ts", "mcp/Serving.ts"],
      "what serves MCP over stdout takes it for the protocol"
    )
    const unescaped = files.filter((file) =>
      file !== "Output.ts" &&
      /\bwrite\(/.test(
        readFileSync(new URL(file, root), "utf8").replaceAll(/\b(?:process\.stdout|backend)\.write/g, "")
      )
    )
    assert.deepStrictEqual(
      unescaped.sort(),
      ["Main.ts", "bin.ts", "commands/Export.ts", "commands/runs/Artifact.ts", "mcp/Serving.ts"],
      "help, versions, completions, the messages of MCP and, into a pipe, exports and the bytes of artifacts alone are written as they are"
    )
  })
})
