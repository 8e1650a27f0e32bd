import { assert, describe, it } from "@effect/vitest"
import * as FileTools from "@fermata/agent-node/FileTools"
import * as SearchTools from "@fermata/agent-node/SearchTools"
import * as WebTools from "@fermata/agent-node/WebTools"
import * as Workspace from "@fermata/agent-node/Workspace"
import * as Agent from "@fermata/agent/Agent"
import * as Policy from "@fermata/agent/Policy"
import * as Egress from "@fermata/engine/Egress"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Stream } from "effect"
import type { Tool, Toolkit } from "effect/ai"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { answer, call, calls, inTurn, Wire, world } from "./AgentWorld.ts"

/** A folder with these files, gone with the scope. */
const folder = (files: Readonly<Record<string, string | Uint8Array>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const root = mkdtempSync(join(tmpdir(), "fermata-parity-"))
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(root, name)), { recursive: true })
        writeFileSync(join(root, name), content)
      }
      return root
    }),
    (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
  )

/** What a model is told of these calls, which it makes one after another in a run. */
const told = <Tools extends Record<string, Tool.Any>, E>(
  toolkit: Toolkit.Toolkit<Tools>,
  handlers: Layer.Layer<Tool.HandlersFor<Tools>, E>,
  ...each: ReadonlyArray<readonly [tool: string, params: unknown]>
) => {
  const agent = Agent.make("agent", { instructions: "Do it.", model: "m", toolkit, policy: Policy.open })
  const script = inTurn(...each.map(([tool, params], n) => calls(call(`c${n}`, tool, params))), answer("done"))
  return Effect.gen(function*() {
    const [host, runs] = [yield* TestHost, yield* Runs]
    const run = yield* agent.start("go", { id: "1" })
    while ((yield* runs.show(run)).status !== "completed") {
      yield* Effect.promise(() => new Promise(setImmediate))
      yield* host.settled
    }
    return (yield* Wire).at(-1)!.prompt.content.flatMap((message) =>
      message.role === "tool"
        ? message.content.flatMap((part) => part.type === "tool-result" ? [part.result] : [])
        : []
    )
  }).pipe(Effect.provide(world(script, Layer.provide(Layer.orDie(agent.layer), Layer.orDie(handlers)))))
}

describe("tools that look for files", () => {
  const files = {
    "a.ts": "one",
    "src/b.ts": "two\none two\n",
    "src/c.md": "one",
    ".gitignore": "out",
    "out/d.ts": "one"
  }

  it.effect("M-110: Glob gives the files that fit a pattern", () =>
    Effect.gen(function*() {
      const root = yield* folder(files)
      const layer = Layer.provide(SearchTools.layer, Workspace.layer({ root }))
      assert.deepStrictEqual(yield* told(SearchTools.toolkit, layer, ["Glob", { pattern: "**/*.ts" }]), [
        "a.ts\nsrc/b.ts"
      ])
    }))

  it.effect("M-111: Grep finds the same with ripgrep and without", () =>
    Effect.gen(function*() {
      const root = yield* folder(files)
      for (const ripgrep of [true, false]) {
        const layer = Layer.provide(SearchTools.layerWith({ ripgrep }), Workspace.layer({ root }))
        assert.deepStrictEqual(
          yield* told(
            SearchTools.toolkit,
            layer,
            ["Grep", { pattern: "^o.e" }],
            ["Grep", { pattern: "two", output_mode: "content" }]
          ),
          ["a.ts\nsrc/b.ts\nsrc/c.md", "src/b.ts:1:two\nsrc/b.ts:2:one two"]
        )
      }
    }))
})

describe("tools that change notebooks and read the web", () => {
  it.effect("M-124: NotebookEdit puts a cell in, replaces it and takes one out, and the notebook stays one", () =>
    Effect.gen(function*() {
      const cell = { cell_type: "markdown", id: "a", metadata: {}, source: ["# A"] }
      const before = { cells: [cell], metadata: { kernelspec: { name: "k" } }, nbformat: 4, nbformat_minor: 5 }
      const root = yield* folder({ "n.ipynb": `${JSON.stringify(before, null, 1)}\n` })
      const layer = Layer.provide(FileTools.layer, Workspace.layer({ root }))
      const notebook_path = "n.ipynb"
      const results = yield* told(
        FileTools.toolkit,
        layer,
        ["NotebookEdit", { notebook_path, cell_id: "a", edit_mode: "insert", cell_type: "markdown", new_source: "b" }],
        ["NotebookEdit", { notebook_path, cell_id: "1", new_source: "B" }],
        ["NotebookEdit", { notebook_path, cell_id: "a", edit_mode: "delete" }]
      )
      assert.lengthOf(results.filter((result) => String(result).startsWith("changed n.ipynb")), 3)
      const text = readFileSync(join(root, "n.ipynb"), "utf8")
      const after: typeof before = JSON.parse(text)
      assert.deepStrictEqual(after.cells.map(({ source }) => source), [["B"]])
      assert.deepStrictEqual({ ...after, cells: before.cells }, before)
      assert.strictEqual(text, `${JSON.stringify(after, null, 1)}\n`)
    }))

  it.effect("M-112: WebFetch gives the text of a page without its tags", () =>
    Effect.gen(function*() {
      const answer = {
        status: 200,
        headers: [["content-type", "text/html"]] as const,
        body: Stream.make(new TextEncoder().encode("<html><body><h1>News</h1><p>All is <b>well</b>.</p></body></html>"))
      }
      const out = Egress.layerMemory({ "a.example": ["93.184.216.34"] }, () => Effect.succeed(answer), { hosts: ["*"] })
      const results = yield* told(WebTools.toolkit, Layer.provide(WebTools.layer, out), [
        "WebFetch",
        { url: "https://a.example/" }
      ])
      assert.strictEqual(String(results[0]), "## News\n\nAll is **well**.")
    }))
})
