import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Folder from "../src/Folder.ts"
import * as TempFolder from "./support/TempFolder.ts"

describe("a folder", () => {
  it.effect("tells what is in it and below, whole or from its beginning, and nothing of what is not there", () =>
    Effect.gen(function*() {
      const root = yield* TempFolder.make
      mkdirSync(join(root, "a", "pages"), { recursive: true })
      mkdirSync(join(root, "b"))
      writeFileSync(join(root, "a", "text.md"), "überall")
      const folder = Folder.at(root)
      assert.sameMembers([...yield* folder.folders], ["a", "b"])
      assert.deepStrictEqual(yield* folder.files("a"), ["text.md"])
      assert.deepStrictEqual(yield* folder.files("none"), [])
      assert.strictEqual(yield* folder.read("a/text.md"), "überall")
      assert.strictEqual(yield* folder.read("a/text.md", 4), "übe")
      assert.isUndefined(yield* folder.read("a/none.md"))
    }))

  it.effect("is not left: neither by a path, nor by a link that leads elsewhere", () =>
    Effect.gen(function*() {
      const outside = yield* TempFolder.make
      const root = yield* TempFolder.make
      writeFileSync(join(outside, "secret.md"), "secret")
      symlinkSync(outside, join(root, "elsewhere"))
      symlinkSync(join(outside, "secret.md"), join(root, "linked.md"))
      mkdirSync(join(root, "home"))
      symlinkSync(join(root, "home"), join(root, "inside"))
      writeFileSync(join(root, "home", "text.md"), "text")
      const folder = Folder.at(root)
      for (const path of ["../x", "elsewhere/secret.md", "linked.md", `../${outside.split("/").at(-1)}/secret.md`]) {
        const exit = yield* Effect.result(folder.read(path))
        if (exit._tag === "Success") assert.isUndefined(exit.success, path)
        else assert.include(exit.failure, "leads out of it")
      }
      assert.include(yield* Effect.flip(folder.files("elsewhere")), "leads out of it")
      assert.strictEqual(yield* folder.read("inside/text.md"), "text")
      writeFileSync(join(root, "large.md"), Buffer.alloc(1024 * 1024 + 1))
      assert.include(yield* Effect.flip(folder.read("large.md")), "more than 1048576 bytes")
      assert.include(yield* Effect.flip(Folder.at(join(root, "none")).folders), "none cannot be read")
    }))
})
