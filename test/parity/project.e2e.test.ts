import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root } from "./Workflows.ts"

describe("the scripts of the project", () => {
  it("M-217: tests that reach too little fail by that alone, and are told what is missing", () => {
    const folder = mkdtempSync(join(tmpdir(), "fermata-coverage-"))
    try {
      const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
      const { status, stderr, stdout } = spawnSync(process.execPath, [
        vitest,
        "run",
        "--config=vitest.workspace.ts",
        "packages/core/test/WellFormed.test.ts",
        "--coverage",
        `--coverage.reportsDirectory=${folder}`,
        "--coverage.include=packages/core/src/**/*.ts"
      ], { cwd: root, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } })
      assert.strictEqual(status, 1, stdout + stderr)
      assert.match(stdout, /Tests +\d+ passed/)
      assert.notMatch(stdout, /Tests .*failed/)
      for (const what of ["lines", "branches", "functions"]) {
        assert.match(stderr, new RegExp(`Coverage for ${what} \\([\\d.]+%\\) does not meet global threshold`))
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
