/** What people give to the command, and what it shows of it: keys, numbers, and texts that are no lines. */
import { existsSync } from "node:fs"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

describe("keys", () => {
  it("texts that were cut inside a character are runs of their own", async () => {
    const { fermata } = new Project()
    const runs: Array<string> = []
    for (const text of ["\\ud83d", "\\ud83e", "\\ufffd", "\\u0000", "\\u0000a"]) {
      const { code, json } = await fermata("run", "Echo", "--input", `{"text":"${text}"}`, "--json")
      assert.deepStrictEqual([code, json.joined, json.output], [0, false, JSON.parse(`"${text}"`)])
      runs.push(json.runId)
    }
    assert.strictEqual(new Set(runs).size, runs.length)
  })

  it("an empty key is refused, and nothing is stored", async () => {
    const { db, fermata } = new Project()
    const [run, emit, signal] = await Promise.all([
      fermata("run", "Echo", "--input", "{\"text\":\"a\"}", "--key", ""),
      fermata("emit", "ticket.created", "--key", ""),
      fermata("signal", "1234", "go", "--id", "")
    ])
    for (const [option, { code, stderr, stdout }] of [["--key", run], ["--key", emit], ["--id", signal]] as const) {
      assert.deepStrictEqual([code, stdout], [2, ""])
      assert.include(stderr, `error: ${option} needs a value: expected a text that is not empty`)
    }
    assert.isFalse(existsSync(db))
  })

  it("joining a run with another input says so, to people and to programs", async () => {
    const { fermata } = new Project()
    const run = (text: string, ...more: ReadonlyArray<string>) => fermata("run", "Echo", "--key", "k", "--input", JSON.stringify({ text }), ...more)
    const first = await run("one", "--json")
    assert.deepInclude(first.json, { joined: false, otherInput: false, output: "one" })
    const [same, other, told, left] = await Promise.all([run("one", "--json"), run("two", "--json"), run("two"), run("two", "--json", "--detach")])
    assert.deepInclude(same.json, { runId: first.json.runId, joined: true, otherInput: false })
    assert.notInclude(same.stderr, "another input")
    assert.deepInclude(other.json, { runId: first.json.runId, joined: true, otherInput: true, output: "one" })
    assert.deepInclude(left.json, { joined: true, otherInput: true })
    assert.include(told.stderr, "it was started with another input, and this one is not used; another --key starts a run of its own")
    const contract = (input: string) => fermata("run", "wait.json", "--key", "k", "--input", input, "--detach", "--json")
    assert.deepInclude((await contract("{\"a\":1,\"b\":2}")).json, { joined: false, otherInput: false })
    assert.deepInclude((await contract("{\"b\":2,\"a\":1}")).json, { joined: true, otherInput: false })
    assert.deepInclude((await contract("{\"a\":1,\"b\":3}")).json, { joined: true, otherInput: true })
  })
})
