/**
 * The documents are true: every fence of every README.md and DESIGN.md is run.
 *
 * - `ts`, `ts program`: type-checks, and runs to its end
 * - `ts test`: type-checks, and its tests pass
 * - `ts no-run`: type-checks
 * - `sh`: runs in a copy of the repository, one for each document, in order; `sh exit=3` ends with 3
 * - `sh npm`: the commands are scripts of the project; they are too long to run here
 * - `text output`: what the `sh` before it prints, where `…` stands for anything
 * - `json`: parses; a contract is valid
 * - `text`, `mermaid`: for the eye
 */
import { assert, describe, it } from "@effect/vitest"
import * as ContractValidation from "@fermata/engine/contract/ContractValidation"
import { Effect } from "effect"
import { afterAll } from "vitest"
import { documents, type Fence, fencesOf, parse } from "./Fences.ts"
import { type Outcome, scripts, Workplace } from "./Workplace.ts"

const workplace = new Workplace()
afterAll(() => workplace.close())

const known: Readonly<Record<string, RegExp>> = {
  ts: /^(program|test|no-run)?$/,
  sh: /^(exit=\d+|npm)?$/,
  text: /^(output)?$/,
  json: /^$/,
  mermaid: /^$/
}

const fences = documents.flatMap(fencesOf)
const files = new Map(fences.filter(({ language }) => language === "ts").map((fence) => [fence, workplace.fileOf(fence)]))
const diagnostics = await workplace.diagnose([...files.values()])

const isJsonObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null

/** Whether a text is what a fence shows, where `…` stands for anything. */
const shows = (shown: string, text: string): boolean =>
  new RegExp(`^${
    shown.trim().split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("[^]*?")
  }$`).test(text.trim())

/** The output of the latest `sh` of each document. */
const printed = new Map<string, Outcome>()

const expectations: Readonly<Record<string, (fence: Fence) => void>> = {
  ts: (fence) => {
    const file = files.get(fence)!
    it("type-checks", () => assert.strictEqual(diagnostics.get(file), ""))
    if (fence.flags.includes("test")) describe("its tests", () => import(file))
    else if (!fence.flags.includes("no-run")) {
      it("runs to its end", async () => {
        const { code, output } = await workplace.run(process.execPath, [file], workplace.copyOf(fence.document))
        printed.set(fence.document, { code, output })
        assert.strictEqual(code, 0, output)
      })
    }
  },
  sh: (fence) => {
    if (fence.flags.includes("npm")) {
      it("names scripts of the project", () => {
        for (const line of fence.text.trim().split("\n")) {
          const script = /^npm (?:run )?([\w-]+)/.exec(line)?.[1] ?? line
          assert.isTrue(script === "install" || scripts.has(script), `no such script: ${line}`)
        }
      })
      return
    }
    it("runs", async () => {
      const expected = Number(/exit=(\d+)/.exec(fence.flags.join(" "))?.[1] ?? 0)
      const outcome = await workplace.run("bash", ["-ec", `exec 2>&1\n${fence.text}`], workplace.copyOf(fence.document))
      printed.set(fence.document, outcome)
      assert.strictEqual(outcome.code, expected, outcome.output)
    })
  },
  text: (fence) => {
    if (!fence.flags.includes("output")) return
    it("is what the fence before it prints", () => {
      const output = printed.get(fence.document)?.output ?? ""
      assert.isTrue(shows(fence.text, output), `printed was:\n${output}`)
    })
  },
  json: (fence) => {
    it("parses, and is valid where it is a contract", async () => {
      const value: unknown = JSON.parse(fence.text)
      if (!isJsonObject(value) || !("schemaVersion" in value)) return
      await Effect.runPromise(ContractValidation.validate(value))
    })
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
      workplace.fileOf({ document: "wrong.md", line, language: "ts", flags: [], text: `\n${text}\n` }))
    const found = await workplace.diagnose([wrong!, right!])
    assert.match(found.get(wrong!) ?? "", /^line \(2,7\): error TS2322/)
    assert.strictEqual(found.get(right!), "")
  })
})

for (const document of documents) {
  const fences_ = fences.filter((fence) => fence.document === document)
  if (fences_.length === 0) continue
  describe(document, () => {
    for (const fence of fences_) {
      describe(`line ${fence.line}, ${[fence.language, ...fence.flags].join(" ")}`, () => {
        it("says what it is", () => {
          assert.match(fence.flags.join(" "), known[fence.language] ?? /^never$/, `unknown fence: ${fence.language}`)
        })
        expectations[fence.language]?.(fence)
      })
    }
  })
}
