/** The reference servers that keep something: what they have kept is theirs, and what agents do with it is in the journal. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, McpServers, Policy } from "@fermata/agent"
import { McpStdio } from "@fermata/agent-node"
import { Runs } from "@fermata/engine/Runs"
import { Effect, Layer } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { answer, call, calls, inTurn, type Part, said, Wire, world } from "./AgentWorld.ts"

const binOf = (name: string) => {
  const require = createRequire(new URL("../../packages/agent-node/package.json", import.meta.url))
  return join(dirname(require.resolve(`@modelcontextprotocol/${name}/package.json`)), "dist/index.js")
}

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-mcp-"))),
  (root) => Effect.sync(() => rmSync(root, { recursive: true }))
)

const agent = Agent.make("clerk", { instructions: "Do it.", model: "m", mcp: ["kept"], policy: Policy.open })

describe("the reference servers over stdio", () => {
  it.effect(
    "M-176, M-177: the memory server keeps entities and relations for a later run, which finds them",
    () =>
      Effect.gen(function*() {
        const file = join(yield* folder, "memory.jsonl")
        const servers = McpServers.layer({
          kept: McpStdio.server({
            command: process.execPath,
            args: [binOf("server-memory")],
            env: { MEMORY_FILE_PATH: file }
          })
        })
        const of = (...script: ReadonlyArray<ReadonlyArray<Part>>) =>
          Effect.gen(function*() {
            const { text } = yield* agent.run("go")
            assert.strictEqual(text, "done")
            return said((yield* Wire).at(-1)!).at(-1)!
          }).pipe(Effect.provide(world(inTurn(...script), Layer.provide(agent.layer, servers))))
        const entity = (name: string, observation: string) => ({
          name,
          entityType: "person",
          observations: [observation]
        })
        yield* of(
          calls(
            call("1", "mcp__kept__create_entities", {
              entities: [entity("Ada", "counts"), entity("Grace", "compiles")]
            })
          ),
          calls(
            call("2", "mcp__kept__create_relations", {
              relations: [{ from: "Ada", to: "Grace", relationType: "precedes" }]
            })
          ),
          answer("done")
        )
        assert.lengthOf(readFileSync(file, "utf8").trim().split("\n"), 3)
        const found = yield* of(calls(call("1", "mcp__kept__search_nodes", { query: "compiles" })), answer("done"))
        assert.include(found, "Grace")
        assert.notInclude(found, "counts")
        const graph = yield* of(calls(call("1", "mcp__kept__read_graph", {})), answer("done"))
        assert.include(graph, "precedes")
      }),
    60_000
  )

  it.effect(
    "M-176, M-177: the sequential-thinking server counts the thoughts of one run, also where it is told them one by one",
    () =>
      Effect.gen(function*() {
        const thought = (id: string, thoughtNumber: number) =>
          call(id, "mcp__kept__sequentialthinking", {
            thought: `thought ${thoughtNumber}`,
            nextThoughtNeeded: thoughtNumber < 3,
            thoughtNumber,
            totalThoughts: 3
          })
        const script = inTurn(
          calls(thought("1", 1)),
          calls(thought("2", 2)),
          calls(thought("3", 3)),
          answer("done")
        )
        const servers = McpServers.layer({
          kept: McpStdio.server({ command: process.execPath, args: [binOf("server-sequential-thinking")] })
        })
        yield* Effect.gen(function*() {
          yield* agent.run("go", { id: "1" })
          const [first, ...more] = yield* Wire
          assert.deepStrictEqual(first!.tools.map(({ name }) => name), ["mcp__kept__sequentialthinking"])
          for (const [index, asked] of more.entries()) {
            assert.include(said(asked).at(-1), `"thoughtHistoryLength":${index + 1}`)
          }
          const runs = yield* Runs
          const [run] = yield* runs.list()
          const { steps } = yield* runs.show(run!.id)
          assert.lengthOf(steps.filter(({ key }) => key.startsWith("mcp__kept__sequentialthinking")), 3)
        }).pipe(Effect.provide(world(script, Layer.provide(agent.layer, servers))))
      }),
    60_000
  )
})
