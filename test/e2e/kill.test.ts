import { assert, describe, it } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { kill, problems } from "./kill/Kill.ts"

const kills = 20

describe("kill -9", () => {
  it("S1, S4: runs of 200 steps, killed at random moments, are completed by a worker, and only a step in flight ran again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fermata-kill-"))
    try {
      const tally = await kill({
        command: [process.execPath, join(import.meta.dirname, "../../packages/cli/src/bin.ts")],
        config: join(import.meta.dirname, "kill/fermata.config.ts"),
        folder,
        kills,
        steps: 200,
        leaseMs: 1_000
      })
      assert.deepStrictEqual(problems(tally, kills), [])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
