/**
 * What the documents tell to run, run: the fences that start processes. What each kind of fence must do stands in
 * `docs.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll } from "vitest"
import { documents, type Fence, fencesOf, shows, titleOf } from "./Fences.ts"
import { diagnose, type Outcome, run } from "./Processes.ts"
import { Workplace } from "./Workplace.ts"

const workplace = new Workplace()
afterAll(() => workplace.close())

const fences = documents.flatMap(fencesOf)
const files = new Map(
  fences.filter(({ language }) => language === "ts").map((fence) => [fence, workplace.fileOf(fence)])
)
const diagnostics = await diagnose(workplace, [...files.values()])

/** The output of the latest program or `sh` of each document. */
const printed = new Map<string, Outcome>()

/** What must hold of a fence, each with a title. */
type Proofs = Readonly<Record<string, () => Promise<void>>>

const typeChecks = (fence: Fence) => async () => assert.strictEqual(diagnostics.get(files.get(fence)!), "")

const runsToItsEnd = (fence: Fence) => async () => {
  const copy = workplace.copyOf(fence.document)
  const file = files.get(fence)!
  if (fence.flags.includes("program")) copyFileSync(file, join(copy, "program.ts"))
  const outcome = await run(workplace, process.execPath, [file], copy)
  printed.set(fence.document, outcome)
  assert.strictEqual(outcome.code, 0, outcome.output)
}

const runsInTheShell = (fence: Fence) => async () => {
  const expected = Number(/exit=(\d+)/.exec(fence.flags.join(" "))?.[1] ?? 0)
  const outcome = await run(workplace, "bash", ["-ec", `exec 2>&1\n${fence.text}`], workplace.copyOf(fence.document))
  printed.set(fence.document, outcome)
  assert.strictEqual(outcome.code, expected, outcome.output)
}

const isPrinted = (fence: Fence) => async () => {
  const output = printed.get(fence.document)?.output ?? ""
  assert.isTrue(shows(fence.text, output), `printed was:\n${output}`)
}

const proofsOf = (fence: Fence): Proofs => {
  const has = (flag: string) => fence.flags.includes(flag)
  switch (fence.language) {
    case "ts":
      return has("test") || has("no-run")
        ? { "type-checks": typeChecks(fence) }
        : { "type-checks": typeChecks(fence), "runs to its end": runsToItsEnd(fence) }
    case "sh":
      return has("install") || has("npm") ? {} : { runs: runsInTheShell(fence) }
    case "text":
      return has("output") ? { "is what is printed before it": isPrinted(fence) } : {}
    default:
      return {}
  }
}

describe("the check of documents", () => {
  it("finds what does not type-check, at its line", async () => {
    const [wrong, right] = ["const a: number = \"one\"", "export const a = 1"].map((text, line) =>
      workplace.fileOf({ document: "wrong.md", line, language: "ts", flags: [], text: `\n${text}\n` })
    )
    const found = await diagnose(workplace, [wrong!, right!])
    assert.match(found.get(wrong!) ?? "", /^line \(2,7\): error TS2322/)
    assert.strictEqual(found.get(right!), "")
  })
})

describe.each(
  fences.map((fence) => ({ title: titleOf(fence), proofs: Object.entries(proofsOf(fence)) }))
    .filter(({ proofs }) => proofs.length > 0)
)("$title", ({ proofs }) => {
  it.each(proofs)("%s", (_, prove) => prove())
})
