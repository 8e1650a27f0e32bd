/** Where a configuration lets its processes go is what each kind of work in it sees. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

const config = fileURLToPath(new URL("./support/egress.config.ts", import.meta.url))

describe("the egress of a configuration", () => {
  it("holds for the steps of programs, the tools of agents and the tasks of contracts", async () => {
    const own = new Project()
    const contract = join(own.folder, "look.json")
    writeFileSync(
      contract,
      JSON.stringify({
        schemaVersion: "fermata.contract.v1",
        id: "looks",
        version: "1.0.0",
        title: "Looks",
        entryStepId: "look",
        permissions: [{ kind: "task:run", pattern: "look" }],
        steps: [{ id: "look", name: "Look", kind: "task", task: "look", input: {}, onCrash: "rerun", next: null }]
      })
    )
    for (
      const args of [
        ["run", "program", "--input", "{}"],
        ["agent", "run", "looker", "--input", "look", "--model", "scripted"],
        ["run", contract, "--input", "{}"]
      ]
    ) {
      const { code, stderr, stdout } = await own.type([...args, "--config", config, "--json"])
      assert.strictEqual(code, 0, stderr)
      const { runId } = JSON.parse(stdout) as { readonly runId: string }
      const journal = await own.fermata("runs", "journal", runId, "--json")
      assert.include(journal.stdout, "allowed.example", args.join(" "))
    }
  })
})
