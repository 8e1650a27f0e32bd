import { assert, describe, it } from "@effect/vitest"
import * as SearchTools from "@fermata/agent-node/SearchTools"
import * as Workspace from "@fermata/agent-node/Workspace"
import { Effect, Fiber, Layer, type Scope, Stream } from "effect"
import * as fc from "fast-check"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { compile, widened } from "../src/internal/search/Expression.ts"
import type { Searching } from "../src/internal/search/Job.ts"
import { search } from "../src/internal/search/Search.ts"

type Files = Readonly<Record<string, string>>

const write = (root: string, files: Files): void => {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
}

/** A folder with these files, gone with the scope. */
const folder = (files: Files): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const root = realpathSync(mkdtempSync(join(tmpdir(), "fermata-search-")))
      write(root, files)
      return root
    }),
    (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
  )

type Params<Name extends "Glob" | "Grep"> = (typeof SearchTools)[Name]["parametersSchema"]["Encoded"]

/** The tools in a folder, as somebody calls them. */
const tools = (root: string, options: { readonly ripgrep?: boolean } = {}) => {
  const call = <Name extends "Glob" | "Grep">(name: Name, params: Params<Name>) =>
    Effect.gen(function*() {
      const kit = yield* SearchTools.toolkit
      const results = yield* Stream.runCollect(yield* kit.handle(name, params as never))
      return String(results.at(-1)!.result)
    }).pipe(Effect.provide(Layer.provide(SearchTools.layerWith(options), Workspace.layer({ root }))))
  return {
    glob: (params: Params<"Glob">) => call("Glob", params),
    grep: (params: Params<"Grep">) => call("Grep", params)
  }
}

/** A job that looks for an expression in all of a folder. */
const job = (root: string, pattern: string, more: Partial<Searching> = {}): Searching => ({
  kind: "grep",
  root,
  start: "",
  hidden: Workspace.hiddenFiles,
  pattern,
  glob: undefined,
  mode: "content",
  ignoreCase: false,
  multiline: false,
  numbers: true,
  before: 0,
  after: 0,
  most: 1_000,
  maxBytes: 1_000_000,
  ripgrep: false,
  ...more
})

const project: Files = {
  "a.ts": "const one = 1\nconst two = 2\n",
  "src/b.ts": "import { one } from \"../a.ts\"\r\n// ONE\r\nexport const three = one + 2\r\n",
  "src/deep/c.tsx": "one\n\n\n\ntwo\n",
  ".github/ci.yml": "one: true\n",
  ".env": "one=secret\n",
  "home/.ssh/config": "one secret\n",
  ".git/HEAD": "one\n",
  ".gitignore": "dist/\n*.log\n!keep.log\n",
  "dist/out.ts": "one\n",
  "x.log": "one\n",
  "keep.log": "one\n",
  "src/.gitignore": "!dist/\ngenerated.ts\n",
  "src/generated.ts": "one\n",
  "src/dist/kept.ts": "one\n",
  "binary.bin": "one\0two",
  "A.TS": ""
}

describe("Glob", () => {
  it.live("M-110: lists the files that fit, sorted, and neither what is hidden nor what .gitignore leaves out", () =>
    Effect.gen(function*() {
      const { glob } = tools(yield* folder(project))
      assert.strictEqual(yield* glob({ pattern: "**/*.ts" }), "a.ts\nsrc/b.ts\nsrc/dist/kept.ts")
      assert.strictEqual(yield* glob({ pattern: "*.ts" }), "a.ts")
      assert.strictEqual(yield* glob({ pattern: "./**/*.{ts,tsx}", path: "src/deep" }), "src/deep/c.tsx")
      assert.strictEqual(yield* glob({ pattern: "**/*.log" }), "keep.log")
      assert.strictEqual(yield* glob({ pattern: "**/*.yml" }), ".github/ci.yml")
      assert.strictEqual(yield* glob({ pattern: "**/{.env,config,HEAD}" }), "no files")
      assert.strictEqual(yield* glob({ pattern: "*.ts", path: "dist" }), "dist/out.ts", "whoever names it means it")
      assert.include(String(yield* Effect.flip(glob({ pattern: "*", path: "nowhere" }))), "no such file or folder")
      assert.include(String(yield* Effect.flip(glob({ pattern: "*", path: ".." }))), "outside of the workspace")
    }))

  it.live("links are not followed, and an absolute pattern is meant from the root on", () =>
    Effect.gen(function*() {
      const outside = yield* folder({ "secret.ts": "one", "space/a.ts": "" })
      const root = join(outside, "space")
      symlinkSync("..", join(root, "up"))
      symlinkSync("../secret.ts", join(root, "link.ts"))
      symlinkSync(".", join(root, "loop"))
      const { glob, grep } = tools(root)
      assert.strictEqual(yield* glob({ pattern: "**/*.ts" }), "a.ts")
      assert.strictEqual(yield* glob({ pattern: `${root}/*.ts` }), "a.ts")
      assert.strictEqual(yield* glob({ pattern: "../*.ts" }), "no files")
      assert.strictEqual(yield* grep({ pattern: "one" }), "no matches")
    }))

  it.live("gives a thousand names and says how many more there are", () =>
    Effect.gen(function*() {
      const { glob } = tools(
        yield* folder(Object.fromEntries(Array.from({ length: 1_003 }, (_, n) => [`f/${n}.ts`, ""])))
      )
      const lines = (yield* glob({ pattern: "**" })).split("\n")
      assert.strictEqual(lines.length, 1_001)
      assert.strictEqual(lines.at(-1), "(3 more files: take a pattern that fits fewer)")
    }))
})

for (const ripgrep of [true, false]) {
  describe(`Grep ${ripgrep ? "with ripgrep" : "without ripgrep"}`, () => {
    it.live("M-111: names files, shows lines with those around them, or counts them", () =>
      Effect.gen(function*() {
        const { grep } = tools(yield* folder(project), { ripgrep })
        assert.strictEqual(
          yield* grep({ pattern: "\\bone\\b" }),
          ".github/ci.yml\na.ts\nkeep.log\nsrc/b.ts\nsrc/deep/c.tsx\nsrc/dist/kept.ts"
        )
        assert.strictEqual(
          yield* grep({ pattern: "two$", output_mode: "content", "-B": 1 }),
          "src/deep/c.tsx-4-\nsrc/deep/c.tsx:5:two"
        )
        assert.strictEqual(
          yield* grep({
            pattern: "o(?=ne$)",
            output_mode: "content",
            glob: "*.{ts,tsx}",
            path: "src",
            "-C": 1,
            "-i": true
          }),
          [
            "src/b.ts-1-import { one } from \"../a.ts\"",
            "src/b.ts:2:// ONE",
            "src/b.ts-3-export const three = one + 2",
            "--",
            "src/deep/c.tsx:1:one",
            "src/deep/c.tsx-2-",
            "--",
            "src/dist/kept.ts:1:one"
          ].join("\n")
        )
        assert.strictEqual(
          yield* grep({ pattern: "ONE", output_mode: "count", "-i": true, glob: "!*.ts" }),
          ".github/ci.yml:1\nkeep.log:1\nsrc/deep/c.tsx:1"
        )
        assert.strictEqual(
          yield* grep({ pattern: "1\\nconst", multiline: true, output_mode: "content", "-n": false }),
          "a.ts:const one = 1\na.ts:const two = 2"
        )
        assert.strictEqual(yield* grep({ pattern: "secret" }), "no matches")
        assert.strictEqual(
          yield* grep({ pattern: "const", output_mode: "content", head_limit: 1 }),
          "a.ts:1:const one = 1\n(more than these 1: set head_limit, or look for less)"
        )
        assert.include(String(yield* Effect.flip(grep({ pattern: "(" }))), "Invalid regular expression")
        assert.include(String(yield* Effect.flip(grep({ pattern: "secret", path: ".env" }))), "hidden from agents")
        assert.strictEqual(yield* grep({ pattern: "one", path: "a.ts", output_mode: "count" }), "a.ts:1")
      }))
  })
}

describe("a search", () => {
  const atom = fc.constantFrom(
    ..."ab1_ é-K".split(""),
    ".",
    "\\d",
    "\\w",
    "\\b",
    "\\s",
    "^",
    "$",
    "[ab]",
    "[^a]",
    "[a-c1]",
    "[^\\w]",
    "\\.",
    "(a|b)",
    "(?:b1)",
    "(?=a)",
    "(?!b)",
    "a*",
    "b+?",
    "[a1]{1,2}",
    "é?",
    "|",
    "\\r",
    "ſ",
    "{",
    "\\n"
  )
  const pattern = fc.array(atom, { minLength: 1, maxLength: 5 }).map((atoms) => atoms.join("")).filter((text) => {
    try {
      return compile(text, { ignoreCase: false, multiline: false }) !== undefined
    } catch {
      return false
    }
  })
  const text = fc.array(
    fc.constantFrom(
      "a",
      "b",
      "1",
      "_",
      " ",
      "é",
      "É",
      "\n",
      "\n",
      "\r\n",
      "\r",
      ".",
      "A",
      "k",
      "K",
      "\uFEFF",
      "\u2028",
      "{"
    ),
    { maxLength: 30 }
  ).map((parts) => parts.join(""))
  const name = fc.array(fc.constantFrom("a", "b", "src", "x.log", "-e", "ü", ".env", "a b"), {
    minLength: 1,
    maxLength: 3
  })
    .map((parts) => parts.map((part) => `d${part}`).concat("f").join("/").replace(/d\.env\/f$/, ".env"))
  const ignoring = fc.constantFrom("", "da/\n", "*.log/\n", "f\n!db/f\n", "/dsrc\n", "# nothing\n")

  it("finds the same with ripgrep and without, which is what the expression says of each line", async () => {
    let asked = 0
    let hits = 0
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(name, text, { maxKeys: 6 }),
        ignoring,
        pattern,
        fc.record({
          ignoreCase: fc.boolean(),
          multiline: fc.boolean(),
          before: fc.nat(2),
          after: fc.nat(2),
          mode: fc.constantFrom("content", "count", "files_with_matches"),
          most: fc.constantFrom(2, 1_000)
        }),
        async (files, ignored, expression, options) => {
          const root = realpathSync(mkdtempSync(join(tmpdir(), "fermata-search-")))
          try {
            write(root, { ...files, ".gitignore": ignored })
            const without = await search(job(root, expression, options))
            assert.deepStrictEqual(await search(job(root, expression, { ...options, ripgrep: true })), without)
            if (widened(compile(expression, options), options.multiline) !== undefined) asked++
            if (without.lines.length > 0) hits++
            if (options.multiline || options.most === 2 || ignored.length > 0) return
            const plain = await search(job(root, expression, { ...options, mode: "content", before: 0, after: 0 }))
            const expected = Object.keys(files).filter((file) => !/(^|\/)\.env$/.test(file)).sort().flatMap((file) => {
              const lines = files[file]!.replace(/^\uFEFF/, "").split(/\r?\n/)
              if (lines.at(-1) === "") lines.pop()
              return lines.flatMap((line, index) =>
                compile(expression, options).test(line) ? [`${file}:${index + 1}:${line}`] : []
              )
            })
            assert.deepStrictEqual(plain.lines, expected)
          } finally {
            rmSync(root, { recursive: true, force: true })
          }
        }
      ),
      {
        numRuns: 150,
        examples: [
          [{ "da/f": "\r " }, "", "[^a] ", {
            ignoreCase: false,
            multiline: false,
            before: 0,
            after: 0,
            mode: "content",
            most: 2
          }]
        ]
      }
    )
    assert.isAbove(asked, 20, "ripgrep had a word for many of them")
    assert.isAbove(hits, 15)
  })

  it.live("of an expression without an end comes to one, and a cancelled one is over at once; neither holds the process up", () =>
    Effect.gen(function*() {
      // ripgrep, where there is one, knows at once that there is no match.
      const { grep } = tools(yield* folder({ "a.txt": `${"a".repeat(60)}b\n` }), { ripgrep: false })
      let ticks = 0
      const searching = yield* Effect.forkChild(grep({ pattern: "(a+)+$" }))
      yield* Effect.sync(() => ticks++).pipe(Effect.andThen(Effect.sleep("5 millis")), Effect.repeat({ times: 60 }))
      assert.isUndefined(searching.pollUnsafe(), "it goes on for years")
      yield* Fiber.interrupt(searching)
      assert.strictEqual(ticks, 61, "and left the process to others")
    }))
})
