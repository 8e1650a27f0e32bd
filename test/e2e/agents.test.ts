import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

const config = fileURLToPath(new URL("./agents/fermata.config.ts", import.meta.url))

describe("an agent whose process is killed in the middle of a call", () => {
  it("S1, S4: goes on in a worker, which asks no model again that has answered, and repeats that call alone", async () => {
    const project = new Project()
    const args = [
      "agent",
      "run",
      "watcher",
      "--input",
      "\"go\"",
      "--id",
      "1",
      "--model",
      "scripted",
      "--config",
      config
    ]
    const first = project.start(args)
    await first.says("holds")
    await first.kill()
    assert.deepStrictEqual(project.bodies, ["asked 0", "looks", "asked 1", "holds"])
    const env = { FIXTURE_GO: "1" }
    const worker = await project.start(["worker", "--until-idle", "--model", "scripted", "--config", config], { env })
      .ended
    assert.strictEqual(worker.code, 0, worker.stderr)
    assert.match(worker.stdout, /watcher@1 {2}completed/)
    assert.deepStrictEqual(project.bodies, ["asked 0", "looks", "asked 1", "holds", "holds", "asked 2"])
    const joined = await project.start(args).ended
    assert.deepStrictEqual([joined.code, joined.stdout], [0, "\"All is well.\"\n"])
    assert.lengthOf(project.bodies, 6)
  })
})
