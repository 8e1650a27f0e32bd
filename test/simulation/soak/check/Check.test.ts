import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { check } from "./Check.ts"
import { type Line, read } from "./History.ts"

const target = { kind: "start", object: "k" }
const call = (op: number, at: number, input: string): Line => ({
  op,
  at,
  client: "ann",
  target,
  call: { do: "start", input }
})
const answer = (op: number, at: number, joined: boolean, otherInput = false): Line => ({
  op,
  at,
  answer: { run: "r", joined, otherInput }
})
const file = (name: string, lines: ReadonlyArray<Line>, rest = "") => ({
  name,
  text: lines.map((line) => `${JSON.stringify(line)}\n`).join("") + rest
})

describe("histories of several files", () => {
  it("are one, parted by object; what has no answer is unknown, and what was refused before anything was done is nothing", () => {
    const parts = read([
      file("one", [call(1, 10, "a"), call(2, 30, "a"), answer(1, 20, false), { op: 2, at: 40, unknown: "ECONNRESET" }]),
      file("two", [call(1, 12, "b"), { op: 1, at: 13, nothing: "429" }, call(2, 15, "b")], "{\"op\":2,\"at\":1")
    ])
    assert.deepStrictEqual(parts.map(({ operations }) => operations.map(({ answer, call }) => [call, answer?.at])), [
      [[10, 20], [15, undefined], [30, undefined]]
    ])
    assert.deepStrictEqual(check(parts), {
      objects: 1,
      operations: 3,
      unknown: 2,
      kinds: { start: 3 },
      problems: []
    })
  })

  it("that are damaged are told by file and line", () => {
    assert.throws(() => read([{ name: "one", text: "{}x\n" }]), /^one:1: no line of a history/)
    assert.throws(() => read([file("two", [answer(7, 20, false)])]), /^two:1: an answer to nothing/)
  })

  it("that nothing explains are shown whole, with what has no place", () => {
    const { problems } = check(read([
      file("one", [call(1, 10e6, "a"), answer(1, 20e6, false), call(2, 30e6, "a"), answer(2, 40e6, false)])
    ]))
    assert.deepStrictEqual(problems, [
      [
        "start k: no order explains all answers; none has a place for",
        "  20.000–30.000 ann {\"do\":\"start\",\"input\":\"a\"} → {\"run\":\"r\",\"joined\":false,\"otherInput\":false}",
        "of",
        "     1  0.000–10.000 ann {\"do\":\"start\",\"input\":\"a\"} → {\"run\":\"r\",\"joined\":false,\"otherInput\":false}",
        "     !  20.000–30.000 ann {\"do\":\"start\",\"input\":\"a\"} → {\"run\":\"r\",\"joined\":false,\"otherInput\":false}"
      ].join("\n")
    ])
  })

  it("of objects without a model are refused", () => {
    const other = { ...call(1, 10, "a"), target: { kind: "spell", object: "k" } }
    assert.throws(() => check(read([file("one", [other])])), /no model of "spell"/)
  })
})

describe("the checker", () => {
  it("shares no code with what it checks", () => {
    const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    assert.isAbove(files.length, 8)
    for (const name of files) {
      const imports = readFileSync(join(import.meta.dirname, name), "utf8").matchAll(/from "([^"]+)"/g)
      for (const [, from] of imports) assert.match(from!, /^(\.\.?\/|node:|fast-check$)/, name)
    }
  })
})
