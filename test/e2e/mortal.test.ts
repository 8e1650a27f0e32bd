/** The command killed before each statement that changes the database, from its first opening on. */
import { migrations } from "@fermata/host-node/Migrations"
import * as SqliteBackend from "@fermata/host-node/SqliteBackend"
import { Effect } from "effect"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

const killAt = (statement: number) => ({
  KILL_AT: String(statement),
  NODE_OPTIONS: `--import ${join(import.meta.dirname, "mortal/KillAt.ts")}`
})

/** What a database holds: its version, whether it is intact, and what was registered. */
const look = async (db: string) => {
  const connection = new DatabaseSync(db)
  const pragma = (name: string) => Object.values(connection.prepare(`PRAGMA ${name}`).get()!)[0]
  const found = { version: pragma("user_version"), check: pragma("integrity_check") }
  connection.close()
  const definitions = await Effect.runPromise(
    Effect.scoped(Effect.flatMap(SqliteBackend.make({ file: db }), (backend) => backend.definitions))
  )
  return { ...found, definitions: definitions.map(({ name, version }) => `${name}@${version}`) }
}

describe("kill -9 before a statement", () => {
  it("S3: of a first `contracts add` leaves all of a version or nothing, all of the contract or nothing, and the next add completes it", async () => {
    const project = new Project()
    const states = new Set<string>()
    let statement = 1
    for (;; statement++) {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(project.db + suffix, { force: true })
      const killed = await project.start(["contracts", "add", "approval.json"], { env: killAt(statement) }).ended
      const { check, definitions, version } = await look(project.db)
      assert.strictEqual(check, "ok")
      assert.include([0, migrations.length], version)
      const state = `${version} ${definitions.join()}`
      const isNew = !states.has(state)
      states.add(state)
      if (killed.code !== null) {
        assert.strictEqual(killed.code, 0, killed.stderr)
        break
      }
      if (killed.stdout.includes("expense")) {
        assert.deepStrictEqual(definitions, ["expense@1.0.0"], "it was acknowledged")
      }
      if (!isNew) continue
      const again = await project.fermata("contracts", "add", "approval.json", "--json")
      assert.strictEqual(again.code, 0, again.stderr)
      assert.deepStrictEqual((await look(project.db)).definitions, ["expense@1.0.0"])
    }
    assert.isAbove(statement, 8)
    assert.sameMembers([...states], ["0 ", `${migrations.length} `, `${migrations.length} expense@1.0.0`])
  })
})
