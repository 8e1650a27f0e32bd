/** What the command says about a run is what happened to it. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
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
    assert.include(
      second.stderr,
      "2 steps executed here; 1 step recorded before, not run again; 1 body ran again after the crash\n"
    )
    assert.deepStrictEqual(project.bodies, ["before", "hold begins", "hold begins", "after held"])

    const third = await project.start([...args, "--json"], { env: { FIXTURE_GO: "1" } }).ended
    assert.match(third.stderr, /: 3 steps recorded before, not run again\n/)
    assert.deepStrictEqual(third.json.steps, { executed: 0, replayed: 3 })
  })
})

describe("the list of runs", () => {
  it("fits 80 columns, says that there are more, and tells a run whose process is dead from one that runs (S4)", async () => {
    const project = new Project()
    const [dead, alive] = ["1", "2"].map((id) =>
      project.start(["run", "Held", "--input", JSON.stringify({ id }), "--lease", "3600000"])
    )
    await Promise.all([dead!.says("hold begins"), alive!.says("hold begins")])
    // Its process dies last, so that none that comes later frees the run.
    await project.fermata("run", "Shop", "--input", JSON.stringify({ id: "a name that is rather long" }))
    await dead!.kill()
    const [all, two, json] = await Promise.all([
      project.start(["runs", "ls"], { env: { COLUMNS: undefined } }).ended,
      project.fermata("runs", "ls", "--limit", "2"),
      project.fermata("runs", "ls", "--json")
    ])
    const lines = all.stdout.trimEnd().split("\n")
    assert.isAtMost(Math.max(...lines.map(({ length }) => length)), 80)
    assert.lengthOf(lines, 4)
    assert.strictEqual(all.stderr, "")
    assert.strictEqual(two.stderr, "there are more; --limit 4 shows twice as many\n")
    assert.match(lines[1] ?? "", /Shop@1 +suspended \(signal\) +\S+ \S+ ago +a name\b.*… +for\b.*…$/)
    const held = json.lines.filter(({ workflow }) => workflow === "Held")
    assert.sameDeepMembers(held.map(({ process }) => process?.alive), [true, false])
    for (const { process, runId } of held) {
      assert.match(
        lines.find((line) => runId.startsWith(line.split(" ")[0]!))!,
        process?.alive === true ? /running +\d/ : /running, its process is gone/
      )
      const [page, view] = await Promise.all([
        project.fermata("runs", "show", runId),
        project.fermata("runs", "show", runId, "--json")
      ])
      assert.match(
        page.stdout,
        process?.alive === true
          ? /process +pid \d+\n/
          : /process +pid \d+ is gone; a worker goes on with it: npx fermata worker\n/
      )
      assert.deepInclude(view.json, { runId, status: "running", ...(process === undefined ? {} : { process }) })
    }
    await alive!.kill()
    const worker = project.start(["worker"])
    await worker.says("serves")
    await worker.kill()
    const after = await project.start(["runs", "ls"], { env: { COLUMNS: "120" } }).ended
    assert.match(after.stdout, /Held@1 +running, (its process is gone|no process has it)/)
  })
})

describe("a run that waits for somebody", () => {
  const contract = (id: string, ms: number) =>
    JSON.stringify({
      schemaVersion: "fermata.contract.v1",
      id,
      version: "1.0.0",
      title: "Waits for an event, and not for ever",
      triggers: [{ type: "manual" }],
      entryStepId: "wait",
      steps: [{ id: "wait", name: "Wait", kind: "wait", event: "order.paid", timeout: { ms, next: null }, next: null }]
    })

  it("is left when it would go on without them only in a while, and says when that is (S7)", async () => {
    const project = new Project()
    writeFileSync(join(project.folder, "far.json"), contract("far", 3_600_000))
    const far = await project.fermata("run", join(project.folder, "far.json"), "--json")
    assert.deepInclude(far.json, { status: "suspended", reason: "signal" })
    assert.strictEqual(far.code, 3)
    assert.strictEqual(far.stderr.split("waits for an event").length, 2, "a suspension is told once")
    assert.match(far.stderr, /… waits for an event "order\.paid"; until \S+ \S+ \(in 59 min 59 s\)\n/)
    assert.match(
      far.stderr,
      /without that, it goes on in 59 min 59 s \(.*\), while a worker runs: npx fermata worker\n/
    )
  })

  it("is followed when that is near, and says what it waits for and that it may be left", async () => {
    const project = new Project()
    writeFileSync(join(project.folder, "near.json"), contract("near", 30_000))
    const following = project.start(["run", join(project.folder, "near.json")])
    await following.says("waits for an event \"order.paid\"; until")
    await following.says("Ctrl-C is safe")
    following.process.kill("SIGINT")
    const { code, stderr } = await following.ended
    assert.strictEqual(code, 130)
    assert.match(stderr, /run \S+ is let go; it goes on when a worker takes it up: npx fermata worker\n/)
    const { lines } = await project.fermata("runs", "ls", "--json")
    assert.deepStrictEqual(lines.map(({ reason }) => reason), ["signal"])
  })
})

describe("a fork with another output", () => {
  const contract = {
    schemaVersion: "fermata.contract.v1",
    id: "sums",
    version: "1.0.0",
    title: "Steps that use each other",
    permissions: [{ kind: "task:run", pattern: "print" }],
    triggers: [{ type: "manual" }],
    entryStepId: "one",
    steps: [
      { id: "one", name: "One", kind: "task", task: "print", input: 1, onCrash: "rerun", next: "apart" },
      { id: "apart", name: "Apart", kind: "transform", set: { x: "nothing" }, next: "two" },
      { id: "two", name: "Two", kind: "transform", set: { m: "{{ steps.one.output.printed + 1 }}" }, next: "three" },
      { id: "three", name: "Three", kind: "transform", set: { k: "{{ state.m * 10 }}" }, next: "end" },
      {
        id: "end",
        name: "End",
        kind: "transform",
        set: { sum: "{{ steps.one.output.printed + state.k }}" },
        next: null
      }
    ]
  }

  it("names the shared steps that used the old one, and the fork that does them again", async () => {
    const project = new Project()
    writeFileSync(join(project.folder, "sums.json"), JSON.stringify(contract))
    const { json: { runId } } = await project.fermata("run", join(project.folder, "sums.json"), "--json")
    const late = await project.fermata("runs", "fork", runId, "--at", "end", "--set", "one={\"printed\":5}", "--json")
    const command = `npx fermata runs fork ${runId} --at two --set 'one={"printed":5}'`
    assert.strictEqual(late.code, 0, late.stderr)
    assert.include(
      late.stderr,
      `note: "two" and "three" are shared as recorded, and used the old output of "one"; to do them again: ${command}\n`
    )
    const early = await project.fermata("runs", "fork", runId, "--at", "two", "--set", "one={\"printed\":5}", "--json")
    assert.notInclude(early.stderr, "note:")
    assert.deepStrictEqual([late.json.output, early.json.output], [{ sum: 25 }, { sum: 65 }])
    const apart = await project.fermata(
      "runs",
      "fork",
      runId,
      "--at",
      "two",
      "--set",
      "apart={\"x\":\"other\"}",
      "--detach"
    )
    assert.notInclude(apart.stderr, "shared as recorded")

    // A program's steps may have used it by whatever way.
    const nap = await project.fermata("run", "Nap", "--input", "{\"millis\":1}", "--json")
    const far = await project.fermata(
      "runs",
      "fork",
      nap.json.runId,
      "--at",
      "record~2",
      "--set",
      "record=\"dozing\"",
      "--detach"
    )
    assert.notInclude(far.stderr, "shared as recorded")
  })
})

describe("why something failed", () => {
  it("is told with the whole chain where FERMATA_DEBUG is set", async () => {
    const project = new Project()
    const { stderr } = await project.start(["run", "failing.json", "--config", "failing.config.ts"], {
      env: { FERMATA_DEBUG: "1" }
    }).ended
    assert.include(stderr, "    TypeError: fetch failed")
    assert.include(stderr, "caused by Error: connect ECONNREFUSED 127.0.0.1:65530")
    assert.include(stderr, "errno -111")
  })

  it("is told where a configuration is no JavaScript", async () => {
    const { folder, start } = new Project()
    writeFileSync(join(folder, "fermata.config.mjs"), "export default {")
    const { code, stderr, stdout } = await start(["run", "W"], { cwd: folder }).ended
    assert.deepStrictEqual([code, stdout], [2, ""])
    assert.include(stderr, "fermata.config.mjs cannot be loaded: SyntaxError")
  })
})
