/** What a rule of a policy denies to be read is read, listed and searched by none of the tools of its agent. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, Models, Policy, Scripted } from "@fermata/agent"
import * as FileTools from "@fermata/agent-node/FileTools"
import * as SearchTools from "@fermata/agent-node/SearchTools"
import * as Workspace from "@fermata/agent-node/Workspace"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer } from "effect"
import { Toolkit } from "effect/ai"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const files = {
  "a.ts": "open word\n",
  "plans/next.md": "secret word\n",
  "src/plans/kept.md": "open word\n",
  "src/token.key": "secret word\n",
  "lists/[x].md": "secret word\n"
}

const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const root = mkdtempSync(join(tmpdir(), "fermata-unreadable-"))
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), content)
    }
    symlinkSync("plans/next.md", join(root, "harmless.md"))
    symlinkSync("plans", join(root, "more"))
    return root
  }),
  (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
)

const kit = Toolkit.merge(FileTools.toolkit, SearchTools.toolkit)

/** What the model is told of these calls, one after another, of which each is made without asking that no rule denies. */
const told = (
  root: string,
  policy: Policy.Policy,
  ...each: ReadonlyArray<readonly [tool: string, params: unknown]>
) => {
  const agent = Agent.make("agent", { instructions: "", model: "m", toolkit: kit, policy })
  const results: Array<string> = []
  const script: Scripted.Script = (request, turn) => {
    if (turn > 0) results.push(JSON.stringify(request.prompt.content.at(-1)))
    return turn < each.length ? [Scripted.call(each[turn]![0], each[turn]![1])] : "done"
  }
  const base = Layer.mergeAll(Models.layer([Scripted.provider(script, { name: "m" })]), Chunks.layerMemory).pipe(
    Layer.provideMerge(Layer.provideMerge(Runs.layer, TestHost.layer))
  )
  const tools = Layer.provide(
    Layer.mergeAll(FileTools.layer, SearchTools.layer),
    Workspace.layer({ root, hidden: [] })
  )
  return Effect.gen(function*() {
    const [host, runs] = [yield* TestHost, yield* Runs]
    const run = yield* agent.start("go", { id: "1" })
    while ((yield* runs.show(run)).status !== "completed") {
      yield* Effect.promise(() => new Promise(setImmediate))
      yield* host.settled
    }
    return results
  }).pipe(Effect.provide(Layer.provideMerge(Layer.provide(Layer.orDie(agent.layer), Layer.orDie(tools)), base)))
}

const deny = ["Read(plans/**)", "Read(*.key)", String.raw`Read(lists/\[x\].md)`]

describe("M-11: what a rule denies to be read", () => {
  it.effect("is in no result of Grep and Glob, under whatever name it is asked for", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const results = yield* told(
        root,
        Policy.rules({ mode: "open", deny }),
        ["Grep", { pattern: "word", output_mode: "content" }],
        ["Grep", { pattern: "word", output_mode: "count" }],
        ["Glob", { pattern: "**/*" }],
        ["Glob", { pattern: "plans/*" }],
        ["Grep", { pattern: "word", path: "plans" }],
        ["Grep", { pattern: "word", path: "src/token.key" }],
        ["Glob", { pattern: "*", path: "more" }],
        ["Grep", { pattern: "word", path: "harmless.md" }],
        ["Read", { file_path: "harmless.md" }],
        ["Read", { file_path: "more/next.md" }],
        ["Edit", { file_path: "plans/next.md", old_string: "secret", new_string: "" }]
      )
      const [content, count, all, ...others] = results
      assert.include(content!, String.raw`a.ts:1:open word\nsrc/plans/kept.md:1:open word`)
      assert.include(count!, String.raw`a.ts:1\nsrc/plans/kept.md:1`)
      assert.include(all!, String.raw`a.ts\nsrc/plans/kept.md`)
      for (const result of results) assert.notInclude(result, "secret word")
      for (const result of results.slice(0, 4)) assert.notMatch(result, /token\.key|next\.md|\[x\]\.md/)
      assert.lengthOf(others, 8)
      assert.strictEqual(readFileSync(join(root, "plans/next.md"), "utf8"), "secret word\n")
    }))

  it.effect("is not replaced either, since whoever is asked and the journal would be shown what was there", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const results = yield* told(
        root,
        Policy.rules({ mode: "open", deny }),
        ["Write", { file_path: "plans/next.md", content: "mine\n" }],
        ["Write", { file_path: "plans/new.md", content: "mine\n" }]
      )
      assert.include(results[0]!, "is not read: a rule of the policy forbids it")
      assert.strictEqual(readFileSync(join(root, "plans/next.md"), "utf8"), "secret word\n")
      assert.strictEqual(readFileSync(join(root, "plans/new.md"), "utf8"), "mine\n", "a new one is made")
    }))

  it.effect("is refused with its rule where it is named, and without one where nobody denies it", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const calls = [["Grep", { pattern: "w", path: "src/token.key" }], ["Read", { file_path: "harmless.md" }]] as const
      const [named, linked] = yield* told(root, Policy.rules({ mode: "open", deny }), ...calls)
      assert.include(named!, "rule Read(*.key) forbids it")
      assert.include(linked!, "is not read: a rule of the policy forbids it")
      const open = yield* told(root, Policy.rules({ mode: "open", deny: ["Write(plans/**)"] }), ...calls)
      assert.include(open[0]!, "src/token.key")
      assert.include(open[1]!, "secret word")
    }))

  it.effect("is hidden by a policy in code that hands it on, and from a sandbox that asks what is guarded", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const rules = Policy.rules({ deny })
      const code: Policy.Policy = Object.assign(
        ((call) => call.tool === "Glob" ? { decision: "allow" } : rules(call)) as Policy.Policy,
        { unreadable: rules.unreadable }
      )
      const [all] = yield* told(root, code, ["Glob", { pattern: "**/*" }])
      assert.notInclude(all!, "next.md")
      const workspace = yield* Workspace.make({ root, hidden: [] })
      const guarded = yield* Effect.provideService(
        workspace.guarded,
        AgentTool.CurrentUnreadable,
        rules.unreadable ?? []
      )
      const names = guarded.hidden.map((place) => place.slice(workspace.root.length + 1))
      assert.sameMembers(names, ["plans", "src/token.key", "lists/[x].md"])
      assert.isEmpty((yield* workspace.guarded).hidden)
    }))
})
