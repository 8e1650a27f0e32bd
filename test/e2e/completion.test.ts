/** What a shell offers behind the words of a command, by the script that the command prints for it. */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { bin, fixtures, Project } from "./support/Fermata.ts"

/** What bash would offer for each of these lines. */
const offered = (
  project: Project,
  lines: ReadonlyArray<string>,
  cwd = fixtures
): ReadonlyArray<ReadonlyArray<string>> => {
  const programs = join(project.folder, "bin")
  mkdirSync(programs, { recursive: true })
  writeFileSync(join(programs, "fermata"), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`)
  chmodSync(join(programs, "fermata"), 0o755)
  const script = `eval "$(fermata --completions bash)" || exit 9
compopt() { :; }
for line in "$@"; do
  COMP_LINE=$line COMP_POINT=\${#line} COMP_WORDS=(fermata)
  _fermata
  (IFS='|'; echo "\${COMPREPLY[*]}")
done`
  const { stderr, stdout } = spawnSync("bash", ["-c", script, "bash", ...lines], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, FERMATA_DB: project.db, PATH: `${programs}:${process.env["PATH"]}` }
  })
  assert.strictEqual(stderr, "")
  return stdout.slice(0, -1).split("\n").map((line) => line === "" ? [] : line.split("|"))
}

describe("completion", () => {
  it("offers in bash what the command knows, and makes no database", async () => {
    const project = new Project()
    const before = offered(project, ["fermata ru", "fermata runs show ", "fermata run a"])
    assert.deepStrictEqual(before, [["run", "runs", "run-once"], [], ["approval.json"]])
    assert.isFalse(existsSync(project.db))

    const { json: { runId } } = await project.fermata("run", "Shop", "--input", "{\"id\":\"1\"}", "--json")
    const lines: ReadonlyArray<readonly [line: string, expected: ReadonlyArray<string>]> = [
      ["fermata runs ls --status=s", ["suspended"]],
      [`fermata --db ${project.db} runs show ${runId.slice(0, 4)}`, [runId]],
      ["fermata run Echo --input @app", ["@approval.json"]],
      ["fermata runs nothing ", []]
    ]
    assert.deepStrictEqual(offered(project, lines.map(([line]) => line)), lines.map(([, expected]) => expected))
  })

  it("is installed by the line that stands in each script", () => {
    const project = new Project()
    const home = join(project.folder, "home")
    for (const folder of ["zsh", ".config/fish/completions"]) mkdirSync(join(home, folder), { recursive: true })
    offered(project, [])
    for (
      const [shell, file] of [["bash", ".bashrc"], ["zsh", "zsh/_fermata"], [
        "fish",
        ".config/fish/completions/fermata.fish"
      ]]
    ) {
      // Of zsh and fish the line needs nothing that bash does not have.
      const script =
        `s=$(fermata --completions ${shell}); eval "$(sed -n "s/^# \\(fermata .*\\)/\\1/p" <<< "$s")"; echo "$s"`
      const { stderr, stdout } = spawnSync("bash", ["-c", `fpath=(none "$HOME/zsh"); ${script}`], {
        encoding: "utf8",
        env: { ...process.env, HOME: home, PATH: `${join(project.folder, "bin")}:${process.env["PATH"]}` }
      })
      assert.strictEqual(stderr, "")
      assert.include(stdout, "_fermata")
      assert.strictEqual(readFileSync(join(home, file!), "utf8"), stdout)
    }
  })
})
