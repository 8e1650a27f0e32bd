import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const module = new URL("../src/internal/WrittenAt.ts", import.meta.url).href

describe("where a function is written", () => {
  it("is from the working directory, in folders with a space too, and is left out where a process may not look into itself", () => {
    const folder = mkdtempSync(join(realpathSync(tmpdir()), "fermata written at-"))
    try {
      const file = join(folder, "a key.ts")
      writeFileSync(
        file,
        `import { writtenAt } from ${JSON.stringify(module)}\nconst key: (id: string) => string =\n  (id) => id\n`
          + `console.log(String(writtenAt(key)))\n`
      )
      const told = (cwd: string, ...options: ReadonlyArray<string>) =>
        execFileSync(process.execPath, [...options, file], { cwd, encoding: "utf8", env: {} }).trim()
      assert.strictEqual(told(folder), "a key.ts:3")
      assert.strictEqual(told(join(import.meta.dirname)), `${file}:3`)
      assert.strictEqual(told(folder, "--permission", "--allow-fs-read=*"), "undefined")
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
