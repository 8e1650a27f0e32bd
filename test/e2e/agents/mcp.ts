/**
 * An agent with the tools of an MCP server over HTTP, on SQLite, for a process that is killed:
 * `node mcp.ts DB URL TRANSPORT TOOL`. It says `kept` when a call can be gone on with, and at the end how its run stands.
 */
import { Agent, McpHttp, McpServers, Models, Policy, Scripted } from "@fermata/agent"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer, Stream } from "effect"

const [db, url, transport, tool] = process.argv.slice(2) as [string, string, "http" | "sse", string]

const Clerk = Agent.make("clerk", { instructions: "Do it.", model: "demo", mcp: ["s"], policy: Policy.open })

const models = Models.layer([
  Scripted.provider(
    (request, turn) => turn === 0 ? [Scripted.call(`mcp__s__${tool}`, {})] : Scripted.lastText(request),
    { name: "demo" }
  )
])

const program = Effect.gen(function*() {
  const runs = yield* Runs
  const run = yield* Clerk.start("go", { id: "1" })
  yield* (yield* Chunks).follow(run).pipe(
    Stream.filter(({ value }) => JSON.stringify(value).includes("\"mcp\"")),
    Stream.runForEach(() => Effect.sync(() => process.stdout.write("kept\n"))),
    Effect.forkScoped
  )
  while (true) {
    const { output, status, waits } = yield* runs.show(run)
    if (["completed", "failed", "suspended"].includes(status)) {
      return process.stdout.write(`${JSON.stringify({ status, output, waits })}\n`)
    }
    yield* Effect.sleep(5)
  }
})

await Effect.runPromise(
  Effect.scoped(program).pipe(Effect.provide(
    Clerk.layer.pipe(
      Layer.provide([models, McpServers.layer({ s: McpHttp.server({ url, transport }) })]),
      Layer.provideMerge(Runs.layer),
      Layer.provideMerge(NodeHost.layer({ db, leaseMs: 1_000 }))
    )
  ))
)
process.exit(0)
