/** What the command says about a run is what happened to it. */
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

describe("the end of a run", () => {
  it("says which bodies ran again after a crash, and which steps did not have to (S1, S2)", async () => {
    const project = new Project()
    const args = ["run", "Held", "--input", "{\"id\":\"1\"}"]
    const first = project.start([...args, "--lease", "1000"])
    await first.says("hold begins")
    await first.kill()
    const second = await project.start(args, { env: { FIXTURE_GO: "1" } }).ended
    assert.strictEqual(second.code, 0)
    assert.include(second.stderr, "2 steps executed here; 1 step recorded before, not run again; 1 body ran again after the crash\n")
    assert.deepStrictEqual(project.bodies, ["before", "hold begins", "hold begins", "after held"])

    const third = await project.start([...args, "--json"], { env: { FIXTURE_GO: "1" } }).ended
    assert.match(third.stderr, /: 3 steps recorded before, not run again\n/)
    assert.deepStrictEqual(third.json.steps, { executed: 0, replayed: 3 })
  })
})
