import { assert, describe, it } from "@effect/vitest"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Project } from "./support/Project.ts"

const contract = {
  schemaVersion: "fermata.contract.v1",
  id: "drawing",
  version: "1.0.0",
  title: "Draws",
  triggers: [{ type: "manual" }],
  permissions: [{ kind: "task:run" }],
  entryStepId: "draw",
  steps: [{ id: "draw", name: "Draw", kind: "task", task: "render", input: { of: "{{ input.scene }}" }, next: null }]
}

describe("the queue of a configuration", () => {
  it("has the tasks of contracts wait in it, and workers do them in their turn", async () => {
    const project = new Project()
    const config = join(project.folder, "fermata.config.mjs")
    writeFileSync(join(project.folder, "contract.json"), JSON.stringify(contract))
    const effect = new URL("../../../node_modules/effect/dist/Effect.js", import.meta.url).href
    writeFileSync(
      config,
      `import * as Effect from ${JSON.stringify(effect)}
export default { queue: { name: "jobs", concurrency: 2 }, tasks: { render: (input) => Effect.succeed({ rendered: input }) } }`
    )
    const around = { cwd: project.folder }
    const here = (...args: ReadonlyArray<string>) => project.type(args, around)
    assert.strictEqual(
      (await here("run", "contract.json", "--input", "{\"scene\":7}", "--detach", "--key", "a")).code,
      0
    )
    const worked = await here("worker", "--until-idle")
    assert.strictEqual(worked.code, 0, worked.stderr)
    const [run] = (await here("runs", "ls", "--json")).lines
    const shown = await here("runs", "show", run!.runId, "--json")
    assert.deepInclude(shown.json as object, { status: "completed", output: { rendered: { of: 7 } } })
    const [task] = (await here("tasks", "ls", "--json")).lines
    assert.deepInclude(task as object, { queue: "jobs", kind: "render", status: "completed", attempts: 1 })
    // Whoever follows one run does its tasks at once.
    const ran = await here("run", "contract.json", "--input", "{\"scene\":8}", "--json")
    assert.deepInclude(ran.json as object, { status: "completed", output: { rendered: { of: 8 } } })
    assert.lengthOf((await here("tasks", "ls", "--json")).lines, 1)
  })

  it("is one that people may have", async () => {
    const project = new Project()
    for (const queue of ["\"engine.webhooks\"", "\"Big Jobs\"", "{ name: \"jobs\", concurrency: 0 }", "{}", "7"]) {
      const config = join(project.folder, `${queue.replaceAll(/\W/g, "-")}.config.mjs`)
      writeFileSync(config, `export default { queue: ${queue} }`)
      const { code, stderr } = await project.fermata("run", "Echo", "--config", config)
      assert.strictEqual(code, 2, queue)
      assert.include(stderr, `must have in "queue" the name of a queue, such as "jobs"`)
    }
  })
})
