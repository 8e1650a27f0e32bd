/** What the page of threats says is shown by tests is shown by tests that are there. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("../../packages/agent", import.meta.url))
const page = readFileSync(join(folder, "THREATS.md"), "utf8")

const rows = page.split("\n").filter((line) => line.startsWith("| ") && line.includes(".test.ts"))

describe("the page of threats", () => {
  it("names tests that are there, by words of their titles", () => {
    assert.isAbove(rows.length, 20)
    for (const row of rows) {
      const [, file, title] = /\]\(([^)]+\.test\.ts)\) "([^"]+)"/.exec(row) ?? []
      assert.isTrue(file !== undefined && existsSync(join(folder, file)), row)
      const titles = readFileSync(join(folder, file!), "utf8").split("\n").filter((line) => /["`]/.test(line)).join(
        "\n"
      )
      assert.include(titles, title!, row)
    }
  })

  it("says of each threat what holds it, and has all ten of the list", () => {
    for (const section of page.split("\n### ").slice(1)) assert.match(section, /\| what holds \| shown by \|/)
    for (let n = 1; n <= 10; n++) assert.include(page, `| ASI${String(n).padStart(2, "0")} `)
  })

  it("is linked from the README of the package", () => {
    assert.include(readFileSync(join(folder, "README.md"), "utf8"), "(THREATS.md)")
  })
})
