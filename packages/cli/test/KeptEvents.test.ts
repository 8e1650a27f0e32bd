/** Events that are kept, as the command lists them. */
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

describe("events ls", () => {
  it("lists events that are kept, the last first, by name and as many as asked for, and makes no database", async () => {
    const project = new Project()
    const none = await project.type(["events", "ls"], { cwd: project.folder, env: { FERMATA_DB: undefined } })
    assert.deepInclude(none, { code: 0, stdout: "", stderr: "no events\n" })

    const emitted = [["a.b", 1], ["c", 2], ["a.b", 3]] as const
    for (const [name, number] of emitted) {
      const { code } = await project.fermata(
        "emit",
        name,
        "--data",
        `{"n":${number}}`,
        "--key",
        `k${number}`,
        "--no-wait"
      )
      assert.strictEqual(code, 0)
    }
    const [all, named, last, table] = await Promise.all([
      project.fermata("events", "ls", "--json"),
      project.fermata("events", "ls", "--name", "a.b", "--json"),
      project.fermata("events", "ls", "--limit", "1", "--json"),
      project.fermata("events", "ls", "--limit", "2")
    ])
    assert.deepStrictEqual(
      all.lines.map(({ at: _at, ...event }) => event as object),
      [...emitted].reverse().map(([event, n]) => ({ eventId: `k${n}`, event, source: "tester", payload: { n } }))
    )
    assert.deepStrictEqual(named.lines.map(({ eventId }) => eventId), ["k3", "k1"])
    assert.deepStrictEqual([last.lines.length, last.stderr], [1, "there are more; --limit 2 shows twice as many\n"])
    assert.match(
      table.stdout,
      /^EVENT +ID +PUBLISHED +SOURCE +PAYLOAD\na\.b +k3 +.* ago +tester +\{"n":3\}\nc +k2 +.* ago +tester +\{"n":2\}\n$/
    )
    assert.include(table.stderr, "--limit 4 shows twice as many")
  })
})
