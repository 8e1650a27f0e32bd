/**
 * The documents are true: every fence of every README.md and DESIGN.md is run.
 *
 * - `ts`: type-checks, and runs to its end; `ts program` is there as `program.ts` for what comes after it,
 *   and it and `ts explored` are also run against the packed packages
 * - `ts test`: type-checks, and its tests pass
 * - `ts no-run`: type-checks
 * - `sh`: runs in a copy of the repository, one for each document, in order; `sh exit=3` ends with 3
 * - `sh install`: what somebody types in a folder of their own; each package is one of ours, or a dependency of one
 * - `sh npm`: the commands are scripts of the project; they are too long to run here
 * - `text output`: what the `sh` before it prints, where `…` stands for anything
 * - `json`: parses; a contract or a source is valid
 * - `text`, `mermaid`: for the eye
 *
 * Here is what needs no process; the rest is in `docs.e2e.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ContractValidation from "@fermata/contracts/ContractValidation"
import * as Sources from "@fermata/operations/Sources"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll } from "vitest"
import { documents, type Fence, fencesOf, parse, root, shows, titleOf } from "./Fences.ts"
import { scripts, Workplace } from "./Workplace.ts"

const workplace = new Workplace()
afterAll(() => workplace.close())

const known: Readonly<Record<string, RegExp>> = {
  ts: /^(program|explored|test|no-run)?$/,
  sh: /^(exit=\d+|npm|install)?$/,
  text: /^(output)?$/,
  json: /^$/,
  mermaid: /^$/
}

const fences = documents.flatMap(fencesOf)

const isJsonObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** What must hold of a fence, each with a title. */
type Proofs = Readonly<Record<string, () => void | Promise<void>>>

const namesScripts = (fence: Fence) => () => {
  for (const line of fence.text.trim().split("\n")) {
    const script = /^npm (?:run )?([\w:-]+)$/.exec(line)?.[1] ?? line
    assert.isTrue(script === "ci" || script === "install" || scripts.has(script), `no such script: ${line}`)
  }
}

const namesPackages = (fence: Fence) => () => {
  const manifests = readdirSync(join(root, "packages")).map((name) =>
    JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as {
      readonly name: string
      readonly dependencies: object
      readonly peerDependencies?: object
    }
  )
  const known = new Set(
    manifests.flatMap(({ dependencies, name, peerDependencies = {} }) =>
      [name].concat(Object.keys(dependencies), Object.keys(peerDependencies))
    )
  )
  const installed = fence.text.split("\n").flatMap((line) =>
    /^npm install (?:--save-dev )?(.*)$/.exec(line)?.[1]?.split(" ") ?? []
  )
  assert.isNotEmpty(installed)
  for (const name of installed) assert.isTrue(known.has(name), name)
}

const isValid = (fence: Fence) => async () => {
  const value: unknown = JSON.parse(fence.text)
  if (isJsonObject(value) && "schemaVersion" in value) await Effect.runPromise(ContractValidation.validate(value))
  if (isJsonObject(value) && "mapping" in value) assert.isUndefined(Sources.problemOf("shown", value))
}

const proofsOf = (fence: Fence): Proofs => {
  const has = (flag: string) => fence.flags.includes(flag)
  switch (fence.language) {
    case "sh":
      if (has("install")) return { "names packages that are there": namesPackages(fence) }
      return has("npm") ? { "names scripts of the project": namesScripts(fence) } : {}
    case "json":
      return { "parses, and is valid where it is a contract or a source": isValid(fence) }
    default:
      return {}
  }
}

describe("the check of documents", () => {
  it("reads every document", () => {
    assert.includeMembers([...documents], ["README.md", "packages/engine/README.md", "packages/engine/DESIGN.md"])
    assert.isAbove(fences.length, documents.length)
  })

  it("finds fences with their info strings and lines", () => {
    const text = "# Title\n\n```ts program\nconst a = 1\n```\n\ntext\n\n````text output\n```\n````\n"
    assert.deepStrictEqual(parse("a.md", text), [
      { document: "a.md", line: 3, language: "ts", flags: ["program"], text: "const a = 1\n" },
      { document: "a.md", line: 9, language: "text", flags: ["output"], text: "```\n" }
    ])
  })

  it("compares what is shown with what is printed", () => {
    assert.isTrue(shows("run … is (done).\n…\nend", "run 5f is (done).\none\ntwo\nend\n"))
    assert.isFalse(shows("run … is (done).", "run 5f is (done).\nand more"))
    assert.isFalse(shows("run 5f is done", "run 60 is done"))
  })
})

describe.each(fences.map((fence) => ({ fence, title: titleOf(fence) })))("$title", ({ fence }) => {
  it("has an info string that says how it is run", () => {
    assert.match(fence.flags.join(" "), known[fence.language] ?? /^never$/, `unknown: ${fence.language}`)
  })
  it.each(Object.entries(proofsOf(fence)))("%s", (_, prove) => prove())
})

describe.each(
  fences.filter(({ flags, language }) => language === "ts" && flags.includes("test")).map((fence) => ({
    title: `${fence.document}:${fence.line}`,
    file: workplace.fileOf(fence)
  }))
)(
  "the tests of $title",
  ({ file }) => import(file)
)
