/** What agents need of the platform that they run on. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, it } from "vitest"

const path = (name: string) => fileURLToPath(new URL(`../e2e/agents/${name}`, import.meta.url))

interface Told {
  readonly blocked: boolean
  readonly made: ReadonlyArray<string>
  readonly given: string
  readonly child: string
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const run = async (...options: ReadonlyArray<string>): Promise<Told> => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", ...options, path("ids.ts")])
  return JSON.parse(stdout) as Told
}

it("M-08: ids are made by the Web's Crypto where node:crypto is blocked, and those that follow from others are the same as with it", async () => {
  const without = await run("--import", path("without-crypto.mjs"))
  assert.isTrue(without.blocked)
  for (const id of without.made) assert.match(id, uuid)
  assert.strictEqual(new Set(without.made).size, 2)
  const { blocked, child, given } = await run()
  assert.deepStrictEqual([blocked, given, child], [false, without.given, without.child])
})
