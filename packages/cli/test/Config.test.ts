import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Config from "../src/Config.ts"
import * as KnownConfigs from "../src/KnownConfigs.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-config-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const write = (path: string, text: string) => Effect.sync(() => (writeFileSync(path, text), path))

describe("Config", () => {
  it.effect("is searched upwards, from the first folder that has one", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const below = join(root, "a", "b")
      mkdirSync(below, { recursive: true })
      const file = yield* write(join(root, "fermata.config.ts"), "export default { contracts: \"*.json\" }")
      assert.deepInclude(yield* Config.load(undefined, [below]), { file })
      assert.deepStrictEqual(yield* Config.load(undefined, [tmpdir()]), { file: undefined, config: {} })
    }))

  it.effect("names the contract files in order", () =>
    Effect.gen(function*() {
      const root = yield* folder
      yield* write(join(root, "b.json"), "{}")
      yield* write(join(root, "a.json"), "{}")
      const file = yield* write(join(root, "fermata.config.mjs"), "export default { contracts: [\"*.json\"] }")
      assert.deepStrictEqual(Config.contractFiles(yield* Config.load(file, [])), [
        join(root, "a.json"),
        join(root, "b.json")
      ])
    }))

  it.effect("that is broken is told in a sentence", () =>
    Effect.gen(function*() {
      const root = yield* folder
      let number = 0
      const problem = (text: string) =>
        Effect.flatMap(write(join(root, `${++number}.mjs`), text), (file) =>
          Effect.map(Effect.flip(Config.load(file, [])), ({ exitCode, message }) => {
            assert.strictEqual(exitCode, 2)
            return message.replace(file, "FILE")
          }))
      assert.strictEqual(
        yield* problem("export const a = 1"),
        "The configuration FILE has no default export; write export default defineConfig({ ... })"
      )
      assert.strictEqual(
        yield* problem("export default []"),
        "The configuration FILE exports a list by default; write export default defineConfig({ ... })"
      )
      assert.strictEqual(
        yield* problem("export default { task: {} }"),
        "The configuration FILE has the unknown field \"task\"; did you mean \"tasks\"?"
      )
      assert.strictEqual(
        yield* problem("export default { tasks: { a: 1 } }"),
        "The configuration FILE must have in \"tasks\" an object with a function for each task"
      )
      assert.strictEqual(
        yield* problem("export default { workflows: [1] }"),
        "The configuration FILE must have in \"workflows\" a list of layers, such as Purchase.toLayer(...)"
      )
      assert.strictEqual(
        yield* problem("export default { kinds: [{ kind: 'shout' }] }"),
        "The configuration FILE must have in \"kinds\" a list of kinds of steps, such as StepKind.make({ kind: \"shout\", ... })"
      )
      const kind = (name: string) =>
        `{ kind: "${name}", schema: {}, check: {}, graph: {}, needs: () => ({}), run: () => {} }`
      assert.strictEqual(
        yield* problem(`export default { kinds: [${kind("shout")}, ${kind("task")}] }`),
        "The configuration FILE has in \"kinds\" a second kind \"task\"; give it another name"
      )
      assert.strictEqual(
        yield* problem(`export default { kinds: [${kind("shout")}, ${kind("shout")}] }`),
        "The configuration FILE has in \"kinds\" a second kind \"shout\"; give it another name"
      )
      assert.strictEqual(
        yield* problem("export default { kind: [] }"),
        "The configuration FILE has the unknown field \"kind\"; did you mean \"kinds\"?"
      )
      assert.strictEqual(
        yield* problem("export default { steps: [] }"),
        "The configuration FILE has the unknown field \"steps\"; known are workflows, contracts, tasks, llm, kinds, agents, models, secrets, egress, skills, mcp, services, server, scripted"
      )
      const agent = (name: string, ...below: ReadonlyArray<string>) =>
        `{ layer, agent: { name: "${name}", models: [], agents: [${
          below.map((name) => `{ name: "${name}" }`)
        }] } }`
      const agents = (...all: ReadonlyArray<string>) => {
        const effect = JSON.stringify(import.meta.resolve("effect"))
        return `import { Layer } from ${effect}; const layer = Layer.empty; export default { agents: [${all}] }`
      }
      assert.strictEqual(
        yield* problem("export default { agents: [{}] }"),
        "The configuration FILE must have in \"agents\" a list of agents with their layers, such as { agent: Reviewer, layer: Reviewer.layer }"
      )
      assert.strictEqual(
        yield* problem(agents(agent("a"), agent("a"))),
        "The configuration FILE has in \"agents\" a second agent \"a\"; give it another name"
      )
      assert.strictEqual(
        yield* problem(agents(agent("a", "b"))),
        "The configuration FILE has in \"agents\" \"a\", which gives work to \"b\"; put that among them too"
      )
      assert.strictEqual(
        yield* problem("export default { models: [\"claude\"] }"),
        "The configuration FILE must have in \"models\" a list of providers, such as Anthropic.provider()"
      )
      assert.strictEqual(
        yield* problem("export default { scripted: \"hello\" }"),
        "The configuration FILE must have in \"scripted\" a function of a request, or a list with an answer for each turn"
      )
      assert.include(
        yield* problem("throw new Error('no database password')"),
        "cannot be loaded: Error: no database password"
      )
      assert.include(yield* problem("export default {"), "cannot be loaded: ")
    }))

  it.effect("is remembered by workflow beside the database", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const db = join(root, "fermata.db")
      const [a, b] = yield* Effect.all([write(join(root, "a.ts"), ""), write(join(root, "b.ts"), "")])
      assert.isUndefined(yield* KnownConfigs.recall(db))
      yield* KnownConfigs.remember(db, "one", a)
      yield* KnownConfigs.remember(db, "two", b)
      assert.deepStrictEqual([
        yield* KnownConfigs.recall(db, "one"),
        yield* KnownConfigs.recall(db),
        yield* KnownConfigs.recall(db, "three")
      ], [a, b, undefined])
      rmSync(a)
      assert.isUndefined(yield* KnownConfigs.recall(db, "one"))
    }))
})
