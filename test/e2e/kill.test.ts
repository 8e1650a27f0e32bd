import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { kill, problems } from "./kill/Kill.ts"
import { Project } from "./support/Fermata.ts"

const kills = 20

describe("kill -9", () => {
  it("S1, S4: runs of 200 steps, killed at random moments, are completed by a worker, and only a step in flight ran again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fermata-kill-"))
    try {
      const tally = await kill({
        command: [process.execPath, join(import.meta.dirname, "../../packages/cli/src/bin.ts")],
        config: join(import.meta.dirname, "kill/fermata.config.ts"),
        folder,
        kills,
        steps: 200,
        leaseMs: 1_000
      })
      assert.deepStrictEqual(problems(tally, kills), [])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe.runIf(existsSync("/proc/self/stat"))("a restart after kill -9 on the same machine", () => {
  it("S4: goes on at once, however long the lease of the dead process is", async () => {
    const project = new Project()
    const lease = ["--lease", "86400000"]
    const running = project.start(["run", "Held", "--input", "{\"id\":\"1\"}", ...lease])
    await running.says("hold begins")
    await running.kill()
    const worker = await project.start(["worker", "--until-idle", ...lease], { env: { FIXTURE_GO: "1" } }).ended
    assert.include(worker.stdout, "completed", worker.stderr)
    assert.notInclude(worker.stderr, "lease")
    assert.deepStrictEqual(project.bodies, ["before", "hold begins", "hold begins", "after held"])
  })

  it("S4: is not needed where a command follows the run", async () => {
    const project = new Project()
    const lease = ["--lease", "86400000"]
    const worker = project.start(["worker", ...lease])
    await worker.says("serves")
    const follower = project.start(["run", "Held", "--input", "{\"id\":\"1\"}", "--json", ...lease], {
      env: { FIXTURE_GO: "1" }
    })
    await follower.says("hold")
    await worker.kill()
    assert.deepInclude((await follower.ended).json, { status: "completed", output: "after held" })
  })
})
