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

  it.effect("has what it does not say from the one that it extends, and that keeps its own paths", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const [shared, host] = [join(root, "shared"), join(root, "host")]
      mkdirSync(join(shared, "contracts"), { recursive: true })
      mkdirSync(host)
      yield* write(join(shared, "contracts", "a.json"), "{}")
      const base = yield* write(
        join(shared, "base.mjs"),
        `const does = (what) => () => what
export default { contracts: "contracts/*.json", skills: "skills", tasks: { look: does("base"), mail: does("base") }, scripted: ["base"] }`
      )
      for (const named of [base, "../shared/base.mjs"]) {
        const file = yield* write(
          join(host, `${named.length}.mjs`),
          `export default { extends: ${
            JSON.stringify(named)
          }, contracts: undefined, tasks: { mail: () => "host" }, scripted: ["host"] }`
        )
        const loaded = yield* Config.load(file, [])
        assert.strictEqual(loaded.file, file)
        assert.deepStrictEqual(Config.contractFiles(loaded), [join(shared, "contracts", "a.json")])
        const { scripted, skills, tasks = {} } = loaded.config
        assert.deepStrictEqual(scripted, ["host"])
        assert.strictEqual(skills, join(shared, "skills"))
        assert.deepStrictEqual(
          Object.entries(tasks).map(([name, handler]) => [name, (handler as () => unknown)()]),
          [["look", "base"], ["mail", "host"]]
        )
      }
    }))

  it.effect("that extends what is not there, what is broken or itself is refused, and says which file", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const at = (name: string) => join(root, `${name}.mjs`)
      const problem = (name: string) => Effect.map(Effect.flip(Config.load(at(name), [])), ({ message }) => message)
      yield* write(at("lost"), "export default { extends: \"nowhere.mjs\" }")
      assert.strictEqual(
        yield* problem("lost"),
        `The configuration ${at("lost")} extends "nowhere.mjs", and there is no file ${
          join(root, "nowhere.mjs")
        }; give an absolute path, or one from its own folder`
      )
      yield* write(at("wrong"), "export default { extends: 1 }")
      assert.strictEqual(
        yield* problem("wrong"),
        `The configuration ${
          at("wrong")
        } must have in "extends" the file of another configuration, such as "../fermata.config.ts"`
      )
      yield* write(at("broken"), "export default { task: {} }")
      yield* write(at("above"), "export default { extends: \"broken.mjs\" }")
      assert.strictEqual(
        yield* problem("above"),
        `The configuration ${at("broken")} has the unknown field "task"; did you mean "tasks"?`
      )
      yield* write(at("a"), "export default { extends: \"b.mjs\" }")
      yield* write(at("b"), "export default { extends: \"a.mjs\" }")
      assert.strictEqual(
        yield* problem("a"),
        `The configuration ${at("b")} extends itself: ${at("a")} extends ${at("b")} extends ${at("a")}`
      )
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
        "The configuration FILE has the unknown field \"steps\"; known are extends, workflows, contracts, tasks, queue, dispatch, machines, llm, kinds, agents, models, secrets, egress, skills, mcp, services, server, scripted"
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
