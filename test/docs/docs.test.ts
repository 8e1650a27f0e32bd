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
 * - `json`: parses; a contract is valid
 * - `text`, `mermaid`: for the eye
 */
import { assert, describe, it } from "@effect/vitest"
import * as ContractValidation from "@fermata/contracts/ContractValidation"
import { Effect } from "effect"
import { copyFileSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll } from "vitest"
import { documents, type Fence, fencesOf, parse, root } from "./Fences.ts"
import { type Outcome, scripts, Workplace } from "./Workplace.ts"

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
const files = new Map(
  fences.filter(({ language }) => language === "ts").map((fence) => [fence, workplace.fileOf(fence)])
)
const diagnostics = await workplace.diagnose([...files.values()])

const isJsonObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** Whether a text is what a fence shows, where `…` stands for anything. */
const shows = (shown: string, text: string): boolean =>
  new RegExp(`^${shown.trim().split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("[^]*?")}$`)
    .test(text.trim())

/** The output of the latest `sh` of each document. */
const printed = new Map<string, Outcome>()

/** What must hold of a fence, each with a title. */
type Proofs = Readonly<Record<string, () => Promise<void>>>

const typeChecks = (fence: Fence) => async () => assert.strictEqual(diagnostics.get(files.get(fence)!), "")

const runsToItsEnd = (fence: Fence) => async () => {
  const copy = workplace.copyOf(fence.document)
  const file = files.get(fence)!
  if (fence.flags.includes("program")) copyFileSync(file, join(copy, "program.ts"))
  const outcome = await workplace.run(process.execPath, [file], copy)
  printed.set(fence.document, outcome)
  assert.strictEqual(outcome.code, 0, outcome.output)
}

const runsInTheShell = (fence: Fence) => async () => {
  const expected = Number(/exit=(\d+)/.exec(fence.flags.join(" "))?.[1] ?? 0)
  const outcome = await workplace.run("bash", ["-ec", `exec 2>&1\n${fence.text}`], workplace.copyOf(fence.document))
  printed.set(fence.document, outcome)
  assert.strictEqual(outcome.code, expected, outcome.output)
}

const namesScripts = (fence: Fence) => async () => {
  for (const line of fence.text.trim().split("\n")) {
    const script = /^npm (?:run )?([\w-]+)$/.exec(line)?.[1] ?? line
    assert.isTrue(script === "ci" || script === "install" || scripts.has(script), `no such script: ${line}`)
  }
}

const namesPackages = (fence: Fence) => async () => {
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

const isPrinted = (fence: Fence) => async () => {
  const output = printed.get(fence.document)?.output ?? ""
  assert.isTrue(shows(fence.text, output), `printed was:\n${output}`)
}

const isValid = (fence: Fence) => async () => {
  const value: unknown = JSON.parse(fence.text)
  if (isJsonObject(value) && "schemaVersion" in value) await Effect.runPromise(ContractValidation.validate(value))
}

const proofsOf = (fence: Fence): Proofs => {
  const has = (flag: string) => fence.flags.includes(flag)
  switch (fence.language) {
    case "ts":
      return has("test") || has("no-run")
        ? { "type-checks": typeChecks(fence) }
        : { "type-checks": typeChecks(fence), "runs to its end": runsToItsEnd(fence) }
    case "sh":
      if (has("install")) return { "names packages that are there": namesPackages(fence) }
      return has("npm") ? { "names scripts of the project": namesScripts(fence) } : { runs: runsInTheShell(fence) }
    case "text":
      return has("output") ? { "is what is printed before it": isPrinted(fence) } : {}
    case "json":
      return { "parses, and is valid where it is a contract": isValid(fence) }
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

  it("finds what does not type-check, at its line", async () => {
    const [wrong, right] = ["const a: number = \"one\"", "export const a = 1"].map((text, line) =>
      workplace.fileOf({ document: "wrong.md", line, language: "ts", flags: [], text: `\n${text}\n` })
    )
    const found = await workplace.diagnose([wrong!, right!])
    assert.match(found.get(wrong!) ?? "", /^line \(2,7\): error TS2322/)
    assert.strictEqual(found.get(right!), "")
  })
})

describe.each(
  fences.map((fence) => ({
    fence,
    title: `${fence.document}:${fence.line} ${[fence.language, ...fence.flags].join(" ")}`
  }))
)(
  "$title",
  ({ fence }) => {
    it("has an info string that says how it is run", () => {
      assert.match(fence.flags.join(" "), known[fence.language] ?? /^never$/, `unknown: ${fence.language}`)
    })
    it.each(Object.entries(proofsOf(fence)))("%s", (_, prove) => prove())
  }
)

describe.each(
  [...files].filter(([fence]) => fence.flags.includes("test")).map(([{ document, line }, file]) => ({
    title: `${document}:${line}`,
    file
  }))
)(
  "the tests of $title",
  ({ file }) => import(file)
)
