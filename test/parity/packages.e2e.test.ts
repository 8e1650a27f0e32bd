import { assert, describe, it } from "@effect/vitest"
import { readFileSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import { Packed } from "./Packed.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

let packed: Packed
let specifiers: ReadonlyArray<string>
beforeAll(() => {
  packed = new Packed()
  specifiers = packed.specifiers()
}, 600_000)
afterAll(() => packed.close())

/** An import of every public module, under a name of its own. */
const imports = (statement: (name: string, specifier: string) => string) =>
  specifiers.map((specifier, index) => statement(`module${index}`, specifier)).join("\n")

describe("the published packages", () => {
  it("M-04: import and require load every public module, and give the same one", () => {
    assert.includeMembers([...specifiers], [
      "@fermata/core",
      "@fermata/engine/Step",
      "@fermata/host-node",
      "@fermata/cli"
    ])
    packed.put(
      "formats.cjs",
      `
      const specifiers = ${JSON.stringify(specifiers)}
      const load = async () => {
        const wrong = []
        for (const specifier of specifiers) {
          const [required, imported] = [require(specifier), await import(specifier)]
          for (const name of Object.keys(imported)) {
            if (required[name] !== imported[name]) wrong.push(specifier + " has " + name + " twice")
          }
        }
        console.log(JSON.stringify(wrong))
      }
      load()
    `
    )
    const { code, stderr, stdout } = packed.node("formats.cjs")
    assert.strictEqual(code, 0, stderr)
    assert.deepStrictEqual(JSON.parse(stdout), [])
  })

  it.each([
    { file: "consumer.mts", options: { module: "node16", skipLibCheck: true } },
    { file: "consumer.mts", options: { module: "nodenext" } },
    { file: "consumer.mts", options: { module: "esnext", moduleResolution: "bundler", skipLibCheck: true } },
    { file: "consumer.cts", options: { module: "nodenext", skipLibCheck: true } }
  ])("M-04: types are found by $file under $options", ({ file, options }) => {
    packed.put(
      file,
      imports((name, specifier) =>
        file.endsWith(".cts")
          ? `import ${name} = require("${specifier}"); ${name};`
          : `import * as ${name} from "${specifier}"; ${name};`
      ) + `
        const step: number = ${
        specifiers.map((_, index) => `module${index}`)[specifiers.indexOf("@fermata/engine/Step")]
      }
      `
    )
    const errors = packed.typeErrors([file], options).trim().split("\n")
    assert.lengthOf(errors, 1, errors.join("\n"))
    assert.match(
      errors[0]!,
      /error TS2322: Type 'typeof import\(".*engine\/dist\/Step"\)' is not assignable to type 'number'/
    )
  })

  it("M-04: a tarball holds the one build with its types and sources, and is no larger than it was", () => {
    for (const [name, { bytes, files }] of packed.tarballs) {
      // The command carries a bundle of itself beside its modules, from which it starts faster.
      assert.isBelow(bytes, name === "@fermata/cli" ? 1_400_000 : 1_200_000, name)
      assert.includeMembers(
        [...files],
        ["package.json", "README.md", "LICENSE", "dist/index.js", "dist/index.d.ts"],
        name
      )
      const modules = files.filter((file) => /^dist\/(?!bundle\/|internal\/carried\/).*\.js$/.test(file))
      for (const module of modules) assert.include(files, module.replace(/\.js$/, ".d.ts"), name)
      assert.isEmpty(files.filter((file) => /\.test\.|\.tsbuildinfo$|(^|\/)test\/|\.cjs$/.test(file)), name)
    }
  })

  it("M-02: every package says which Node it needs, the one that the README names", () => {
    const [, oldest] = /^- \*\*Node (\d+)\*\* or newer/m.exec(readFileSync(join(root, "README.md"), "utf8")) ?? []
    for (const { engines, name } of packed.manifests) assert.deepStrictEqual(engines, { node: `>=${oldest}` }, name)
  })

  it("P-01: no server starts, nothing is written and nothing stays open when every module is imported", () => {
    packed.put(
      "watch.cjs",
      `
      // Whoever listens, connects or asks for a name is refused; files, processes and threads the permissions refuse.
      const refuse = (what) => () => { throw new Error("an import must not " + what) }
      const net = require("node:net")
      net.Server.prototype.listen = refuse("listen")
      net.Socket.prototype.connect = refuse("connect")
      require("node:dns").lookup = refuse("look a name up")
      require("node:dgram").createSocket = refuse("open a socket")
      globalThis.fetch = refuse("fetch")
    `
    )
    packed.put(
      "everything.mjs",
      `
      // Node makes its own client, which has a name among the globals, when one of these is first named.
      void [Request, Response]
      const globals = new Set(Reflect.ownKeys(globalThis).map(String))
      const events = process.eventNames().length
      const wrong = []
      for (const specifier of ${JSON.stringify(specifiers)}) {
        try {
          await import(specifier)
        } catch (error) {
          wrong.push(specifier + ": " + error.message)
        }
      }
      // What vitest leaves behind, which some of the test tools bring in.
      const ofTestTools = /vitest|jest|matchers|expect-global/
      const added = Reflect.ownKeys(globalThis).map(String).filter((key) => !globals.has(key) && !ofTestTools.test(key))
      const open = process.getActiveResourcesInfo().filter((kind) => kind !== "PipeWrap" && kind !== "TTYWrap")
      console.log(JSON.stringify({ wrong, added, open, listeners: process.eventNames().length - events }))
    `
    )
    const readable = [packed.folder, realpathSync(join(root, "node_modules"))].map((folder) =>
      `--allow-fs-read=${folder}`
    )
    const { code, stderr, stdout } = packed.node(
      "--permission",
      ...readable,
      "--require",
      "./watch.cjs",
      "everything.mjs"
    )
    assert.strictEqual(code, 0, stderr)
    // The build of JSONata without native async functions names its generators there.
    const added = ["regeneratorRuntime"]
    assert.deepStrictEqual(JSON.parse(stdout), { wrong: [], added, open: [], listeners: 0 })
  })

  it("P-01: what P-01 refuses is refused: a module that listens, and one that writes", () => {
    packed.put("listening.mjs", `import { createServer } from "node:http"; createServer().listen(0)`)
    packed.put("writing.mjs", `import { writeFileSync } from "node:fs"; writeFileSync("written", "")`)
    const readable = `--allow-fs-read=${packed.folder}`
    for (const [file, said] of [["listening.mjs", "must not listen"], ["writing.mjs", "ERR_ACCESS_DENIED"]] as const) {
      const { code, stderr } = packed.node("--permission", readable, "--require", "./watch.cjs", file)
      assert.strictEqual(code, 1)
      assert.include(stderr, said)
    }
  })
})
