import { assert, describe, it } from "@effect/vitest"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

const mostBytes = 8 * 1024

/** What a page loads for this module of core: bytes after gzip, and the files whose code is in it. */
const bundleOf = async (module: string) => {
  const bundle = await rolldown({
    input: fileURLToPath(new URL(`../../packages/core/src/${module}.ts`, import.meta.url)),
    platform: "browser"
  })
  const { output: [chunk, ...others] } = await bundle.generate({ format: "esm", minify: true })
  await bundle.close()
  assert.deepStrictEqual(others, [], "one file")
  const files = Object.entries(chunk.modules).flatMap(([file, { renderedLength }]) => renderedLength > 0 ? [file] : [])
  return { bytes: gzipSync(chunk.code).length, files, code: chunk.code }
}

const hasSchema = (files: ReadonlyArray<string>): boolean =>
  files.some((file) => /\/effect\/(?:dist|src)\/Schema[A-Z]?\w*\.[jt]s$/.test(file))

describe("what a page loads", () => {
  it("the fold of a journal has no Schema in it and is at most 8 KiB", async () => {
    const { bytes, code, files } = await bundleOf("RunView")
    assert.isFalse(hasSchema(files), files.join("\n"))
    assert.isAtMost(bytes, mostBytes)
    const { of } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
      readonly of: typeof import("@fermata/core/RunView")["of"]
    }
    const view = of("r-1", [
      { _tag: "RunRequested", seq: 0, at: 5, epoch: 1, workflow: "greet", version: "1", payload: { name: "ada" } },
      { _tag: "RunStarted", seq: 1, at: 6, epoch: 1 },
      { _tag: "RunFailed", seq: 2, at: 9, epoch: 1, cause: [{ _tag: "Fail", error: { _tag: "Late", message: "no" } }] }
    ])
    assert.deepInclude({ ...view }, { id: "r-1", workflow: "greet", status: "failed" })
    assert.strictEqual(view.error?.message, "Late: no")
  })

  it("the sentence about a run, with what one may do about it, has no Schema in it either", async () => {
    const { bytes, code, files } = await bundleOf("RunSentence")
    assert.isFalse(hasSchema(files), files.join("\n"))
    assert.isAtMost(bytes, mostBytes)
    const { of } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
      readonly of: typeof import("@fermata/core/RunSentence")["of"]
    }
    const waits = [{ reason: "approval", key: "pay", who: ["ada"], detail: "Pay?", until: 7_200_000 }] as const
    assert.strictEqual(
      of({ status: "suspended", waits }, 0),
      `Waits for ada to answer approval "pay": Pay?; ends by itself in 2 h, at 1970-01-01 02:00:00Z`
    )
  })

  it("a module that holds schemas is found to be more than that", async () => {
    const { bytes, files } = await bundleOf("JournalEntry")
    assert.isTrue(hasSchema(files))
    assert.isAbove(bytes, mostBytes)
  })
})
