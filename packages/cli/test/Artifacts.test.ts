/** What people and programs are given of what steps keep. */
import { assert, describe, it } from "@effect/vitest"
import * as RunView from "@fermata/core/RunView"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { forTerminal, textOf } from "../src/Artifacts.ts"
import { page } from "../src/RunPage.ts"
import { Project } from "./support/Project.ts"

const image = Uint8Array.of(137, 80, 78, 71, 0, 255)
const log = "one\twarning\n\u001b[31mdone"

const made = async () => {
  const project = new Project()
  const { json: { runId } } = await project.fermata("run", "Keeping", "--input", "{\"id\":\"1\"}", "--json")
  return {
    project,
    runId,
    artifact: (...args: ReadonlyArray<string>) => project.fermata("runs", "artifact", runId, ...args)
  }
}

describe("fermata runs artifact", () => {
  it("lists what the steps of a run keep, for people and as NDJSON, and runs show names it", async () => {
    const { artifact, project, runId } = await made()
    const listed = await artifact()
    assert.strictEqual(listed.code, 0)
    assert.deepStrictEqual(
      listed.stdout.trimEnd().split("\n").map((line) => line.replace(/ +[0-9a-f]{12}$/, "").replaceAll(/ {2,}/g, "  ")),
      [
        "ARTIFACT  STEP  TYPE  BYTES  HASH",
        "build.log  keep  text/plain  21",
        "chart.png  keep  image/png  6",
        "twice  keep  text/plain  3",
        "twice  keep  text/plain  2",
        "  keep  text/plain  8"
      ]
    )
    const { lines } = await artifact("--json")
    assert.deepInclude(lines[1], { step: "keep", name: "chart.png", mediaType: "image/png", bytes: 6 })
    assert.match(
      (await project.fermata("runs", "show", runId)).stdout,
      /✓ keep .* keeps build\.log, chart\.png, twice and 2 more/
    )
    const echo = await project.fermata("run", "Echo", "--input", "{\"text\":\"a\"}", "--json")
    const none = await project.fermata("runs", "artifact", echo.json.runId)
    assert.deepInclude(none, { code: 0, stdout: "", stderr: "no artifacts\n" })
  })

  it("gives the bytes to another program as they are, and to a terminal only text, in which nothing moves it", async () => {
    const { artifact, project, runId } = await made()
    assert.strictEqual((await artifact("build.log")).stdout, log)
    assert.strictEqual((await artifact("chart.png")).stdout, Buffer.from(image).toString())
    const onTerminal = (...args: ReadonlyArray<string>) =>
      project.type(["runs", "artifact", runId, ...args], { terminal: true })
    assert.strictEqual((await onTerminal("build.log")).stdout, "one\twarning\n\\u001b[31mdone\n")
    const refused = await onTerminal("chart.png")
    assert.deepInclude(refused, { code: 2, stdout: "" })
    assert.include(
      refused.stderr,
      "error: Artifact chart.png is no text that a terminal can show: 6 bytes of image/png"
    )
    assert.include(refused.stderr, "--out FILE")
  })

  it("writes the bytes into a file, and says where a file cannot be written", async () => {
    const { artifact, project } = await made()
    const file = join(project.folder, "chart.png")
    const { code, stderr, stdout } = await artifact("chart.png", "--out", file)
    assert.deepStrictEqual([code, stdout], [0, ""])
    assert.include(stderr, `chart.png of step keep: 6 bytes of image/png are in ${file}`)
    assert.deepStrictEqual(new Uint8Array(readFileSync(file)), image)
    const nowhere = join(project.folder, "none", "chart.png")
    const refused = await artifact("chart.png", "--out", nowhere)
    assert.strictEqual(refused.code, 2)
    assert.include(refused.stderr, `--out: the file ${nowhere} cannot be written: there is no such file or folder`)
    assert.isFalse(existsSync(nowhere))
  })

  it("gives one as JSON: text as text, and bytes as base64", async () => {
    const { artifact } = await made()
    assert.deepInclude((await artifact("build.log", "--json")).json, { name: "build.log", step: "keep", text: log })
    assert.deepInclude((await artifact("chart.png", "--json")).json, { base64: Buffer.from(image).toString("base64") })
  })

  it("takes a hash or the beginning of one, and refuses what is none or several", async () => {
    const { artifact } = await made()
    const hashes = (await artifact("--json")).lines.map((line) => line.hash)
    for (const hash of [hashes[4]!, hashes[4]!.slice(0, 6)]) {
      assert.strictEqual((await artifact(hash)).stdout, "nameless")
    }
    for (
      const [args, expected] of [
        [["none"], "keeps no artifact \"none\"; it keeps build.log ("],
        [["twice"], `keeps several artifacts "twice": name one of the hashes ${hashes[2]}, ${hashes[3]}`],
        [["--out", "x"], "--out needs the artifact that is to be written"],
        [["twice", "--out", ""], "expected the name of a file"],
        [["a", "b"], "takes no further argument: \"b\""]
      ] as const
    ) {
      const { code, stderr, stdout } = await artifact(...args)
      assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
      assert.include(stderr, expected)
    }
  })

  it("is completed with what the run keeps", async () => {
    const { project, runId } = await made()
    const offered = async (line: string) =>
      (await project.fermata("--complete", "bash", line)).stdout.split("\n").filter((text) => text !== "")
    assert.deepStrictEqual(await offered(`fermata runs artifact ${runId} b`), ["build.log"])
    assert.deepStrictEqual(await offered(`fermata runs artifact ${runId.slice(0, 4)}`), [runId])
    assert.deepStrictEqual(await offered("fermata runs artifact "), [runId])
  })
})

describe("what a terminal is shown of an artifact", () => {
  it("ends with a line, keeps tabs and lines, and is none for bytes that are no text", () => {
    assert.strictEqual(forTerminal("a\tb\r\nc\n"), "a\tb\nc\n")
    assert.strictEqual(forTerminal("a\u0007\u202e"), "a\\u0007\\u202e\n")
    assert.isUndefined(textOf(Uint8Array.of(0xc3)))
    assert.isUndefined(textOf(Uint8Array.of(65, 0)))
    assert.strictEqual(textOf(new TextEncoder().encode("é")), "é")
  })
})

describe("a step on the page of its run", () => {
  it("says nothing of artifacts where it keeps none", () => {
    const view = RunView.of("r", [
      { _tag: "RunRequested", seq: 0, at: 0, epoch: 0, workflow: "w", version: "1", payload: null },
      { _tag: "StepRequested", seq: 1, at: 0, epoch: 1, key: "a", name: "a", attempt: 1, onCrash: "rerun" },
      { _tag: "StepCompleted", seq: 2, at: 0, epoch: 1, key: "a", attempt: 1 }
    ])
    assert.notInclude(page(view, { globals: { json: false } as never, now: 0 }).join("\n"), "keeps")
  })
})
