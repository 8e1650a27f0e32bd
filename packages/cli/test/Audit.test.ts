/** The audit at the command: what each command leaves there, what is listed, and what is found when it was altered. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { DatabaseSync } from "node:sqlite"
import { connect, server } from "./support/McpPlace.ts"
import { type Outcome, Project } from "./support/Project.ts"

interface Line {
  readonly n: number
  readonly who: string
  readonly how: string
  readonly action: string
  readonly target: string
  readonly detail: Readonly<Record<string, unknown>>
  readonly hash: string
}

const linesOf = ({ lines }: Outcome) => lines as unknown as ReadonlyArray<Line>

const idOf = ({ json }: Outcome) => String((json as unknown as { readonly runId: string }).runId)

describe("the audit, at the command", () => {
  it("N-54: has one line for each command that does something, as done by --as, and none for one that looks or is refused", async () => {
    const own = new Project()
    let seen = 0
    /** What a command has left there. */
    const left = async (...args: ReadonlyArray<string>) => {
      const outcome = await own.fermata(...args)
      const all = linesOf(await own.fermata("audit", "ls", "--json")).toReversed()
      const told = all.slice(seen).map(({ action, how, target, who }) => ({ action, how, target, who }))
      seen = all.length
      return { outcome, told }
    }
    const by = (who: string, action: string, target: string) => ({ action, how: "command", target, who })
    const { outcome, told } = await left("run", "Shop", "--input", "{\"id\":\"canary-1\"}", "--json", "--detach")
    const run = idOf(outcome)
    // The configuration has a contract, which is added the first time.
    assert.deepStrictEqual(told, [by("tester", "contract.add", "parcel@1.0.0"), by("tester", "run.start", run)])
    const again = await left("run", "Shop", "--input", "{\"id\":\"canary-1\"}", "--json", "--detach")
    assert.deepStrictEqual([idOf(again.outcome), again.told], [run, []])
    const acts: ReadonlyArray<readonly [ReadonlyArray<string>, ReturnType<typeof by>]> = [
      [["runs", "pause", run, "--no-wait", "--as", "ada"], by("ada", "run.pause", run)],
      [["runs", "resume", run, "--no-wait"], by("tester", "run.resume", run)],
      [["runs", "raise", run, "--usd", "2", "--no-wait"], by("tester", "run.raise", run)],
      [["signal", run, "paid", "--data", "{\"cents\":42}", "--no-wait"], by("tester", "run.signal", run)],
      [["emit", "order.placed", "--data", "{\"id\":\"canary-1\"}", "--key", "e1"], by("tester", "event.emit", "e1")],
      [["runs", "cancel", run, "--reason", "canary-1", "--no-wait"], by("tester", "run.cancel", run)],
      [["contracts", "add", "approval.json"], by("tester", "contract.add", "expense@1.0.0")]
    ]
    for (const [args, line] of acts) {
      const { outcome, told } = await left(...args)
      assert.deepStrictEqual(told, [line], `${args.join(" ")}\n${outcome.stderr}`)
    }
    const token = await left("token", "create", "ci", "--scope", "read", "--json")
    const { id } = token.outcome.json as unknown as { readonly id: string }
    assert.deepStrictEqual(token.told, [by("tester", "token.create", id)])
    assert.deepStrictEqual((await left("token", "rm", id)).told, [by("tester", "token.remove", id)])
    for (
      const args of [
        ["contracts", "add", "approval.json"],
        ["runs", "ls"],
        ["runs", "show", run],
        ["token", "rm", id],
        ["runs", "cancel", "none-such"],
        ["doctor"]
      ]
    ) assert.deepStrictEqual((await left(...args)).told, [], args.join(" "))
    const all = await own.fermata("audit", "ls", "--json", "--limit", "500")
    assert.notInclude(all.stdout, "canary-1")
    assert.include((await own.fermata("audit", "verify")).stderr, `${seen} lines are as they were written`)
  })

  it.live("N-54: has what clients of the MCP server do, as done by whoever it acts for", () =>
    Effect.gen(function*() {
      const shared = yield* server("ada")
      const { client } = yield* connect(shared)
      yield* Effect.promise(() => client.callTool({ name: "Greet", arguments: { name: "canary-1" } }))
      const [line, ...others] = yield* shared.host.audit.list({ action: "run.*" })
      assert.isEmpty(others)
      assert.deepInclude(line, {
        who: "ada",
        how: "mcp",
        action: "run.start",
        detail: { workflow: "Greet", version: "1" }
      })
    }))

  it("N-54: is listed by who, action, run and time, and page by page", async () => {
    const own = new Project()
    assert.deepStrictEqual(await own.fermata("audit", "ls", "--db", own.db).then(({ code }) => code), 2)
    const run = idOf(await own.fermata("run", "Shop", "--input", "{\"id\":\"1\"}", "--json", "--detach"))
    await own.fermata("runs", "pause", run, "--no-wait", "--as", "ada")
    await own.fermata("token", "create", "ci", "--scope", "read")
    const table = (await own.fermata("audit", "ls")).stdout
    assert.match(table, /^N +WHEN +WHO +HOW +ACTION +TARGET +DETAIL$/m)
    assert.match(table, new RegExp(`^3 +\\S+ \\S+ ago +ada +command +run\\.pause +${run}`, "m"))
    const numbers = async (...args: ReadonlyArray<string>) =>
      linesOf(await own.fermata("audit", "ls", "--json", ...args)).map(({ n }) => n)
    assert.deepStrictEqual(await numbers("--run", run.slice(0, 8)), [3, 2])
    assert.deepStrictEqual(await numbers("--who", "ada"), [3])
    assert.deepStrictEqual(await numbers("--action", "run.*"), [3, 2])
    assert.deepStrictEqual(await numbers("--action", "run.start", "--since", "2000-01-01"), [2])
    assert.deepStrictEqual(await numbers("--since", "2999-01-01"), [])
    assert.deepStrictEqual(await numbers("--limit", "2"), [4, 3])
    assert.include((await own.fermata("audit", "ls", "--limit", "2")).stderr, "there may be more: --before 3")
    assert.deepStrictEqual(await numbers("--limit", "2", "--before", "3"), [2, 1])
  })

  it("N-54: is verified: the first line that was altered, taken out or put in is named with exit code 1, and a cut end by the head", async () => {
    const own = new Project()
    for (const name of ["a", "b", "c", "d"]) await own.fermata("token", "create", name, "--scope", "read")
    const intact = await own.fermata("audit", "verify")
    assert.deepStrictEqual([intact.code, intact.stderr], [
      0,
      "4 lines are as they were written; the hash of the last:\n"
    ])
    const head = intact.stdout.trim()
    assert.match(head, /^[0-9a-f]{64}$/)
    /** What is found after this was done to the table, which is put back after. */
    const after = async (sql: string, ...args: ReadonlyArray<string>) => {
      const db = new DatabaseSync(own.db)
      db.exec("CREATE TABLE kept AS SELECT * FROM audit")
      db.exec(sql)
      db.close()
      const { code, stdout } = await own.fermata("audit", "verify", ...args)
      const back = new DatabaseSync(own.db)
      back.exec("DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DROP TABLE kept")
      back.close()
      return [code, stdout.trim()]
    }
    assert.deepStrictEqual(await after("UPDATE audit SET who = 'eve' WHERE n = 2"), [
      1,
      "line 2 was altered: its hash is of other words"
    ])
    assert.deepStrictEqual(await after("DELETE FROM audit WHERE n = 3"), [
      1,
      "line 3 is missing: line 4 stands in its place"
    ])
    assert.deepStrictEqual(
      await after("DELETE FROM audit WHERE n = 3; UPDATE audit SET n = 3 WHERE n = 4"),
      [1, "line 3 was altered: its hash is of other words"]
    )
    assert.deepStrictEqual(
      await after(
        "INSERT INTO audit SELECT 5, at, who, how, action, target, detail, prev, hash, tenant FROM audit WHERE n = 1"
      ),
      [1, "line 5 was altered: its hash is of other words"]
    )
    const cut = "DELETE FROM audit WHERE n > 2"
    assert.deepStrictEqual((await after(cut))[0], 0)
    assert.deepStrictEqual(await after(cut, "--head", head), [
      1,
      "no line has the hash of that head: it was cut off, with whatever stood behind it, or exchanged; the last line is 2"
    ])
    const again = await own.fermata("audit", "verify", "--head", head, "--json")
    assert.deepStrictEqual([again.code, again.json], [0, { intact: true, lines: 4, head }])
    const odd = await own.fermata("audit", "verify", "--head", "x")
    assert.deepStrictEqual([odd.code, odd.stdout], [2, ""])
  })
})
