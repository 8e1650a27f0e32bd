/** The root of the repository stays short: what is there is what the layout asks for, or has a reason to be there. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { probe } from "../../scratchpad/probe.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** The layout that the project was given. */
const layout = [
  "packages",
  "examples",
  "test",
  "scratchpad",
  "package.json",
  "tsconfig.json",
  "vitest.workspace.ts",
  "README.md"
]

/** What else is there, each with its reason. */
const exceptions: Readonly<Record<string, string>> = {
  ".changeset": "changesets look for their configuration and for the changes to come there",
  ".ci": "the whole proof from a clean clone; whoever runs it looks for it there",
  ".editorconfig": "editors look for it there",
  ".github": "GitHub looks for workflows and for the pages of a project there",
  ".gitignore": "Git looks for it there",
  ".npmrc": "npm looks for it there",
  ".oxlintrc.json": "oxlint looks for it there",
  "AGENTS.md": "where a stranger, human or not, looks first",
  "CHANGELOG.md": "where users look for what has changed; all packages share it",
  "LICENSE": "where GitHub and people look for it; packing copies it into every package",
  "bench": "measures all packages beside raw storage and beside peers; no package owns it, and it is no proof",
  "fermata.config.ts": "the command looks for it upwards from where it is typed, so `npx fermata` works in this folder",
  "package-lock.json": "npm keeps it beside package.json",
  "scripts": "what the scripts of package.json run, for all packages"
}

const filesIn = (folder: string): ReadonlyArray<string> =>
  execFileSync("git", ["ls-files", "-co", "--exclude-standard", folder], { cwd: root, encoding: "utf8" })
    .split("\n").filter((file) => file !== "" && existsSync(root + file))

const namesIn = (folder: string): ReadonlyArray<string> =>
  [...new Set(filesIn(folder).map((file) => file.slice(folder === "." ? 0 : folder.length + 1).split("/")[0]!))].sort()

describe("the root", () => {
  it("holds the layout, and of everything else only what has a reason", () => {
    assert.deepStrictEqual(namesIn("."), [...layout, ...Object.keys(exceptions)].sort())
    for (const reason of Object.values(exceptions)) assert.isAbove(reason.length, 10)
  })

  it.live("keeps one probe in the scratchpad, which runs, and a page that says what it is for", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(namesIn("scratchpad"), ["README.md", "probe.ts"])
      const entries = yield* probe
      assert.includeMembers(entries.map(({ _tag }) => _tag), ["StepCompleted", "TimerFired", "RunCompleted"])
    }))
})

describe("the examples", () => {
  it("are all in the reading order, which each continues with a link to the next", () => {
    const page = readFileSync(`${root}examples/README.md`, "utf8")
    const order = Array.from(page.matchAll(/^(\d+)\. \[([\w-]+)\]\(([\w-]+)\/README\.md\)/gm))
    assert.deepStrictEqual(order.map(([, number]) => Number(number)), order.map((_, index) => index + 1))
    for (const [, , title, folder] of order) assert.strictEqual(title, folder)
    const names = order.map(([, , , folder]) => folder!)
    assert.deepStrictEqual([...names].sort(), namesIn("examples").filter((name) => name !== "README.md"))
    for (const [index, name] of names.entries()) {
      const next = names[index + 1] === undefined ? "../README.md" : `../${names[index + 1]}/README.md`
      assert.include(
        readFileSync(`${root}examples/${name}/README.md`, "utf8"),
        `](${next})`,
        `${name} goes on to ${next}`
      )
    }
  })
})
