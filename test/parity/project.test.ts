import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import config from "../../vitest.workspace.ts"
import { publish, release, root, stepsOf, texts, workflow } from "./Workflows.ts"

describe("releases", () => {
  it("M-05: a release is published from CI with provenance, for everybody, and under the MIT licence", () => {
    assert.match(publish, /^node scripts\/release\.ts .*-- --provenance$/)
    assert.include(readFileSync(join(root, "scripts", "release.ts"), "utf8"), `"--access", "public"`)
    assert.deepStrictEqual(release.jobs["release"]?.permissions, { contents: "write", "id-token": "write" })
    assert.deepStrictEqual(release.permissions, { contents: "read" })
    assert.strictEqual(release.jobs["release"]?.if, "needs.decide.outputs.release == 'true'")
    const tokens = stepsOf(release).flatMap(({ env }) => Object.values(env ?? {})).filter((value) =>
      /secrets/.test(value)
    )
    assert.deepStrictEqual(tokens, ["${{ secrets.NPM_TOKEN }}"])
    const manifests = ["", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/`)]
      .map((place) => join(root, place, "package.json")).filter(existsSync)
    assert.isAbove(manifests.length, 4)
    for (const file of manifests) {
      assert.strictEqual((JSON.parse(readFileSync(file, "utf8")) as { license?: string }).license, "MIT", file)
    }
    assert.match(readFileSync(join(root, "LICENSE"), "utf8"), /^MIT License/)
  })

  it("M-05: every action of every workflow is pinned to a commit, and its version is named", () => {
    assert.sameMembers([...texts.keys()], ["ci.yml", "release.yml"])
    for (const [name, text] of texts) {
      const uses = text.split("\n").filter((line) => /^\s*-? ?uses:/.test(line))
      assert.isNotEmpty(uses)
      for (const line of uses) assert.match(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
      assert.deepStrictEqual(workflow(name).permissions, { contents: "read" }, name)
    }
  })
})

describe("the pages of the project", () => {
  const page = (name: string) => readFileSync(join(root, ".github", name), "utf8")

  it("R-105: the repository has a contributing guide, a code of conduct and a security policy, which know each other", () => {
    const guide = page("CONTRIBUTING.md")
    for (const other of ["../AGENTS.md", "CODE_OF_CONDUCT.md", "SECURITY.md", "workflows/release.yml"]) {
      assert.include(guide, `](${other})`)
    }
    assert.match(page("SECURITY.md"), /## How to report a vulnerability\n\n.*\*\*Report a vulnerability\*\*/)
    assert.match(page("CODE_OF_CONDUCT.md"), /## What we do not accept\n/)
  })
})

describe("the scripts of the project", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  const ci = readFileSync(join(root, ".ci", "run"), "utf8")

  it("M-215: build, test, test:watch, test:coverage, typecheck, lint and ci are there, and ci runs lint, types and tests with their coverage", () => {
    const names = ["build", "test", "test:watch", "test:coverage", "test:e2e", "typecheck", "lint", "ci"]
    assert.includeMembers(Object.keys(scripts), names)
    assert.deepStrictEqual(
      scripts["ci"]!.split(" && "),
      ["lint", "typecheck", "test:coverage"].map((name) => `npm run -s ${name}`)
    )
    // Each is a file of this repository or a program of its dependencies.
    const parts = names.flatMap((name) => scripts[name]!.split(" && "))
    for (const [program, first] of parts.map((part) => part.split(" "))) {
      const file = program === "node" ? first! : `node_modules/.bin/${program}`
      assert.isTrue(program === "npm" || existsSync(join(root, file)), `${program} ${first}`)
    }
  })

  it("M-217: CI runs the tests once, and counts what they reach; at least 81 % of lines, 85 % of branches and 91 % of functions", () => {
    assert.lengthOf(ci.match(/^\s+npm (?:test|run test:coverage)\b/gm) ?? [], 1)
    assert.match(ci, /^\s+npm test -- --coverage /m)
    const { thresholds } = config.test?.coverage ?? {}
    const least = { lines: 81, branches: 85, functions: 91 }
    for (const [what, percent] of Object.entries(least)) {
      assert.isAtLeast(thresholds?.[what as keyof typeof least] ?? 0, percent, what)
    }
  })

  it("M-215: what the README names as the whole proof is what CI runs", () => {
    for (const script of ["npm test", "npm run test:e2e", "npm run check", "npm run pack"]) assert.include(ci, script)
    for (const script of Object.values(scripts).filter((script) => script.startsWith("vitest"))) {
      assert.include(script, "--config vitest.workspace.ts")
    }
    assert.strictEqual(scripts["test:coverage"], `${scripts["test"]} --coverage`)
    assert.strictEqual(scripts["test:watch"], scripts["test"]!.replace("vitest run", "vitest"))
  })
})
