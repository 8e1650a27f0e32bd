import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as McpTokens from "../src/McpTokens.ts"

const place = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-tokens-"))),
    (root) => Effect.sync(() => rmSync(root, { recursive: true }))
  ),
  (root) => join(root, "deep", "tokens")
)

describe("the tokens of MCP servers", () => {
  it.effect("of two processes that save at once are all kept, each in a file that its owner alone reads", () =>
    Effect.gen(function*() {
      const path = yield* place
      const processes = [McpTokens.folder(path), McpTokens.folder(path)]
      const servers = Array.from({ length: 20 }, (_, index) => `https://server-${index}.example/mcp`)
      yield* Effect.forEach(servers, (server, index) => processes[index % 2]!.save(server, `token ${index}`), {
        concurrency: "unbounded"
      })
      const kept = yield* Effect.forEach(servers, (server) => McpTokens.folder(path).load(server))
      assert.deepStrictEqual(kept, servers.map((_, index) => `token ${index}`))
      const files = readdirSync(path)
      assert.lengthOf(files, 20)
      for (const file of files) assert.strictEqual(statSync(join(path, file)).mode & 0o777, 0o600)
      assert.strictEqual(statSync(path).mode & 0o777, 0o700)
    }))

  it.effect("are gone once they are deleted, also twice, and what is no such file is told", () =>
    Effect.gen(function*() {
      const path = yield* place
      const { load, save } = McpTokens.folder(path)
      assert.isUndefined(yield* load("a"))
      yield* save("a", "one")
      yield* save("b", "two")
      for (const _ of [1, 2]) yield* save("a", undefined)
      assert.deepStrictEqual([yield* load("a"), yield* load("b")], [undefined, "two"])
      const [file] = readdirSync(path)
      writeFileSync(join(path, file!), "nonsense")
      const error = yield* Effect.flip(load("b"))
      assert.match(String(error), /tokens.*is no file of tokens: delete it, and log in again/)
    }))
})
