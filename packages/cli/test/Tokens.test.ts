/** Tokens at the command: made, listed, completed, taken back, and refused where they would be none. */
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

describe("tokens, at the command", () => {
  it("are printed once, listed with what they open, and taken back", async () => {
    const { fermata } = new Project()
    const made = await fermata(
      "token",
      "create",
      "ada",
      "--scope",
      "approve",
      "--scope",
      "read",
      "--group",
      "finance",
      "--expires",
      "90d",
      "--as",
      "root"
    )
    assert.strictEqual(made.code, 0, made.stderr)
    const [, id] = /^frm_([0-9a-f]{12})_[\w-]{43}\n$/.exec(made.stdout) ?? assert.fail(made.stdout)
    assert.match(
      made.stderr,
      new RegExp(
        `^token ${id} of ada: read, approve, as one of finance, until 20\\d\\d-.*Z; it is not shown again$`,
        "m"
      )
    )
    await fermata("token", "create", "ci", "--scope", "operate")
    const listed = await fermata("token", "ls")
    assert.match(
      listed.stdout,
      new RegExp(`^${id} +ada +read,approve +finance +\\S+ \\S+ ago +root +never +in 89 d`, "m")
    )
    assert.notInclude(listed.stdout, made.stdout.slice(17, 40))
    const page = await fermata("token", "ls", "--limit", "1", "--after", id!, "--json")
    assert.deepInclude(page.lines[0] as object, { name: "ci", scopes: ["operate"], groups: [] })
    assert.notProperty(page.lines[0], "expiresAt")
    assert.include((await fermata("--complete", "bash", "fermata token rm ")).stdout, id!)
    assert.include((await fermata("token", "rm", id!.slice(0, 5))).stderr, `token ${id} of ada opens nothing any more`)
    const gone = await fermata("token", "rm", id!)
    assert.strictEqual(gone.code, 2)
    assert.include(gone.stderr, `error: There is no token "${id}"`)
  })

  it("are refused without a scope, with one that is none, and with an end that has passed or is no time", async () => {
    const { fermata } = new Project()
    const says = async (args: ReadonlyArray<string>, text: string) => {
      const { code, stderr, stdout } = await fermata("token", "create", ...args)
      assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
      assert.include(stderr, text)
    }
    await says(["ada"], "scope")
    await says(["ada", "--scope", "root"], "root")
    await says(["ada", "--scope", "read", "--expires", "soon"], "--expires expects 30min, 12h, 90d, 4w or a time")
    await says(["ada", "--scope", "read", "--expires", "2020-01-01"], "No token is made: it would have run out already")
    await says([" ", "--scope", "read"], "No token is made")
    assert.strictEqual((await fermata("token", "ls")).stdout, "")
  })
})
