/** A folder in which something stands that is no file. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Folder from "../src/Folder.ts"
import * as TempFolder from "./support/TempFolder.ts"

describe("a folder", () => {
  it.effect("nobody waits for what writes into a pipe in it", () =>
    Effect.gen(function*() {
      const root = yield* TempFolder.make
      const pipes = Array.from({ length: 8 }, (_, at) => `${at}.md`)
      for (const name of pipes) execFileSync("mkfifo", [join(root, name)])
      mkdirSync(join(root, "folder"))
      writeFileSync(join(root, "text.md"), "text")
      const folder = Folder.at(root)
      for (const name of [...pipes, "folder"]) assert.include(yield* Effect.flip(folder.read(name)), "is no file")
      assert.strictEqual(yield* folder.read("text.md"), "text")
    }))
})
