import { assert, describe, it } from "@effect/vitest"
import * as FileTools from "@fermata/agent-node/FileTools"
import * as Workspace from "@fermata/agent-node/Workspace"
import * as Agent from "@fermata/agent/Agent"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Policy from "@fermata/agent/Policy"
import type { OpenApproval } from "@fermata/core/Question"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import * as fc from "fast-check"
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Difference from "../src/internal/Difference.ts"
import * as Lines from "../src/internal/Lines.ts"
import * as Replacement from "../src/internal/Replacement.ts"

describe("a replacement", () => {
  it("is not made where the text would become too large, nor where what it replaces is everywhere", () => {
    const letters = "a".repeat(1_000_000)
    const grown = Replacement.of(letters, "a", "b".repeat(1_000), true, 20_000_000)
    assert.deepStrictEqual(grown, { problem: "would have more than 20000000 bytes, which are the most" })
    assert.deepStrictEqual(Replacement.of(letters, "a", "bb", true, 20_000_000), { text: "bb".repeat(1_000_000) })
    const everywhere = "a".repeat(20_000_000)
    for (const all of [false, true]) {
      const problem = Replacement.of(everywhere, "a", "b", all, 20_000_000)
      assert.match("problem" in problem ? problem.problem : "", /^old_string is in it more than 1000000 times: /)
    }
  })
})

const bytes = (text: string) => new TextEncoder().encode(text)

/** Files are real, and what they are is known a while after they are asked for. */
const until = <A>(look: Effect.Effect<A | undefined>): Effect.Effect<A, never, TestHost> =>
  Effect.gen(function*() {
    const host = yield* TestHost
    while (true) {
      yield* host.settled
      const found = yield* look
      if (found !== undefined) return found
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })

type Calls = ReadonlyArray<readonly [tool: string, params: Record<string, Schema.Json>]>

/** Runs an agent that makes these calls, one a turn, in a folder with these files. `asked` is done at each question. */
const calling = (
  files: Readonly<Record<string, string | Uint8Array>>,
  given: Calls | ((root: string) => Calls),
  options: {
    readonly policy?: Policy.Policy
    readonly asked?: (root: string, prompt: string) => "approve" | "deny"
    readonly question?: (question: OpenApproval) => void
  } = {}
) =>
  Effect.gen(function*() {
    const root = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const root = realpathSync(mkdtempSync(join(tmpdir(), "fermata-files-")))
        for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content)
        return root
      }),
      (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
    )
    const calls = typeof given === "function" ? given(root) : given
    const told: Array<string> = []
    const agent = Agent.make("agent", {
      instructions: "",
      model: "m",
      toolkit: FileTools.toolkit,
      policy: options.policy ?? Policy.open
    })
    const world = agent.layer.pipe(
      Layer.provide(FileTools.layer),
      Layer.provide(Workspace.layer({ root })),
      Layer.provideMerge(Layer.mergeAll(
        Models.layer([Scripted.provider((request, turn) => {
          const last = request.prompt.content.at(-1)
          if (last?.role === "tool") {
            for (const part of last.content) {
              if (part.type !== "tool-result") continue
              told.push(typeof part.result === "string" ? part.result : JSON.stringify(part.result))
            }
          }
          return turn < calls.length ? [Scripted.call(...calls[turn]!)] : "done"
        }, { name: "m" })]),
        Chunks.layerMemory,
        Runs.layer
      )),
      Layer.provideMerge(TestHost.layer)
    )
    yield* Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* agent.start("go", { id: "1" })
      yield* until(Effect.gen(function*() {
        const [question] = yield* Effect.orDie(runs.approvals())
        if (question !== undefined) {
          options.question?.(question)
          const decision = options.asked?.(root, question.prompt) ?? "approve"
          yield* Effect.orDie(runs.answer(question.id, { decision, by: "operator" }))
        }
        return (yield* Effect.orDie(runs.show(run))).status === "completed" ? true : undefined
      }))
    }).pipe(Effect.provide(world))
    return { root, told, file: (name: string) => readFileSync(join(root, name), "utf8") }
  })

describe("the tools on files", () => {
  it.effect("M-107: Read shows lines with their numbers, from one on and so many, and says how many are left", () =>
    Effect.gen(function*() {
      const { told } = yield* calling({ "a.txt": "one\r\ntwo\nthree\n", "empty": "" }, [
        ["Read", { file_path: "a.txt" }],
        ["Read", { file_path: "a.txt", offset: 2, limit: 1 }],
        ["Read", { file_path: "a.txt", offset: 9 }],
        ["Read", { file_path: "empty" }],
        ["Read", { file_path: "not" }],
        ["Read", { file_path: "../not" }]
      ])
      assert.deepStrictEqual(told.slice(0, 2), [
        "     1\tone\n     2\ttwo\n     3\tthree",
        "     2\ttwo\n(1 more lines: go on with offset 3)"
      ])
      assert.include(told[2]!, "has 3 lines, and none from 9 on")
      assert.include(told[3]!, "is empty")
      assert.include(told[4]!, "there is no such file")
      assert.include(told[5]!, "outside of the workspace")
    }))

  it.effect("M-108, M-109: Write and Edit change files, and an Edit of what is there twice, or not at all, changes nothing", () =>
    Effect.gen(function*() {
      const { file, told } = yield* calling({ "a.txt": "x = 1\ny = 1\n" }, [
        ["Write", { file_path: "new/b.txt", content: "made" }],
        ["Edit", { file_path: "a.txt", old_string: "1", new_string: "2" }],
        ["Edit", { file_path: "a.txt", old_string: "z", new_string: "2" }],
        ["Edit", { file_path: "a.txt", old_string: "x = 1", new_string: "x = $&" }],
        ["Edit", { file_path: "a.txt", old_string: " = ", new_string: ": ", replace_all: true }],
        ["Edit", { file_path: "not.txt", old_string: "a", new_string: "b" }]
      ])
      assert.strictEqual(file("new/b.txt"), "made")
      assert.strictEqual(file("a.txt"), "x: $&\ny: 1\n")
      assert.include(told[0]!, "made new/b.txt: 1 lines added, 0 removed")
      assert.include(told[1]!, "is in it 2 times")
      assert.include(told[2]!, "is not in it")
      assert.include(told[3]!, "changed a.txt: 1 lines added, 1 removed")
      assert.include(told[5]!, "there is no such file")
    }))

  it.effect("people are asked with the difference, and what has changed by then is not written over", () =>
    Effect.gen(function*() {
      const prompts: Array<string> = []
      const { file, told } = yield* calling({ "a.txt": "one\ntwo\n" }, [
        ["Edit", { file_path: "a.txt", old_string: "two", new_string: "2" }],
        ["Write", { file_path: "a.txt", content: "mine" }]
      ], {
        policy: Policy.rules(),
        asked: (root, prompt) => {
          prompts.push(prompt)
          if (prompts.length === 2) writeFileSync(join(root, "a.txt"), "theirs")
          return "approve"
        }
      })
      assert.match(prompts[0]!, /wants to call Edit[^]*--- a\.txt\n\+\+\+ a\.txt\n@@[^]* one\n-two\n\+2/)
      assert.strictEqual(file("a.txt"), "theirs")
      assert.include(told[1]!, "has changed since it was looked at")
    }))

  it.effect("M-108, M-109: a file keeps its byte order mark and the kind of its line breaks, of which Read shows nothing", () =>
    Effect.gen(function*() {
      const { file, told } = yield* calling({ "a.cs": "\uFEFFone\r\ntwo\r\n", "b.cs": "\uFEFFone\r\ntwo\r\n" }, [
        ["Read", { file_path: "a.cs" }],
        ["Edit", { file_path: "a.cs", old_string: "one\ntwo", new_string: "one\n1.5\ntwo" }],
        ["Write", { file_path: "b.cs", content: "one\nthree\n" }],
        ["Write", { file_path: "c.cs", content: "one\n" }]
      ])
      assert.deepStrictEqual(told[0]!.split("\n").map((line) => line.trimStart()), ["1\tone", "2\ttwo"])
      assert.strictEqual(file("a.cs"), "\uFEFFone\r\n1.5\r\ntwo\r\n")
      assert.strictEqual(file("b.cs"), "\uFEFFone\r\nthree\r\n")
      assert.strictEqual(file("c.cs"), "one\n")
      assert.deepStrictEqual(told.slice(1), [
        "changed a.cs: 1 lines added, 0 removed",
        "changed b.cs: 1 lines added, 1 removed",
        "made c.cs: 1 lines added, 0 removed"
      ])
    }))

  it.effect("rules that people may let stand are for the workspace that the tools work in, and absolute paths into it are in it", () =>
    Effect.gen(function*() {
      const asked: Array<readonly [workspace: string | undefined, rules: ReadonlyArray<string> | undefined]> = []
      const { root, told } = yield* calling(
        { "a.txt": "one\n" },
        (root) => [
          ["Read", { file_path: join(root, "a.txt") }],
          ["Write", { file_path: join(root, "a.txt"), content: "two\n" }]
        ],
        {
          policy: Policy.rules(),
          question: ({ standing }) => asked.push([standing?.workspace, standing?.rules])
        }
      )
      assert.include(told[0]!, "one")
      assert.deepStrictEqual(asked, [[root, ["Write(./a.txt)"]]])
    }))

  it.effect("what is no text is neither shown nor edited", () =>
    Effect.gen(function*() {
      const { told } = yield* calling({ "a.bin": new Uint8Array([1, 0, 2]), "b.txt": new Uint8Array([0xff, 0xfe]) }, [
        ["Read", { file_path: "a.bin" }],
        ["Edit", { file_path: "b.txt", old_string: "a", new_string: "b" }]
      ])
      for (const each of told) assert.include(each, "is no text")
    }))
})

describe("parts of texts", () => {
  it("a replacement changes what was meant and nothing else", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), fc.string(), fc.string(), (before, old, now, after) => {
        const text = before + old + after
        const replaced = Replacement.of(text, old, now, false)
        if (old === now) return assert.property(replaced, "problem")
        if (text.indexOf(old) === text.lastIndexOf(old)) {
          assert.deepStrictEqual(replaced, { text: before + now + after })
        } else if (text.split(old).length > 2) assert.property(replaced, "problem")
        assert.deepStrictEqual(Replacement.of(text, old, now, true), { text: text.replaceAll(old, () => now) })
      })
    )
  })

  it("line breaks of two characters are taken for those that a model writes", () => {
    assert.deepStrictEqual(Replacement.of("a\r\nb\r\nc\r\n", "a\nb", "x\ny", false), { text: "x\r\ny\r\nc\r\n" })
    assert.deepStrictEqual(Replacement.of("a\r\nb", "b", "c\nd", false), { text: "a\r\nc\r\nd" })
    // What is not named keeps its own, whatever that is.
    assert.deepStrictEqual(Replacement.of("a\nb\r\nc\rd\r\n", "b\nc", "x\ny", false), {
      text: "a\nx\r\ny\rd\r\n"
    })
    assert.deepStrictEqual(Replacement.of("a\nb\r\nc\nd", "a\nb\nc", "x\ny", false), { text: "x\ny\nd" })
    assert.deepStrictEqual(Replacement.of("a\r\nb\r\n", "b", "c\r\nd\n", false), { text: "a\r\nc\r\nd\n\r\n" })
  })

  it("a part is found by lines whatever these end with, and all around it stays", () => {
    const line = fc.stringMatching(/^[ab]{0,2}$/)
    const lines = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n")), { maxLength: 6 })
    const text = (of: ReadonlyArray<readonly [string, string]>) => of.map(([line, end]) => line + end).join("")
    fc.assert(
      fc.property(lines, lines, lines, fc.stringMatching(/^[c-e]{1,3}$/), (before, part, after, now) => {
        const all = text(before) + `<${text(part)}>` + text(after)
        const named = `<${text(part).replaceAll("\r\n", "\n")}>`
        assert.deepStrictEqual(Replacement.of(all, named, now, false), { text: text(before) + now + text(after) })
      })
    )
  })

  it("a page of lines and the next make all of them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 10 }),
        (lines, most) => {
          const text = `${lines.join("\n")}\n`
          const seen: Array<string> = []
          for (let from = 1; from <= lines.length; from += most) {
            const shown = Lines.show(text, from, most)!.split("\n").filter((line) => !line.startsWith("("))
            seen.push(...shown.map((line) => line.split("\t")[1]!))
          }
          assert.deepStrictEqual(seen, lines)
          assert.isUndefined(Lines.show(text, lines.length + 1))
        }
      )
    )
  })

  it("a difference that is too large, or of what is no text, tells sizes alone", () => {
    const large = Array.from({ length: 9_000 }, (_, index) => `line ${index}`).join("\n")
    const other = Array.from({ length: 9_000 }, (_, index) => `other ${index}`).join("\n")
    assert.strictEqual(
      Difference.of("a", bytes(large), bytes(other)).shown,
      `changed a: ${large.length} bytes to ${other.length}`
    )
    assert.match(Difference.of("a", undefined, new Uint8Array([0])).shown, /made a: 1 bytes/)
    assert.match(Difference.of("a", bytes("x"), bytes("x")).told, /as it was/)
    assert.include(Difference.of("a", undefined, bytes("x\n")).shown, "--- /dev/null\n+++ a\n@@ -0,0 +1,1 @@\n+x")
  })
})
