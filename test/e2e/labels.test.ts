/** What runs are about, and how lists find them. */
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

const nap = (project: Project, millis: number, ...more: ReadonlyArray<string>) =>
  project.fermata("run", "Nap", "--detach", "--json", "--input", `{"millis":${millis}}`, ...more)

describe("what a run is about", () => {
  it("is said when it is started, and is what lists find it by", async () => {
    const project = new Project()
    const first = await nap(project, 1, "--label", "customer=acme", "--label", "team=navy", "--title", "The first")
    const second = await nap(project, 2, "--label", "customer=acme")
    // A run that was there stays as it was.
    const again = await nap(project, 2, "--label", "customer=other", "--title", "Another")
    assert.include(again.json, { runId: second.json.runId, joined: true })
    const [both, one, none, prefix, late] = await Promise.all([
      ["--label", "customer=acme", "--since", "2000-01-01", "--until", "2999-01-01T00:00Z"],
      ["--label", "customer=acme", "--label", "team=navy"],
      ["--label=customer=other"],
      ["--id", first.json.runId.slice(0, 8)],
      ["--since", "2999-01-01"]
    ].map((args) => project.fermata("runs", "ls", "--json", ...args)))
    const found = [both!, one!, none!, prefix!, late!].map(({ lines }) => lines.map(({ runId }) => runId))
    assert.deepStrictEqual(found, [
      [second.json.runId, first.json.runId],
      [first.json.runId],
      [],
      [first.json.runId],
      []
    ])
    assert.deepInclude(one!.json, { title: "The first", labels: { customer: "acme", team: "navy" } })
  })

  it("is refused where it is none, with what would be right", async () => {
    const project = new Project()
    const run = ["run", "Nap", "--detach", "--input", "{\"millis\":1}"]
    const cases: ReadonlyArray<readonly [message: RegExp, ...args: ReadonlyArray<string>]> = [
      [/--label cannot be "customer": .*key=value/, ...run, "--label", "customer"],
      [/the name of its label "a b" is none: give up to 63 letters, digits/, ...run, "--label", "a b=c"],
      [/--since cannot be "yesterday": expected a day or a time, as 2026-01-31/, "runs", "ls", "--since", "yesterday"],
      [/--until cannot be "2026-13-01"/, "runs", "ls", "--until", "2026-13-01"],
      [/--label cannot be "=acme"/, "runs", "ls", "--label", "=acme"]
    ]
    const outcomes = await Promise.all(cases.map(([, ...args]) => project.fermata(...args)))
    for (const [index, { code, stderr, stdout }] of outcomes.entries()) {
      assert.strictEqual(code, 2, stderr)
      assert.strictEqual(stdout, "")
      assert.match(stderr, cases[index]![0])
    }
    assert.deepStrictEqual((await project.fermata("runs", "ls", "--json")).lines, [])
  })
})
