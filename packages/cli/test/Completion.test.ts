import { assert, describe, it } from "@effect/vitest"
import { existsSync } from "node:fs"
import { Project } from "./support/Project.ts"

/** What is offered behind a line, as the script of bash asks for it. */
const offered = async (project: Project, line: string): Promise<ReadonlyArray<string>> => {
  const { code, stderr, stdout } = await project.fermata("--complete", "bash", line)
  assert.deepStrictEqual([code, stderr], [0, ""], line)
  return stdout.split("\n").filter((text) => text !== "")
}

describe("completion", () => {
  it("offers commands, options, values, files, workflows, runs, steps, signals and events, and makes no database", async () => {
    const project = new Project()
    assert.deepStrictEqual(await offered(project, "fermata ru"), ["run", "runs"])
    assert.deepStrictEqual(await offered(project, "fermata runs show "), [])
    assert.deepStrictEqual(await offered(project, "fermata run a"), ["approval.json"])
    assert.isFalse(existsSync(project.db))

    const { json: { runId } } = await project.fermata("run", "Shop", "--input", "{\"id\":\"1\"}", "--json")
    const asked = await project.fermata("run", "approval.json", "--input", "{\"cents\":5}", "--json")
    const lines: ReadonlyArray<readonly [line: string, expected: ReadonlyArray<string>]> = [
      ["fermata runs ls --status s", ["suspended"]],
      ["fermata runs ls --status=s", ["suspended"]],
      ["fermata runs ls --lim", ["--limit"]],
      ["fermata run Sh", ["Shop"]],
      [`fermata --db ${project.db} runs show ${runId.slice(0, 4)}`, [runId]],
      [`fermata signal ${runId} `, ["paid"]],
      [`fermata runs fork ${runId} --at `, ["record"]],
      [`fermata approve ${asked.json.runId.slice(0, 6)}`, [asked.json.runId]],
      [`fermata approve ${asked.json.runId} --as f`, ["finance"]],
      [`fermata approve ${asked.json.runId} --choice `, ["card", "cash"]],
      ["fermata emit expense.", ["expense.filed"]],
      ["fermata run Echo --input @app", ["@approval.json"]],
      ["fermata contracts check ten", ["ten-mistakes.json"]],
      ["fermata runs nothing ", []]
    ]
    for (const [line, expected] of lines) assert.deepStrictEqual(await offered(project, line), expected, line)
  })

  it("is printed to stdout for every shell, and offers the same there with a word about each", async () => {
    const { fermata } = new Project()
    const scripts = await Promise.all(["bash", "zsh", "fish"].map((shell) => fermata("--completions", shell)))
    for (const [index, shell] of ["bash", "zsh", "fish"].entries()) {
      assert.deepInclude(scripts[index]!, { code: 0, stderr: "" })
      assert.include(scripts[index]!.stdout, `--complete ${shell} `)
    }
    for (const shell of ["zsh", "fish"]) {
      assert.strictEqual(
        (await fermata("--complete", shell, "runs", "pa")).stdout,
        "pause\tLet no further step of a run start until it is resumed\n"
      )
    }
  })
})
