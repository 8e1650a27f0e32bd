import { assert, describe, it } from "@effect/vitest"
import { split } from "../src/Completion.ts"
import { type Command, type Option, placeOf } from "../src/internal/CommandLine.ts"

const option = (name: string, _tag: "String" | "Boolean", ...aliases: ReadonlyArray<string>): Option => ({
  name,
  aliases,
  description: undefined,
  type: { _tag }
})
const command = (name: string, ...subcommands: ReadonlyArray<Command>): Command => ({
  name,
  description: undefined,
  flags: name === "ls" ? [option("limit", "String")] : [],
  arguments: [],
  subcommands
})
const root = command("fermata", command("runs", command("ls"), command("show")), command("doctor"))
const place = (...words: ReadonlyArray<string>) =>
  placeOf(root, [option("db", "String"), option("help", "Boolean", "h")], words)

describe("CommandLine", () => {
  it("finds the command among options and their values", () => {
    assert.deepInclude(place("--db", "runs", "runs", "-h", "show", "ls"), { path: ["runs", "show"], operands: ["ls"] })
    assert.deepStrictEqual([...place("--db=x", "runs", "-h").options], [["db", "x"], ["help", ""]])
  })

  it("keeps what is no command", () => {
    assert.deepInclude(place("runs", "lss", "ls"), { path: ["runs"], operands: ["lss", "ls"] })
    assert.deepStrictEqual(place("runs", "show", "--", "--db").operands, ["--db"])
  })

  it("knows the option whose value comes next", () => {
    assert.strictEqual(place("runs", "ls", "--limit").wants?.name, "limit")
    assert.strictEqual(place("runs", "ls", "--limit", "5").wants, undefined)
    assert.strictEqual(place("runs", "--help").wants, undefined)
  })

  it("splits a line like a shell", () => {
    assert.deepStrictEqual(split("fermata run 'a b' \"c\\\"d\" e\\ f "), ["fermata", "run", "a b", "c\"d", "e f", ""])
  })
})
