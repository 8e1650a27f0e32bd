/** MCP servers as processes of their own: those that the protocol's authors publish, and what becomes of a run when one dies. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, McpServers, Policy } from "@fermata/agent"
import { McpStdio } from "@fermata/agent-node"
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { answer, call, calls, inTurn, said, Wire, world } from "./AgentWorld.ts"

const binOf = (name: string) => {
  const require = createRequire(new URL("../../packages/agent-node/package.json", import.meta.url))
  return join(dirname(require.resolve(`@modelcontextprotocol/${name}/package.json`)), "dist/index.js")
}

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-mcp-"))),
  (root) => Effect.sync(() => rmSync(root, { recursive: true }))
)

const agent = Agent.make("clerk", { instructions: "Do it.", model: "m", mcp: ["files"], policy: Policy.open })

describe("MCP servers over stdio", () => {
  it.effect(
    "M-176, M-177: the tools of the filesystem server join those of an agent, and one that only reads is called without asking",
    () =>
      Effect.gen(function*() {
        const root = yield* folder
        writeFileSync(join(root, "a.txt"), "what is in a")
        const script = inTurn(
          calls(call("1", "mcp__files__read_text_file", { path: join(root, "a.txt") })),
          answer("done")
        )
        const servers = McpServers.layer({
          files: McpStdio.server({ command: process.execPath, args: [binOf("server-filesystem"), root] })
        })
        yield* Effect.gen(function*() {
          const { text } = yield* agent.run("go")
          assert.strictEqual(text, "done")
          const [first, second] = yield* Wire
          const names = first!.tools.map(({ name }) => name)
          assert.include(names, "mcp__files__write_file")
          assert.include(said(second!).at(-1), "what is in a")
        }).pipe(Effect.provide(world(script, Layer.provide(agent.layer, servers))))
      }),
    30_000
  )
})
