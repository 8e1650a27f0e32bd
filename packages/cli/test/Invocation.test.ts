import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterAll } from "vitest"
import { calledAs, fermata, quoted, repeat } from "../src/Invocation.ts"

const folder = mkdtempSync(join(tmpdir(), "fermata-called-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const make = (...path: ReadonlyArray<string>): string => {
  const made = join(folder, ...path)
  mkdirSync(made, { recursive: true })
  return made
}

/** A machine with the command in a project, in a folder of programs, and a Node. */
const project = make("my project")
const programs = make("programs")
const file = join(make("package"), "bin.js")
writeFileSync(file, "")
symlinkSync(file, join(make("my project", "node_modules", ".bin"), "fermata"))
symlinkSync(file, join(programs, "fermata"))
const node = join(make("node"), "node")
writeFileSync(node, "")
const deep = make("my project", "a", "b")
const elsewhere = make("elsewhere")

const called = (cwd: string, env: Readonly<Record<string, string>> = {}) => calledAs({ cwd, env, file, node })

describe("Invocation", () => {
  it("is what a person types to call the command that printed it", () => {
    const npm = {
      npm_command: "exec",
      npm_config_user_agent: "npm/11.0.0 node/v24",
      PATH: join(project, "node_modules", ".bin")
    }
    assert.strictEqual(called(project, npm), "npx fermata", "by npx in a project that has it")
    assert.strictEqual(
      called(elsewhere, npm),
      "npx --package @fermata/cli fermata",
      "by npx alone: the bare name belongs to somebody else"
    )
    assert.strictEqual(
      called(deep, { ...npm, npm_command: "run-script" }),
      "npx fermata",
      "by a script of package.json, whose path a terminal does not have"
    )
    assert.strictEqual(called(deep, { npm_command: "exec", npm_config_user_agent: "pnpm/10.0.0" }), "pnpm exec fermata")
    assert.strictEqual(called(deep, { npm_config_user_agent: "yarn/4.0.0" }), "yarn fermata")
    assert.strictEqual(
      called(elsewhere, { PATH: [elsewhere, programs].join(delimiter) }),
      "fermata",
      "where a shell finds it"
    )
    assert.strictEqual(called(elsewhere, { PATH: join(folder, "node") }), `node ${file}`, "by its file")
    assert.strictEqual(called(elsewhere, {}), `${node} ${file}`, "with a Node that the shell does not find")
  })

  it("is not the program of somebody else that has the name", () => {
    const other = make("other")
    writeFileSync(join(other, "fermata"), "")
    assert.strictEqual(called(deep, { PATH: other }), "npx fermata")
    assert.strictEqual(called(elsewhere, { PATH: other }), `${node} ${file}`)
  })

  it("quotes what a shell would take apart", () => {
    assert.strictEqual(quoted("it's $HOME"), "'it'\\''s $HOME'")
    assert.strictEqual(quoted("a/b-1.2@x"), "a/b-1.2@x")
    assert.strictEqual(quoted(""), "''")
  })

  it("puts what begins with a dash where it is not taken for an option, and repeats options before it", () => {
    const prefix = `${fermata("")} `
    const made = (...args: Parameters<typeof fermata>) => fermata(...args).replace(prefix, "")
    assert.strictEqual(made("signal", ["r", "go"], [["data", "-5"], ["no-wait"]]), "signal r go --data=-5 --no-wait")
    assert.strictEqual(made("signal", ["r", "-go"], [["as", "it's"]]), "signal --as 'it'\\''s' -- r -go")
    repeat([["db", "-a b.db"]])
    assert.strictEqual(made("signal", ["r", "-go"]), "signal '--db=-a b.db' -- r -go")
    assert.strictEqual(made("runs ls"), "runs ls '--db=-a b.db'")
    repeat([])
  })
})
