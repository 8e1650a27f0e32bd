/** A body that computes for ever in plain JavaScript, which nothing in its process can stop. */
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

describe("a body that is a loop of plain JavaScript", () => {
  it("S13: is taken up when its lease is over or its process is dead, and suspended as recovery after five recoveries; then it holds up nobody (S17)", async () => {
    const project = new Project()
    const start = (workflow: string, env = {}) =>
      project.start(
        ["run", workflow, "--input", "{\"id\":\"1\"}", "--json", "--lease", "500", "--config", "blocking.config.ts"],
        { env }
      )
    // The first process lives, and only its lease tells that it does nothing any more.
    const first = start("Blocking")
    await first.says("the body blocks")
    const second = start("Blocking")
    await second.says("the body blocks")
    await Promise.all([first.kill(), second.kill()])
    let blocked = 2
    for (;; blocked++) {
      const next = start("Blocking")
      const isOver = await next.says("the body blocks").then(() => false, () => true)
      if (isOver) {
        const { code, json, stderr } = await next.ended
        assert.deepInclude(json, { status: "suspended", reason: "recovery" })
        assert.strictEqual(code, 3)
        assert.match(
          stderr,
          /waits for an operator after repeated crashes: its process died 6 times in a row without getting further/
        )
        break
      }
      await next.kill()
    }
    assert.strictEqual(blocked, 6)

    const worker = project.start(["worker", "--until-idle", "--config", "blocking.config.ts"])
    const healthy = await start("Healthy").ended
    assert.deepInclude(healthy.json, { status: "completed", output: "well" })
    const { stdout } = await worker.ended
    assert.notInclude(stdout, "Blocking")

    const [run] = (await project.fermata("runs", "ls", "--workflow", "Blocking", "--json")).lines
    const resumed = await project.start(["runs", "resume", run!.runId, "--json", "--config", "blocking.config.ts"], {
      env: { FIXTURE_GO: "1" }
    }).ended
    assert.deepInclude(resumed.json, { status: "completed", output: "done" })
    const journal = (await project.fermata("runs", "journal", run!.runId, "--json")).lines
    assert.lengthOf(journal.filter(({ _tag }) => _tag === "StepCompleted"), 1)
  })
})
