/** The transcript of a run of an agent: printed, written to files, followed, and opened after damage. */
import * as Transcript from "@fermata/agent/Transcript"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

const config = fileURLToPath(new URL("./support/agents.config.ts", import.meta.url))

/** A run of an agent that asks people, has another agent work, and is where they are asked. */
const project = async () => {
  const own = new Project()
  const type = (...args: ReadonlyArray<string>) => own.type([...args, "--config", config])
  const given = ["--input", "{\"change\":\"42\"}", "--id", "1", "--model", "scripted"]
  const asked = await type("agent", "run", "reviewer", ...given)
  const [, run] = /approve (\w+) --as/.exec(asked.stderr)!
  const out = join(own.folder, "transcripts")
  const shards = (id: string) =>
    readdirSync(join(out, id)).filter((name) => name.endsWith(".jsonl")).map((name) => ({
      name,
      text: readFileSync(join(out, id, name), "utf8")
    }))
  const response = (id: string) => JSON.parse(readFileSync(join(out, id, "response.json"), "utf8")) as object
  const approve = () => type("approve", run!, "--as", "operator", "--model", "scripted")
  return { own, type, run: run!, out, shards, response, approve }
}

const types = (text: string) =>
  text.trimEnd().split("\n").map((line) => (JSON.parse(line) as { readonly type: string }).type)

describe("a transcript", () => {
  it("M-88, M-91: is written to files where somebody asks for it, of a run that waits and of those below", async () => {
    const { out, own, response, run, shards, type } = await project()
    const printed = await type("runs", "transcript", run)
    assert.deepStrictEqual(types(printed.stdout), ["start", "answer", "agent", "answer", "question"])
    assert.deepStrictEqual(readdirSync(own.folder).filter((name) => !name.startsWith("fermata.db")), [])
    const { json } = await type("runs", "transcript", run.slice(0, 8), "--out", out, "--json")
    assert.deepInclude(json as object, { folder: out, runs: 2, lines: 8 })
    assert.strictEqual(shards(run)[0]!.text, printed.stdout)
    const below = readdirSync(out).find((id) => id !== run)
    assert.deepStrictEqual(types(shards(below!)[0]!.text), ["start", "answer", "end"])
    assert.deepNestedInclude(response(run), {
      status: "paused",
      "meta.pauseReason": "gate_required",
      "meta.pendingCall.toolName": "Publish"
    })
    assert.deepInclude(response(below!), { status: "done" })
  })

  it("M-24, M-89: grows with its run, which another process goes on with, and is whole once that is over", async () => {
    const { approve, out, response, run, shards, type } = await project()
    await type("runs", "transcript", run, "--out", out)
    assert.deepInclude(response(run), { status: "paused" })
    assert.strictEqual((await approve()).code, 0)
    assert.strictEqual((await type("runs", "transcript", run, "--out", out, "--follow")).code, 0)
    assert.deepInclude(response(run), { status: "done", data: { problems: 1 } })
    assert.deepStrictEqual(types(shards(run)[0]!.text).slice(-3), ["tool", "answer", "end"])
    const alone = await type("runs", "transcript", run, "--follow")
    assert.strictEqual(alone.code, 2)
    assert.include(alone.stderr, "--follow needs --out FOLDER")
  })

  it("M-90: opens after damage, which writing it once more mends", async () => {
    const { approve, out, run, shards, type } = await project()
    await approve()
    await type("runs", "transcript", run, "--out", out)
    const [whole] = shards(run)
    const { lines } = Transcript.read([whole!])
    writeFileSync(join(out, run, whole!.name), whole!.text.slice(0, -20))
    const damaged = Transcript.read(shards(run))
    assert.deepStrictEqual(damaged.lines, lines.slice(0, -1))
    assert.deepInclude(damaged.damage[0], { shard: "000000.jsonl", line: lines.length })
    await type("runs", "transcript", run, "--out", out)
    assert.deepStrictEqual(Transcript.read(shards(run)), { lines, damage: [] })
  })

  it("that cannot be written is told in one sentence", async () => {
    const { own, run, type } = await project()
    const file = join(own.folder, "a-file")
    writeFileSync(file, "")
    const { code, stderr } = await type("runs", "transcript", run, "--out", file)
    assert.strictEqual(code, 1)
    assert.match(stderr, /^error: --out: .*a-file cannot be written: a part of the path is no folder$/m)
  })
})
