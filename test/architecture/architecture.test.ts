import { assert, describe, it } from "@effect/vitest"
import * as Repository from "./Repository.ts"
import * as Rules from "./rules.ts"
import * as Sizes from "./sizes.ts"

const source = (file: string, text: string): Rules.Source => ({ file, text })

const inCore = (text: string) => source("packages/core/src/Probe.ts", text)
const inEngine = (text: string) => source("packages/engine/src/Probe.ts", text)

const manifestFor = (file: string): Rules.Manifest => Repository.packages.get(file.split("/")[1] ?? "") ?? {}

const everywhere = (rule: (source: Rules.Source) => ReadonlyArray<string>) => Repository.sources.flatMap(rule)

const clean = (violations: ReadonlyArray<string>) => assert.deepStrictEqual(violations, [])

/** The rule finds exactly one violation in each text, and none in the allowed ones. */
const proves = (
  rule: (source: Rules.Source) => ReadonlyArray<string>,
  refused: ReadonlyArray<Rules.Source>,
  allowed: ReadonlyArray<Rules.Source>
) => {
  for (const text of refused) assert.lengthOf(rule(text), 1, `not refused once: ${text.file} ${text.text}`)
  for (const text of allowed) clean(rule(text))
}

describe("the repository", () => {
  it("is read: every package has sources, a manifest and a project", () => {
    assert.includeMembers([...Repository.packages.keys()], ["core", "engine", "testing", "host-node", "cli"])
    for (const name of Repository.packages.keys()) {
      assert.isTrue(
        Repository.sources.some(({ file }) => file.startsWith(`packages/${name}/src/`)),
        `no sources found in ${name}`
      )
      assert.include(Repository.projects, `packages/${name}`)
    }
  })

  it("imports only along the dependency tree", () => {
    clean(everywhere((source) => Rules.direction(source, manifestFor(source.file))))
  })

  it("imports only what other packages make public", () => clean(everywhere(Rules.publicOnly)))

  it("has no files that import each other in a circle, types included", () => clean(Rules.circles(Repository.sources)))

  it("lets bodies, steps and clocks know their run as RunPort alone", () => clean(everywhere(Rules.port)))

  it("decides without effects, stores and runs that are going on", () => clean(everywhere(Rules.deciding)))

  it("imports concrete Effect modules in packages", () => clean(everywhere(Rules.concreteModules)))

  it("takes time and chance from Effect's services outside hosts", () => clean(everywhere(Rules.timeAndChance)))

  it("makes values text in one place", () => clean(everywhere(Rules.storedText)))

  it("decides nothing by a note in a journal", () => clean(everywhere(Rules.notes)))

  it("makes the commands that it prints in one place", () => clean(everywhere(Rules.printedCommands)))

  it("starts processes in end-to-end tests only", () => clean(Rules.processes(Repository.sources)))

  it("keeps every file within the budget of its folder, with the exceptions that are named", () =>
    clean(everywhere((source) => Sizes.size(source))))

  it("has short files in core and engine: half of them and nine in ten", () =>
    clean(Sizes.distribution(Repository.sources)))

  it("keeps every class within the budget of members, with the exceptions that are named", () =>
    clean(everywhere((source) => Sizes.members(source))))

  it("names no exception to a budget that is not there", () => {
    clean(Sizes.stale(Repository.sources))
    assert.lengthOf(Sizes.stale([]), Sizes.largeFiles.size + Sizes.largeClasses.size + Sizes.longChains.size)
  })

  it("has no chain of extends of its own above one, with the exceptions that are named", () =>
    clean(Sizes.chains(Repository.sources)))

  it("names folders and files by domain", () => clean(everywhere(Rules.names)))

  it("keeps indexes free of code", () => clean(everywhere(Rules.barrels)))

  it("says of everything that users can import what it is", () => {
    const shown = Rules.shownFiles(Repository.sources, manifestFor)
    assert.include([...shown], "packages/engine/src/internal/backend/Operations.ts")
    clean(everywhere((source) => Rules.docstrings(source, manifestFor(source.file), shown)))
    const isPublic = ({ file }: Rules.Source) => Rules.isPublic(file, manifestFor(file))
    assert.isAbove(Repository.sources.filter(isPublic).length, 100)
  })

  it("shows users the modules that they are meant to use, and nothing else", () => {
    clean(
      [...Repository.packages].flatMap(([name, manifest]) =>
        Rules.unusedModules(name, manifest, Repository.sources, Repository.pages)
      )
    )
  })

  it("declares in examples and at the root what is imported or run there, and nothing else", () => {
    const root = Repository.manifest("package.json")
    // The compiler, the runtime and the tools of the command line are run, as is what counts coverage for vitest, and the types of Node are looked up.
    const run = ["@changesets/cli", "@types/node", "@vitest/coverage-v8", "node", "oxlint", "typescript"]
    clean(Rules.rootDependencies(root, run, Repository.sources.filter(({ file }) => !file.startsWith("bench/peers/"))))
    const tools = Object.keys(root.devDependencies ?? {})
    clean(
      [...Repository.examples].flatMap(([name, manifest]) =>
        Rules.exampleDependencies(name, manifest, tools, Repository.sources)
      )
    )
  })

  it("names contracts nowhere in the engine, in comments neither", () => clean(everywhere(Rules.ignorance)))

  it("has manifests that follow the tree with exact versions", () => {
    const version = Repository.manifest("package.json").version ?? ""
    clean([...Repository.packages].flatMap(([name, manifest]) =>
      Rules.manifestOf(name, manifest, version).concat(
        Rules.exportMap(name, manifest),
        Rules.unusedDependencies(name, manifest, Repository.sources)
      )
    ))
    for (const range of Object.values(Repository.manifest("package.json").devDependencies ?? {})) {
      assert.match(range, /^\d+\.\d+\.\d+$/)
    }
  })
})

describe("the rules can fail", () => {
  const declared: Rules.Manifest = {
    dependencies: { "@fermata/core": "0.1.0", effect: "4.1.0", jsonata: "2.2.2" },
    peerDependencies: { vitest: "5.1.1" }
  }
  const direction = (source: Rules.Source) => Rules.direction(source, declared)

  it("refuses every form of import against the tree", () => {
    proves(direction, [
      inCore(`import { Journal } from "@fermata/engine"`),
      inCore(`import type { Journal } from "@fermata/engine/Journal"`),
      inCore(`export * from "@fermata/engine/Journal"`),
      inCore(`export { append } from "@fermata/engine/Journal"`),
      inCore(`const journal = () => import("@fermata/engine/Journal")`),
      inCore(`type Journal = import("@fermata/engine/Journal").Journal`),
      inCore(`import journal = require("@fermata/engine/Journal")`),
      inCore(`import "@fermata/core/RunId"`),
      inEngine(`import * as NodeHost from "@fermata/host-node/NodeHost"`),
      source("packages/engine/test/Probe.test.ts", `import * as NodeHost from "@fermata/host-node/NodeHost"`),
      source("packages/host-node/src/Probe.ts", `import "@fermata/cli"`),
      inEngine(`import { TestHost } from "@fermata/testing/TestHost"`),
      source("packages/core/test/Probe.test.ts", `import { TestHost } from "@fermata/testing/TestHost"`),
      source("packages/unheard-of/src/Probe.ts", `import "effect/Effect"`)
    ], [
      inEngine(`import * as RunId from "@fermata/core/RunId"\nimport "./Journal.ts"`),
      inEngine(`// import "@fermata/cli"\nconst text = 'import "@fermata/cli"'`),
      source("packages/engine/test/Probe.test.ts", `import { Journal } from "@fermata/engine"`),
      source("packages/engine/test/Probe.test.ts", `import { TestHost } from "@fermata/testing/TestHost"`),
      source("packages/cli/src/Probe.ts", `import "@fermata/core"\nimport "node:fs"`)
    ])
  })

  it("refuses packages of others that are undeclared or do not belong", () => {
    proves(direction, [
      inCore(`import jsonata from "jsonata"`),
      inCore(`import { readFileSync } from "node:fs"`),
      inEngine(`import { DatabaseSync } from "node:sqlite"`),
      inEngine(`import { parse } from "undeclared"`),
      inEngine(`import { it } from "vitest"`)
    ], [
      inEngine(`import jsonata from "jsonata"\nimport * as Effect from "effect/Effect"`),
      source("packages/testing/src/Probe.ts", `import { it } from "vitest"`)
    ])
  })

  it("refuses to reach into another package", () => {
    proves(Rules.publicOnly, [
      inEngine(`import "../../core/src/RunId.ts"`),
      inEngine(`import "@fermata/core/internal/fold"`),
      source("examples/01-hello/main.ts", `import "@fermata/engine/src/RunLoop.ts"`),
      source("examples/01-hello/main.ts", `import "../02-approval/main.ts"`),
      source("test/e2e/Probe.e2e.test.ts", `import "../../packages/cli/src/bin.ts"`)
    ], [
      inEngine(`import "./internal/Scheduler.ts"\nimport "@fermata/core/RunId"`),
      source("packages/engine/test/Probe.test.ts", `import "../src/internal/Scheduler.ts"`),
      source("test/e2e/Probe.e2e.test.ts", `import "../../scripts/pack.ts"\nimport "@fermata/testing"`)
    ])
  })

  it("refuses the indexes of Effect in sources of packages only", () => {
    proves(Rules.concreteModules, [
      inCore(`import { Effect } from "effect"`),
      inCore(`import type { Effect } from "effect"`),
      inEngine(`import { Workflow } from "effect/workflow"`),
      inEngine(`import { HttpApi } from "effect/http-api"`),
      source("packages/host-node/src/Probe.ts", `import { NodeRuntime } from "@effect/platform-node"`)
    ], [
      inEngine(`import * as Effect from "effect/Effect"\nimport * as Workflow from "effect/workflow/Workflow"`),
      source("packages/core/test/Probe.test.ts", `import { Effect } from "effect"`),
      source("examples/01-hello/main.ts", `import { Effect } from "effect"`)
    ])
  })

  it("refuses time and chance from outside the services", () => {
    proves(Rules.timeAndChance, [
      inEngine(`const now = Date.now()`),
      inEngine(`const now = Date["now"]()`),
      inEngine(`const clock = Date.now`),
      inEngine(`const now = globalThis.Date.now()`),
      inEngine(`const date = new Date()`),
      inEngine(`const date = new globalThis.Date(0)`),
      inEngine(`const date = Date()`),
      inEngine(`const chance = Math.random()`),
      inEngine(`setTimeout(() => {}, 1)`),
      inEngine(`globalThis.setTimeout(() => {}, 1)`),
      inEngine(`const later = setTimeout`),
      inEngine(`setInterval(() => {}, 1)`),
      inEngine(`const now = performance.now()`),
      inEngine(`const id = crypto.randomUUID()`),
      source("packages/cli/src/Probe.ts", `const now = Date.now()`)
    ], [
      inEngine(`// Date.now()\nconst text = "new Date() and setTimeout"`),
      inEngine(`const isDate = (value: unknown): value is Date => value instanceof Date`),
      inEngine(`const timers = { setTimeout: 1 }\nconst one = timers.setTimeout`),
      source("packages/host-node/src/Probe.ts", `const now = Date.now()`),
      source("packages/engine/test/Probe.test.ts", `const now = new Date()`)
    ])
  })

  it("refuses text of values that is made elsewhere", () => {
    proves(Rules.storedText, [
      inCore(`const text = JSON.stringify({ a: 1 })`),
      inEngine(`const text = JSON["stringify"](1)`),
      inEngine(`const text = globalThis.JSON.stringify(1)`),
      inEngine(`const toText = JSON.stringify`),
      inEngine(`const { stringify } = JSON`),
      inEngine(`const json = JSON`),
      source("packages/host-node/src/Probe.ts", `const rows = [1].map((row) => JSON.stringify(row))`)
    ], [
      inEngine(`const value = JSON.parse("1")`),
      inEngine(`// JSON.stringify(1)\nconst text = "JSON.stringify"`),
      source("packages/core/src/StoredJson.ts", `const text = JSON.stringify(1)`),
      source("packages/testing/src/Probe.ts", `const text = JSON.stringify(1)`),
      source("packages/cli/src/Probe.ts", `const text = JSON.stringify(1)`),
      source("packages/engine/test/Probe.test.ts", `const text = JSON.stringify(1)`)
    ])
  })

  it("refuses what decides and knows of effects, stores or the loop", () => {
    const file = "packages/engine/src/internal/run/Standing.ts"
    proves(Rules.deciding, [
      source(file, `import * as Effect from "effect/Effect"`),
      source(file, `import type { Backend } from "../../Backend.ts"`),
      source(file, `import type { RunExecutor } from "../RunExecutor.ts"`),
      source("packages/core/src/AfterCrash.ts", `import * as Schema from "effect/Schema"`)
    ], [
      source(file, `import type { Wait } from "@fermata/core/Wait"`),
      inEngine(`import * as Effect from "effect/Effect"`)
    ])
  })

  it("refuses circles of files, also of types", () => {
    const a = source("packages/engine/src/A.ts", `import type { B } from "./internal/B.ts"`)
    const b = source("packages/engine/src/internal/B.ts", `import { c } from "./C.ts"`)
    const c = source("packages/engine/src/internal/C.ts", `export * as A from "../A.ts"`)
    const own = source("packages/core/src/Own.ts", `import type { Own } from "./Own.ts"`)
    clean(Rules.circles([a, b]))
    assert.deepStrictEqual(Rules.circles([a, b, c, own]), [
      "in a circle: packages/engine/src/A.ts → packages/engine/src/internal/B.ts → packages/engine/src/internal/C.ts → packages/engine/src/A.ts",
      "in a circle: packages/core/src/Own.ts → packages/core/src/Own.ts"
    ])
  })

  it("refuses what bodies call and knows how a run is made", () => {
    proves(Rules.port, [
      source("packages/engine/src/Step.ts", `import type { RunExecutor } from "./internal/RunExecutor.ts"`),
      source("packages/engine/src/internal/run/RunPort.ts", `import type { AskedStep } from "./Pass.ts"`),
      source("packages/engine/src/internal/BodyServices.ts", `import type { RunCore } from "./run/RunCore.ts"`)
    ], [
      source("packages/engine/src/Step.ts", `import { CurrentRun } from "./internal/run/RunPort.ts"`),
      source("packages/engine/src/internal/process/Loading.ts", `import { RunExecutor } from "./RunExecutor.ts"`)
    ])
  })

  it("refuses whoever looks for a note in a journal to decide by it", () => {
    proves(Rules.notes, [
      inEngine(`const isPatched = entry._tag === "Note" && entry.kind === "patch"`),
      inEngine(`if ("Note" !== entry._tag) skip()`),
      inCore(`switch (entry._tag) { case "Note": decide(entry.kind) }`)
    ], [
      inEngine(`append({ _tag: "Note", kind: "usage", text: "" })`),
      inEngine(`const isPatched = entry._tag === "PatchTaken"`),
      source("packages/cli/src/Watch.ts", `switch (entry._tag) { case "Note": show(entry.text) }`)
    ])
  })

  it("refuses commands that are made elsewhere", () => {
    const inCommand = (text: string) => source("packages/cli/src/Probe.ts", text)
    proves(Rules.printedCommands, [
      inCommand(`const text = "see: fermata runs ls"`),
      inCommand("const text = `see: fermata runs show ${runId}`"),
      inCommand("const text = `${how}: npx fermata --help`"),
      inEngine(`const text = "build it with npm run build"`),
      source("packages/host-node/src/Probe.ts", `const text = "fermata doctor knows more"`),
      inCommand(`import { fermata } from "./Invocation.ts"`),
      inCommand(`import { fermata as made } from "./Invocation.ts"`),
      inCommand(`import * as Invocation from "./Invocation.ts"`)
    ], [
      inCommand(`// fermata runs ls\nconst name = "fermata"\nconst file = "fermata.config.ts"`),
      inCommand(`const examples = [{ command: "fermata runs ls", description: "List runs" }]`),
      inCommand(`import { quoted, repeat } from "./Invocation.ts"`),
      source("packages/cli/src/Commands.ts", `import { fermata } from "./Invocation.ts"`),
      source("packages/cli/test/Probe.test.ts", `const text = "fermata runs ls"`)
    ])
  })

  it("refuses processes in tests that are none of end to end", () => {
    const text = `import { spawn } from "node:child_process"`
    proves((source) => Rules.processes([source]), [
      source("packages/engine/test/Probe.test.ts", text),
      source("test/docs/docs.test.ts", `const { spawn } = await import("child_process")`)
    ], [
      source("packages/engine/test/Probe.e2e.test.ts", text),
      source("test/e2e/probe.test.ts", text),
      source("packages/engine/test/Probe.test.ts", `import { join } from "node:path"`),
      inEngine(text)
    ])
    const inSupport = [
      source("test/parity/Compiler.ts", text),
      source("test/parity/Types.ts", `import { ask } from "./Compiler.ts"`)
    ]
    const probe = (file: string) => source(file, `import { types } from "./Types.ts"`)
    assert.lengthOf(Rules.processes([...inSupport, probe("test/parity/probe.test.ts")]), 1)
    clean(Rules.processes([...inSupport, probe("test/parity/probe.e2e.test.ts")]))
  })

  it("refuses files above the budget of their folder, except generated ones and migrations, and exceptions that are none", () => {
    const lines = (count: number) => "const line = 1\n".repeat(count)
    const [inPackages, elsewhere] = Sizes.budgets.map(({ lines }) => lines) as [number, number]
    const exception = "packages/engine/src/Exception.ts"
    const size = (source: Rules.Source) => Sizes.size(source, new Set([exception]))
    proves(size, [
      inEngine(lines(inPackages + 1)),
      source("test/e2e/Probe.e2e.test.ts", lines(elsewhere + 1)),
      source(exception, lines(inPackages))
    ], [
      inEngine(lines(inPackages)),
      source("packages/engine/test/Probe.test.ts", lines(elsewhere)),
      source(exception, lines(inPackages + 1)),
      source("packages/host-node/src/migrations/Initial.ts", lines(elsewhere + 1)),
      source("packages/core/src/Table.generated.ts", lines(elsewhere + 1))
    ])
  })

  it("refuses many long files where each is within its budget", () => {
    const files = (...counts: ReadonlyArray<number>) =>
      counts.map((count, index) => source(`packages/core/src/Probe${index}.ts`, "const line = 1\n".repeat(count)))
    const { median, ninetieth } = Sizes.spread
    const short = Array.from({ length: 8 }, () => 10)
    clean(Sizes.distribution(files(...short, ninetieth, ninetieth + 1)))
    assert.lengthOf(Sizes.distribution(files(...short, ninetieth + 1, ninetieth + 1)), 1)
    clean(Sizes.distribution(files(median, median, median + 1)))
    assert.lengthOf(Sizes.distribution(files(median, median + 1, median + 1)), 1)
  })

  it("refuses classes of many members, and exceptions that are none", () => {
    const fields = (name: string, count: number) =>
      inCore(`class ${name} {${Array.from({ length: count }, (_, index) => ` m${index} = 1;`).join("")} }`)
    const members = (source: Rules.Source) => Sizes.members(source, new Set(["Exception"]))
    proves(members, [fields("Probe", Sizes.memberBudget + 1), fields("Exception", Sizes.memberBudget)], [
      fields("Probe", Sizes.memberBudget),
      fields("Exception", Sizes.memberBudget + 1),
      source("test/Probe.test.ts", fields("Probe", Sizes.memberBudget + 1).text)
    ])
  })

  it("refuses chains of extends across files and within one, under whatever name a base is imported, and exceptions that are none", () => {
    const base = source("packages/core/src/Base.ts", "export class Base {}")
    const middle = source(
      "packages/core/src/Middle.ts",
      `import { Base as B } from "./Base.ts"\nexport class Middle extends B {}`
    )
    const last = source(
      "packages/core/src/Last.ts",
      `import { Middle } from "./Middle.ts"\nclass Last extends Middle {}`
    )
    const chains = (sources: ReadonlyArray<Rules.Source>) => Sizes.chains(sources, new Set(["Exception"]))
    clean(chains([base, middle]))
    clean(chains([inCore("class A extends Error {} class B extends A {} class C extends Schema.Class {}")]))
    assert.lengthOf(chains([base, middle, last]), 1)
    assert.lengthOf(chains([inCore("class A {} class B extends A {} class C extends B {}")]), 1)
    assert.lengthOf(chains([inCore("class Exception {}")]), 1)
  })

  it("refuses folders and files named by kind", () => {
    proves(Rules.names, [
      source("packages/engine/src/utils/Text.ts", ""),
      source("packages/engine/src/helpers/Text.ts", ""),
      source("packages/engine/src/types/Text.ts", ""),
      source("packages/engine/src/Services/Journal.ts", ""),
      source("packages/engine/src/utils.ts", ""),
      source("packages/engine/test/helpers.test.ts", "")
    ], [source("packages/engine/src/JournalErrors.ts", "")])
  })

  it("refuses code in an index", () => {
    const index = (text: string) => source("packages/engine/src/index.ts", text)
    proves(Rules.barrels, [
      index(`export * from "./Journal.ts"`),
      index(`export { append } from "./Journal.ts"`),
      index(`export const answer = 42`),
      index(`export * as Effect from "effect/Effect"`)
    ], [index(`/** Docs. */\nexport * as Journal from "./Journal.ts"`), inEngine(`export const answer = 42`)])
  })

  it("refuses an engine that names contracts", () => {
    proves(Rules.ignorance, [
      inEngine(`export const contracts = new Map()`),
      inEngine(`/** Runs of a contract. */`),
      inEngine(`const kind = "Contract"`)
    ], [
      inEngine(`export const documents = new Map()`),
      source("packages/contracts/src/Probe.ts", `export const contracts = 1`),
      source("packages/engine/test/Probe.test.ts", `const contract = 1`)
    ])
  })

  it("refuses manifests against the tree, with ranges, or with another version", () => {
    const manifest = (owner: string, dependencies: Record<string, string>): Rules.Manifest => ({
      name: `@fermata/${owner}`,
      version: "0.1.0",
      license: "MIT",
      type: "module",
      dependencies
    })
    const violations = (owner: string, manifest: Rules.Manifest) => Rules.manifestOf(owner, manifest, "0.1.0")
    assert.lengthOf(violations("core", manifest("core", { "@fermata/engine": "0.1.0" })), 1)
    assert.lengthOf(violations("core", manifest("core", { jsonata: "2.2.2" })), 1)
    assert.lengthOf(violations("engine", manifest("engine", { jsonata: "^2.2.2" })), 1)
    assert.lengthOf(violations("engine", manifest("engine", { "@fermata/core": "0.2.0" })), 1)
    assert.lengthOf(violations("engine", { ...manifest("engine", {}), version: "0.2.0" }), 1)
    assert.lengthOf(violations("engine", { ...manifest("engine", {}), license: "ISC" }), 1)
    assert.lengthOf(violations("unheard-of", manifest("unheard-of", {})), 1)
    clean(violations("engine", manifest("engine", { "@fermata/core": "0.1.0", effect: "4.1.0" })))
  })

  it("refuses dependencies that nothing imports", () => {
    const violations = (...texts: ReadonlyArray<string>) =>
      Rules.unusedDependencies("engine", declared, texts.map(inEngine))
    const used = [
      `import type * as JournalEntry from "@fermata/core/JournalEntry"`,
      `import * as Effect from "effect/Effect"`
    ]
    const suite = `import { it } from "@effect/vitest"`
    clean(violations(...used, suite, `const load = () => import("jsonata")`))
    assert.lengthOf(violations(...used, suite), 1)
    assert.lengthOf(violations(...used), 2)
    assert.lengthOf(violations(`// import "jsonata"`), 4)
  })

  it("refuses what examples and the root declare or import for nothing", () => {
    const example = (dependencies: Record<string, string>, ...texts: ReadonlyArray<readonly [string, string]>) =>
      Rules.exampleDependencies("a", { dependencies }, ["vitest"], texts.map(([file, text]) => source(file, text)))
    const program = ["examples/a/src/main.ts", `import { Effect } from "effect"`] as const
    const test = ["examples/a/test/A.test.ts", `import { it } from "vitest"`] as const
    clean(example({ effect: "4.1.0" }, program, test))
    assert.lengthOf(example({ effect: "4.1.0", jsonata: "2.2.2" }, program), 1)
    const running = ["examples/a/src/run.ts", `spawn(import.meta.resolve("jsonata/package.json"))`] as const
    clean(example({ effect: "4.1.0", jsonata: "2.2.2" }, program, running))
    assert.lengthOf(example({ effect: "4.1.0" }, program, running), 1)
    assert.lengthOf(example({}, program), 1)
    assert.lengthOf(example({}, ["examples/a/src/main.ts", `import { it } from "vitest"`]), 1)
    const root: Rules.Manifest = { devDependencies: { effect: "4.1.0", node: "24.21.0" } }
    clean(Rules.rootDependencies(root, ["node"], [inCore(`import "effect/Effect"`)]))
    assert.lengthOf(Rules.rootDependencies(root, ["node"], []), 1)
  })

  it("refuses what is public without a word on what it is", () => {
    const manifest: Rules.Manifest = {
      exports: { ".": "./src/index.ts", "./*": "./src/*.ts", "./internal/*": null, "./hidden/*": null }
    }
    const docstrings = (source: Rules.Source) => Rules.docstrings(source, manifest)
    proves(docstrings, [
      inCore(`export const one = 1`),
      inCore(`export interface One {}`),
      inCore(`export class One {}`),
      inCore(`export type One = 1`),
      inCore(`/** One. */\nexport const one = 1`),
      inCore(`/** The first number. */\nconst none = 0\nexport const one = 1`),
      inCore(`// The first number.\nexport const one = 1`)
    ], [
      inCore(`/** The first number. */\nexport const one = 1`),
      inCore(`/** The first number. */\nexport const One = 1\nexport type One = typeof One`),
      inCore(`export type One = 1\n/** The first number. */\nexport const One = 1`),
      inCore(`export { one } from "./One.ts"`),
      source("packages/core/src/internal/Probe.ts", `export const one = 1`),
      source("packages/core/src/hidden/Probe.ts", `export const one = 1`),
      source("packages/core/test/Probe.ts", `export const one = 1`)
    ])
    const single: Rules.Manifest = { exports: { "./Probe": "./src/Probe.ts" } }
    assert.isTrue(Rules.isPublic("packages/cli/src/Probe.ts", single))
    assert.isFalse(Rules.isPublic("packages/cli/src/Other.ts", single))
  })

  it("refuses modules that users can import and nobody does", () => {
    const manifest: Rules.Manifest = { exports: { ".": "./src/index.ts", "./*": "./src/*.ts", "./Hidden": null } }
    const unused = (...sources: ReadonlyArray<Rules.Source>) =>
      Rules.unusedModules("core", manifest, [inCore(`export const one = 1`), ...sources], [])
    assert.lengthOf(unused(), 1)
    assert.lengthOf(unused(source("packages/core/src/Other.ts", `import { one } from "@fermata/core/Probe"`)), 2)
    clean(unused(source("packages/core/src/index.ts", `export * as Probe from "./Probe.ts"`)))
    clean(unused(inEngine(`import { one } from "@fermata/core/Probe"`)))
    assert.lengthOf(unused(source("packages/core/src/Hidden.ts", `export const two = 2`)), 1)
    const page = source("packages/core/README.md", "| `Probe` | tries something |")
    clean(Rules.unusedModules("core", manifest, [inCore(`export const one = 1`)], [page]))
  })

  it("refuses export maps that list files or show internals", () => {
    const exports = {
      ".": "./src/index.ts",
      "./*": "./src/*.ts",
      "./internal/*": null,
      "./package.json": "./package.json"
    }
    clean(Rules.exportMap("engine", { exports }))
    assert.lengthOf(Rules.exportMap("engine", { exports: { ...exports, "./Journal": "./src/Journal.ts" } }), 1)
    assert.lengthOf(Rules.exportMap("engine", { exports: { ...exports, "./internal/*": "./src/internal/*.ts" } }), 1)
    assert.lengthOf(Rules.exportMap("engine", {}), 4)
  })
})
