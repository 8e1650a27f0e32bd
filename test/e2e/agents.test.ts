import { readFileSync } from "node:fs"
import { join } from "node:path"
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

describe("a transcript that is followed", () => {
  it("M-24, M-89: has each turn as soon as it is recorded, also of a run that another process goes on with", async () => {
    const project = new Project()
    const common = ["--config", config]
    const first = project.start(["agent", "run", "watcher", "--input", "go", "--model", "scripted", ...common])
    await first.says("holds")
    await first.kill()
    const { stdout } = await project.start(["runs", "ls", "--json"]).ended
    const { runId } = JSON.parse(stdout) as { readonly runId: string }
    const out = join(project.folder, "transcripts")
    const types = () =>
      readFileSync(join(out, runId, "000000.jsonl"), "utf8").trimEnd().split("\n")
        .map((line) => (JSON.parse(line) as { readonly type: string }).type)
    const follow = project.start(["runs", "transcript", runId, "--out", out, "--follow"])
    await follow.says("4 lines of 1 run")
    assert.deepStrictEqual(types(), ["start", "answer", "tool", "answer"])
    const worker = ["worker", "--until-idle", "--model", "scripted", ...common]
    await project.start(worker, { env: { FIXTURE_GO: "1" } }).ended
    const { code, stderr } = await follow.ended
    assert.strictEqual(code, 0, stderr)
    assert.include(stderr, "7 lines of 1 run")
    assert.deepStrictEqual(types(), ["start", "answer", "tool", "answer", "tool", "answer", "end"])
  })
})
