/** Contracts with a kind of steps that the configuration brings, and contracts that call each other, on the command line. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

const cwd = fileURLToPath(new URL("kinds", import.meta.url))
const document = (name: string): string => readFileSync(join(cwd, name), "utf8")

/** A contract with a task that nobody has. */
const taskDocument = JSON.stringify({
  schemaVersion: "fermata.contract.v1",
  id: "tasked",
  version: "1.0.0",
  title: "Prints",
  permissions: [{ kind: "task:run" }],
  entryStepId: "print",
  steps: [{ id: "print", name: "Print", kind: "task", task: "print", next: null }]
})

/** A project here, and the command in the folder of the configuration and in one that has none. */
const setUp = () => {
  const project = new Project()
  return {
    project,
    here: (...args: ReadonlyArray<string>) => project.start(args, { cwd }).ended,
    away: (...args: ReadonlyArray<string>) => project.start(args, { cwd: project.folder }).ended
  }
}

describe("a kind of steps of the configuration", () => {
  it("is known to check, graph, add and ls; without the configuration it is one clear mistake", async () => {
    const { away, here, project } = setUp()
    const checked = await here("contracts", "check", "crier.json")
    assert.deepStrictEqual([checked.code, checked.stdout], [0, "crier.json: ok\n"])
    assert.include((await here("contracts", "graph", "crier.json")).stdout, "s1((\"Cry<br/>shout\"))")
    const copy = join(project.folder, "crier.json")
    writeFileSync(copy, document("crier.json"))
    const unknown = await away("contracts", "check", copy)
    assert.strictEqual(unknown.code, 2)
    assert.include(unknown.stdout, "steps[1].kind: found \"shout\", expected one of \"task\", \"llm\"")
    // The check of a contract with kinds that are there loads no configuration, so a broken one is no matter.
    writeFileSync(join(project.folder, "fermata.config.mjs"), "throw new Error(\"no\")")
    writeFileSync(join(project.folder, "plain.json"), document("town.json"))
    assert.strictEqual((await away("contracts", "check", "plain.json")).code, 0)
    assert.include((await away("contracts", "check", copy)).stderr, "fermata.config.mjs cannot be loaded: Error: no")
    const added = await here("contracts", "add", "crier.json", "town.json")
    assert.deepStrictEqual([added.code, added.stderr], [0, ""])
    const listed = await away("contracts", "ls", "--json")
    assert.deepStrictEqual(listed.lines.map(({ id }) => id), ["crier", "town"])
    assert.deepInclude(listed.lines[0] as object, {
      outputSchema: (JSON.parse(document("crier.json")) as { readonly outputSchema: object }).outputSchema
    })
    assert.strictEqual(listed.stderr, "")
  })

  it("runs from a file, goes on with an answer from another folder, and by a worker that has it", async () => {
    const { away, here, project } = setUp()
    const input = ["--input", "{\"word\":\"hear\"}"]
    const asked = await here("run", "crier.json", ...input, "--key", "a", "--json")
    assert.deepStrictEqual([asked.code, asked.json.status, asked.json.reason], [3, "suspended", "approval"])
    // The configuration that last worked on the workflow is loaded, and its kinds with it.
    const approved = await away("approve", asked.json.runId, "--json")
    assert.deepInclude(approved.json as object, { status: "completed", output: { cry: "HEAR!" } })
    // By name, and by a process without the kind.
    const named = await here("run", "crier", ...input, "--key", "b", "--detach", "--json")
    assert.strictEqual(named.code, 0)
    writeFileSync(join(project.folder, "fermata.config.mjs"), "export default {}")
    const without = ["--config", join(project.folder, "fermata.config.mjs")]
    const left = await away("worker", "--until-idle", ...without)
    assert.include(left.stderr, "runs of contract crier@1.0.0 are left alone: here is no kind of steps \"shout\"")
    assert.include(
      (await away("run", "crier", ...input, ...without)).stderr,
      "this process has no kind of steps \"shout\""
    )
    assert.strictEqual((await here("worker", "--until-idle")).code, 0)
    assert.strictEqual((await here("approve", named.json.runId, "--json")).json.status, "completed")
    const fork = await here("runs", "fork", named.json.runId, "--at", "cry", "--json")
    assert.strictEqual(fork.code, 0)
    assert.strictEqual((await here("upgrade", "check", "--finished", "10")).code, 0)
  })
})

describe("a contract that calls another", () => {
  it("is followed through the run that it calls, whose question is answered like any other", async () => {
    const { here } = setUp()
    await here("contracts", "add", "crier.json")
    const asked = await here("run", "town.json", "--input", "{\"word\":\"oyez\"}", "--key", "t", "--json")
    assert.deepStrictEqual([asked.code, asked.json.status, asked.json.reason], [3, "suspended", "child"])
    assert.strictEqual((await here("approve", asked.json.runId)).code, 2)
    const [child] = (await here("runs", "ls", "--workflow", "crier", "--json")).lines
    await here("approve", child!.runId)
    const done = await here("run", "town.json", "--input", "{\"word\":\"oyez\"}", "--key", "t", "--json")
    assert.deepInclude(done.json as object, { status: "completed", output: { heard: "OYEZ!" } })
  })

  it("is refused before it is started where there is nothing of that name, and stores no run", async () => {
    const { away, here, project } = setUp()
    const refused = await here("run", "town.json", "--json")
    assert.deepStrictEqual([refused.code, refused.json.error.code], [2, "NotServed"])
    assert.include(
      refused.stderr,
      "Nobody can run town@1.0.0: step \"have\" calls workflow \"crier\", which there is not"
    )
    // What is called must be served by somebody too.
    await here("contracts", "add", "crier.json")
    const config = join(project.folder, "fermata.config.mjs")
    writeFileSync(config, "export default {}")
    writeFileSync(join(project.folder, "task.json"), taskDocument)
    writeFileSync(join(project.folder, "caller.json"), document("town.json").replaceAll("crier", "tasked"))
    await away("contracts", "add", "task.json")
    const lacking = await away("run", "caller.json", "--json")
    assert.deepStrictEqual([lacking.code, lacking.json.error.code], [2, "NotServed"])
    assert.include(lacking.stderr, "Nobody can run tasked@1.0.0: here is no handler for the task \"print\"")
    assert.deepStrictEqual((await here("runs", "ls", "--json")).lines, [])
  })

  it("is checked beside it: what it reads of an output that is known", async () => {
    const { here, project } = setUp()
    const wrong = join(project.folder, "wrong.json")
    writeFileSync(wrong, document("town.json").replace("output.cry", "output.crie"))
    assert.strictEqual((await here("contracts", "check", wrong)).code, 0)
    const beside = await here("contracts", "check", wrong, "crier.json")
    assert.strictEqual(beside.code, 2)
    assert.include(
      beside.stdout,
      "steps[1].set.heard: found crie, expected a field of steps.have.output, which has cry"
    )
    assert.include(beside.stdout, "crier.json: ok")
  })
})
