/** Rules that people let stand at the command: shown before, listed, completed, taken back. */
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

const config = fileURLToPath(new URL("./support/standing.config.ts", import.meta.url))

/** An agent in a database of its own, which is given lines to type. */
const project = () => {
  const own = new Project()
  const type = (...args: ReadonlyArray<string>) => own.type([...args, "--config", config])
  const run = (input: string, ...more: ReadonlyArray<string>) =>
    type("agent", "run", "typist", "--input", input, "--model", "scripted", ...more)
  const approve = (runId: string, ...more: ReadonlyArray<string>) =>
    type("approve", runId, "--as", "ann", "--model", "scripted", ...more)
  const runIdOf = async () => {
    const { lines } = await own.fermata("runs", "ls", "--json")
    return String((lines[0] as { readonly runId: string }).runId)
  }
  return { own, run, approve, runIdOf }
}

describe("rules that stand, at the command", () => {
  it("are shown with the question, chosen by number, listed, told on the page of each run, and taken back", async () => {
    const { approve, own, run, runIdOf } = project()
    const first = await run("git status ; git status")
    assert.strictEqual(first.code, 3, first.stderr)
    const offer =
      "--always 1 lets Bash(git status) stand, which opens this very line; --always 2 lets Bash(git status:*) stand, which opens lines that begin so, whatever follows"
    assert.include(first.stderr, offer)
    assert.include((await own.fermata("approvals", "ls")).stdout, offer)
    const runId = await runIdOf()
    // What is answered is shown to the last character, before and while it is asked.
    const exactly = "\n      | {\n      |   \"command\": \"git status\"\n      | }\n"
    for (const text of [first.stderr, (await own.fermata("runs", "show", runId)).stdout]) assert.include(text, exactly)
    const offered = await own.fermata("--complete", "bash", `fermata approve ${runId} --always Bash`)
    assert.include(offered.stdout, "Bash(git status)")

    const said = await approve(runId, "--always", "1")
    assert.strictEqual(said.code, 0, said.stderr)
    const [, id] =
      /Bash\(git status\) stands for agent typist in \/shop and opens this very line; to take it back: .*policy rm (\w+)/
        .exec(said.stderr) ?? []
    const page = (await own.fermata("runs", "show", runId)).stdout
    assert.match(page, /approve by ann, who let Bash\(git status\) stand/)
    assert.match(
      page,
      new RegExp(`nobody was asked about Bash, by rule Bash\\(git status\\) \\(${id}\\), which ann let stand on \\d`)
    )

    assert.strictEqual((await run("git status")).code, 0)
    const listed = await own.fermata("policy", "ls", "--agent", "typist", "--workspace", "/shop", "--json")
    assert.deepInclude(listed.lines[0] as object, {
      id,
      agent: "typist",
      workspace: "/shop",
      rule: "Bash(git status)",
      by: "ann",
      runId,
      key: "Bash"
    })
    const table = (await own.fermata("policy", "ls")).stdout
    assert.match(
      table,
      new RegExp(`^${id} +typist +/shop +Bash\\(git status\\) +ann +.* ${runId.slice(0, 4)}\\w*/Bash$`, "m")
    )
    assert.include((await own.fermata("--complete", "bash", "fermata policy rm ")).stdout, id!)
    assert.include((await own.fermata("--complete", "bash", "fermata policy ls --agent ")).stdout, "typist")

    const removed = await own.fermata("policy", "rm", id!.slice(0, 6))
    assert.strictEqual(removed.code, 0, removed.stderr)
    assert.include(removed.stderr, "Bash(git status) stands no more for agent typist: people are asked again")
    assert.include((await own.fermata("policy", "ls")).stderr, "no rules")
    assert.strictEqual((await run("git status")).code, 3)
  })

  it("are refused with one clear error where there are none, or not these", async () => {
    const { approve, own, run, runIdOf } = project()
    assert.strictEqual((await run("npm publish")).code, 3)
    const forbidden = await approve(await runIdOf(), "--always", "1")
    assert.strictEqual(forbidden.code, 2)
    assert.match(forbidden.stderr, /^error: .*it offers no rule that could stand/m)

    assert.strictEqual((await run("npm test")).code, 3)
    const runId = await runIdOf()
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
      [["--always", "3"], "\"3\" is not among the rules that it offers: Bash(npm test), Bash(npm test:*)"],
      [["--always", "0"], "\"0\" is not among the rules that it offers"],
      [["--always", "Bash"], "\"Bash\" is not among the rules that it offers"],
      [["--always", "1", "--edit", "{\"command\":\"rm -rf .\"}"], "a rule is about the arguments that were asked about"]
    ]
    for (const [args, problem] of cases) {
      const refused = await approve(runId, ...args)
      assert.strictEqual(refused.code, 2, args.join(" "))
      assert.include(refused.stderr, problem)
    }
    assert.isEmpty((await own.fermata("policy", "ls", "--json")).stdout)
    const gone = await own.fermata("policy", "rm", "beef")
    assert.strictEqual(gone.code, 2)
    assert.match(gone.stderr, /^error: No rule "beef" stands; there is none\n.*see what stands: .*policy ls/m)
    assert.deepInclude((await own.fermata("policy", "rm", "beef", "--json")).json["error"] as object, {
      code: "RuleNotFound"
    })
    const nothing = await own.fermata("policy", "rm")
    assert.strictEqual(nothing.code, 2)
    assert.include(nothing.stderr, "fermata policy rm needs the argument <rule>")
  })
})
