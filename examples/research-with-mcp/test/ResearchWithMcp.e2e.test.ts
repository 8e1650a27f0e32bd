import { assert, describe, it } from "@effect/vitest"
import * as McpServers from "@fermata/agent/mcp/McpServers"
import { ModelOverride } from "@fermata/agent/Model"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Stream } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Researcher } from "../src/Researcher.ts"
import { script } from "../src/Script.ts"
import { servers } from "../src/Servers.ts"

/** A file that is gone with the test. */
const memory = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-research-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  ),
  (folder) => join(folder, "memory.jsonl")
)

/** The agent on the scripted model, with both servers, of which one remembers in this file. */
const world = (file: string) =>
  Researcher.layer.pipe(
    Layer.provide([
      McpServers.layer(servers(file)),
      Models.layer([Scripted.provider(script)]),
      Chunks.layerMemory,
      Layer.succeed(ModelOverride, "scripted")
    ]),
    Layer.provideMerge(Runs.layer),
    Layer.provideMerge(TestHost.layer)
  )

/** The run as it stands when it is over, or asks. */
const rest = (run: string) =>
  Effect.flatMap(
    Runs,
    (runs) => Effect.map(Stream.runCollect(runs.follow(run, { untilSuspended: true })), (all) => all.at(-1)!.view)
  )

const found = { owner: "team Ledger", onCall: "Ada, 0100", source: "payments.md" }

describe("research-with-mcp", () => {
  it.live(
    "finds the answer in the handbook, and has a person look at what it is to remember",
    () =>
      Effect.gen(function*() {
        const file = yield* memory
        yield* Effect.gen(function*() {
          const runs = yield* Runs
          const run = yield* Researcher.start({ service: "payments" }, { id: "1" })
          assert.strictEqual((yield* rest(run)).reason, "approval")
          const [question] = yield* runs.approvals({ run })
          assert.deepStrictEqual(question!.args, {
            entities: [{
              name: "payments",
              entityType: "service",
              observations: ["Owner: team Ledger", "On call: Ada, 0100", "From: payments.md"]
            }]
          })
          yield* runs.answer(question!.id, { decision: "approve", by: "librarian" })
          assert.deepNestedInclude(yield* rest(run), {
            status: "completed",
            "output.output": { ...found, remembered: false }
          })
          assert.include(readFileSync(file, "utf8"), "On call: Ada, 0100")
        }).pipe(Effect.provide(world(file)))
        // Another process: what is remembered is in the file of the server, and nobody is asked.
        yield* Effect.gen(function*() {
          const run = yield* Researcher.start({ service: "payments" }, { id: "2" })
          const view = yield* rest(run)
          assert.deepNestedInclude(view, { status: "completed", "output.output": { ...found, remembered: true } })
          assert.deepStrictEqual(view.steps.map(({ key }) => key).filter((key) => key.startsWith("mcp__")), [
            "mcp__memory__search_nodes"
          ])
        }).pipe(Effect.provide(world(file)))
      }),
    120_000
  )

  it.live("answers also where the librarian says no, and remembers nothing", () =>
    Effect.gen(function*() {
      const file = yield* memory
      yield* Effect.gen(function*() {
        const runs = yield* Runs
        const run = yield* Researcher.start({ service: "search" }, { id: "1" })
        yield* rest(run)
        yield* runs.answer(run, { decision: "deny", by: "librarian" })
        assert.deepNestedInclude(yield* rest(run), {
          status: "completed",
          "output.output": { owner: "team Lens", onCall: "Grace, 0101", source: "search.md", remembered: false }
        })
      }).pipe(Effect.provide(world(file)))
      const again = yield* Effect.provide(
        Effect.flatMap(Researcher.start({ service: "search" }, { id: "2" }), rest),
        world(file)
      )
      assert.strictEqual(again.reason, "approval")
    }), 120_000)
})
