import { assert, describe, it } from "@effect/vitest"
import * as FileTools from "@fermata/agent-node/FileTools"
import * as Workspace from "@fermata/agent-node/Workspace"
import * as Agent from "@fermata/agent/Agent"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Picture from "@fermata/agent/Picture"
import * as Policy from "@fermata/agent/Policy"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Fiber, Layer, Stream } from "effect"
import type { Prompt } from "effect/ai"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gif, jpeg, page, pdf, png, webp } from "./support/Documents.ts"

type Files = Readonly<Record<string, string | Uint8Array>>

const folderOf = (files: Files) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const root = mkdtempSync(join(tmpdir(), "fermata-reading-"))
      for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content)
      return root
    }),
    (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
  )

type Part = { readonly offset?: number; readonly limit?: number; readonly pages?: string }

/** What Read gives of each of these files, or why it gives nothing. */
const read = (files: Files, part: Part = {}) =>
  Effect.scoped(Effect.gen(function*() {
    const root = yield* folderOf(files)
    return yield* Effect.gen(function*() {
      const kit = yield* FileTools.toolkit
      return yield* Effect.forEach(Object.keys(files), (file_path) =>
        Effect.gen(function*() {
          const results = yield* Stream.runCollect(yield* kit.handle("Read", { file_path, ...part }))
          return String(results.at(-1)!.result)
        }).pipe(Effect.catch((error) => Effect.succeed(String(error)))))
    }).pipe(Effect.provide(Layer.provide(FileTools.layer, Workspace.layer({ root }))))
  }))

describe("Read of a PDF", () => {
  it.live("M-107: gives the text of its pages, the first twenty or those that are asked for", () =>
    Effect.gen(function*() {
      const long = pdf(
        Array.from({ length: 45 }, (_, index) => page(`This is page ${index + 1}.`, "It has two lines."))
      )
      const [first] = yield* read({ "a.pdf": long })
      assert.isTrue(first!.startsWith("[page 1 of 45]\nThis is page 1.\nIt has two lines.\n[page 2 of 45]\n"), first)
      assert.isTrue(first!.endsWith("This is page 20.\nIt has two lines.\n(25 more pages: go on with pages 21-40)"))
      assert.deepStrictEqual(yield* read({ "a.pdf": long }, { pages: "44-50" }), [
        "[page 44 of 45]\nThis is page 44.\nIt has two lines.\n[page 45 of 45]\nThis is page 45.\nIt has two lines."
      ])
      const [none, backwards, lines] = yield* Effect.all([
        read({ "a.pdf": long }, { pages: "46" }),
        read({ "a.pdf": long }, { pages: "5-3" }),
        read({ "a.pdf": long }, { offset: 3 })
      ])
      assert.include(none[0], "a.pdf: has 45 pages, and none from 46 on")
      assert.include(backwards[0], "cannot be read from page 5 to page 3")
      assert.include(lines[0], "is a PDF, which has no lines: ask for pages")
      assert.include((yield* read({ "a.txt": "text" }, { pages: "1" }))[0], "a.txt: has no pages")
      assert.include((yield* read({ "a.pdf": pdf([""]) }))[0], "(no text: it may be a picture)")
    }))

  it.live("one that is damaged, locked or none is told so", () =>
    Effect.gen(function*() {
      const whole = pdf([page("x")])
      const locked = "/Encrypt << /Filter /Standard /V 1 /R 2 /O (01234567890123456789012345678901)" +
        " /U (01234567890123456789012345678901) /P -4 >> /ID [(a) (a)]"
      const told = yield* read({
        "cut.pdf": whole.subarray(0, 120),
        "empty.pdf": "%PDF-1.7\n",
        "locked.pdf": pdf([page("x")], locked),
        "text.pdf": "I am no PDF.",
        "picture.pdf": png(2, 3),
        "nothing.pdf": ""
      })
      assert.include(told[0], "is no PDF that can be read")
      assert.include(told[1], "is no PDF that can be read")
      assert.include(told[2], "is a PDF that is locked with a password")
      assert.include(told[3], "is named as a PDF, and is none")
      assert.include(told[4], "is named as a PDF, and is a PNG picture")
      assert.include(told[5], "is named as a PDF, and is none")
    }))

  it.live(
    "one that unpacks to more memory than there is ends with an error, and others go on meanwhile",
    () =>
      Effect.gen(function*() {
        let ticks = 0
        const others = yield* Effect.forkChild(Effect.forever(
          Effect.andThen(
            Effect.sync(() => ticks++),
            Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          )
        ))
        const bomb = pdf([Buffer.alloc(300_000_000, "0 0 m ")])
        assert.isBelow(bomb.length, 500_000)
        const [told] = yield* read({ "bomb.pdf": bomb })
        assert.match(told!, /bomb\.pdf: takes too much memory/)
        assert.isAbove(ticks, 100)
        yield* Fiber.interrupt(others)
      }),
    120_000
  )
})

describe("Read of a picture", () => {
  it("is told what it is by its head, and whether it is whole", () => {
    const sizes = [png(640, 480), jpeg(320, 200), gif, webp].map((bytes) => {
      const mediaType = Picture.typeOf(bytes)!
      const whole = Picture.of(bytes, mediaType)
      // No length but the whole one is a picture, and none is a defect.
      for (let length = 0; length < bytes.length; length++) {
        const cut = bytes.subarray(0, length)
        const type = Picture.typeOf(cut)
        if (type !== undefined) assert.property(Picture.of(cut, type), "problem", `${type} of ${length} bytes`)
      }
      return whole
    })
    assert.deepStrictEqual(sizes, [
      { mediaType: "image/png", width: 640, height: 480 },
      { mediaType: "image/jpeg", width: 320, height: 200 },
      { mediaType: "image/gif", width: 1, height: 1 },
      { mediaType: "image/webp", width: 1, height: 1 }
    ])
  })

  it.live("one that is cut, too large, without pixels or another thing than its name says is told so", () =>
    Effect.gen(function*() {
      const told = yield* read({
        "bomb.png": png(30_000, 30_000),
        "cut.png": png(2, 2).subarray(0, 40),
        "none.png": png(0, 5),
        "lies.png": jpeg(2, 2),
        "script.gif": "<script>alert(1)</script>",
        "document.jpg": pdf([page("x")]),
        "large.gif": Buffer.concat([gif.subarray(0, -1), Buffer.alloc(3_750_000, 1), Buffer.from(";")]),
        "data.bin": new Uint8Array([1, 0, 2])
      })
      const problems = [
        "is a PNG picture of 30000 x 30000 pixels and 67 bytes, and 8000 x 8000 are the most",
        "is no whole PNG picture: its end is missing, or it is damaged",
        "is a PNG picture without a pixel",
        "is named as a PNG picture, and is a JPEG picture",
        "is named as a GIF picture, and is none",
        "is named as a JPEG picture, and is a PDF",
        "and 3750000 are the most that models take",
        "is no text in UTF-8, no PDF and no picture"
      ]
      for (const [index, problem] of problems.entries()) assert.include(told[index], problem)
    }))

  const photo = png(640, 480)

  /** The results of Read as a model is told them that takes pictures, or takes none, and what the run keeps. */
  const shown = (takesImages: boolean) =>
    Effect.gen(function*() {
      const root = yield* folderOf({ "photo.png": photo })
      const told: Array<Prompt.ToolResultPart> = []
      const agent = Agent.make("agent", {
        instructions: "",
        model: "m",
        toolkit: FileTools.toolkit,
        policy: Policy.open
      })
      const script: Scripted.Script = (request, turn) => {
        for (const message of request.prompt.content) {
          if (message.role !== "tool") continue
          for (const part of message.content) if (part.type === "tool-result") told.push(part)
        }
        return turn < 2 ? [Scripted.call("Read", { file_path: "photo.png" })] : "done"
      }
      const world = agent.layer.pipe(
        Layer.provide(FileTools.layer),
        Layer.provide(Workspace.layer({ root })),
        Layer.provideMerge(Layer.mergeAll(
          Models.layer([Scripted.provider(script, { name: "m", takesImages })]),
          Chunks.layerMemory,
          Runs.layer
        )),
        Layer.provideMerge(TestHost.layer)
      )
      return yield* Effect.gen(function*() {
        const { turns } = yield* agent.run("go", { id: "1" })
        const runs = yield* Runs
        const run = yield* agent.start("go", { id: "1" })
        const journal = JSON.stringify(yield* runs.show(run))
        return { told, turns, kept: yield* runs.artifacts(run), journal }
      }).pipe(Effect.provide(world))
    })

  it.effect("M-107: is shown to a model that takes pictures, at every turn, and the journal has a reference to it", () =>
    Effect.gen(function*() {
      const { journal, kept, told, turns } = yield* shown(true)
      assert.strictEqual(turns, 3)
      // One of the first turn, and again at the second, with another.
      assert.lengthOf(told, 3)
      for (const { isFailure, modelOutput } of told) {
        assert.isFalse(isFailure)
        const [text, file] = modelOutput!
        assert.nestedPropertyVal(text, "text", "(PNG picture of 640 x 480 pixels and 67 bytes)")
        assert.deepInclude(file, { type: "file", mediaType: "image/png", fileName: "photo.png" })
        assert.deepStrictEqual(file?.type === "file" ? Buffer.from(file.data as Uint8Array) : undefined, photo)
      }
      assert.deepStrictEqual(kept.map(({ bytes, mediaType, name }) => [name, mediaType, bytes]), [
        ["photo.png", "image/png", 67],
        ["photo.png", "image/png", 67]
      ])
      assert.include(journal, kept[0]!.hash)
      assert.notInclude(journal, photo.toString("base64").slice(0, 20))
    }))

  it.effect("M-107: is told in words to a model that takes none", () =>
    Effect.gen(function*() {
      const { told } = yield* shown(false)
      assert.lengthOf(told, 3)
      for (const { modelOutput, result } of told) {
        assert.isUndefined(modelOutput)
        assert.strictEqual(
          result,
          "(PNG picture of 640 x 480 pixels and 67 bytes)\n[photo.png (image/png) is not shown: the model \"m\" takes no pictures]"
        )
      }
    }))
})
