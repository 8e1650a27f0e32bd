/** The audit and the keys of requests, where processes die and others write beside them. */
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"
import { type Serving, serving } from "./support/Serving.ts"

interface Raised {
  readonly status: number
  readonly replayed: boolean
}

/** Raises what a workflow may spend by one token, under a key. Undefined where the server has gone before it could answer. */
const raise = async ({ url }: Serving, key: string): Promise<Raised | undefined> => {
  try {
    const response = await fetch(`${url}/api/spending/raises`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ workflow: "Echo", tokens: 1 })
    })
    await response.text()
    return { status: response.status, replayed: response.headers.get("idempotency-replayed") === "true" }
  } catch {
    return undefined
  }
}

/** What the tables hold: each raise, each line about one, and what all of them sum up to. */
const tables = (project: Project) => {
  const db = new DatabaseSync(project.db, { readOnly: true })
  const count = (sql: string) => Number(db.prepare(sql).get()!["n"])
  const found = {
    acts: count("SELECT count(*) AS n FROM day_raises"),
    lines: count("SELECT count(*) AS n FROM audit WHERE action = 'day.raise'"),
    requests: count("SELECT count(*) AS n FROM requests")
  }
  db.close()
  return found
}

describe("the audit", () => {
  it("N-54: whatever the moment at which a server is killed, there is a line for each act, an act for each line, and what is asked again is done once", async () => {
    const project = new Project()
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`)
    const answered = new Set<string>()
    let server = await serving(project, "--no-work")
    for (let life = 0; life < 2; life++) {
      const own = keys.slice(life * 20, life * 20 + 20)
      const dying = server
      // Half of them have been answered when the process dies, and the rest is in flight.
      await Promise.all(own.map(async (key) => {
        if ((await raise(dying, key))?.status === 200) answered.add(key)
        if (answered.size >= life * 20 + 8 && dying.process.exitCode === null) dying.process.kill("SIGKILL")
      }))
      await dying.ended
      const { acts, lines, requests } = tables(project)
      assert.deepStrictEqual([lines, requests], [acts, acts])
      assert.isAtLeast(acts, answered.size, "what was acknowledged is recorded")
      server = await serving(project, "--no-work")
      for (const key of own) {
        const again = await raise(server, key)
        assert.strictEqual(again?.status, 200)
        if (answered.has(key)) assert.isTrue(again?.replayed, key)
        answered.add(key)
      }
      assert.deepStrictEqual(tables(project), { acts: answered.size, lines: answered.size, requests: answered.size })
    }
    assert.strictEqual(answered.size, keys.length)
    const verified = await project.fermata("audit", "verify", "--json")
    assert.deepInclude(verified.json as object, { intact: true }, verified.stderr)
  })

  it("N-54: two servers and a command that write at once make one chain, and a key that both are asked under is done once", async () => {
    const project = new Project()
    const servers = await Promise.all([serving(project, "--no-work"), serving(project, "--no-work")])
    const [raises] = await Promise.all([
      Promise.all(
        Array.from({ length: 20 }, (_, index) => Promise.all(servers.map((server) => raise(server, `both-${index}`))))
      ),
      Promise.all(
        Array.from({ length: 3 }, (_, index) => project.fermata("token", "create", `t${index}`, "--scope", "read"))
      )
    ])
    for (const both of raises) {
      // From the first token on, a server asks for one.
      if (both.some((one) => one?.status === 401)) continue
      assert.deepStrictEqual(both.map((one) => one?.status), [200, 200])
      assert.strictEqual(both.filter((one) => one?.replayed === true).length, 1)
    }
    const { acts, lines, requests } = tables(project)
    assert.isAbove(acts, 0)
    assert.deepStrictEqual([lines, requests], [acts, acts])
    const { code, json } = await project.fermata("audit", "verify", "--json")
    assert.strictEqual(code, 0)
    assert.strictEqual(
      (json as unknown as { readonly lines: number }).lines,
      acts + 3 + 1,
      "and the contract of the configuration"
    )
  })
})
