/**
 * Every command that the command prints is one that can be typed: each is taken
 * from what was printed, and run by a shell as it stands. That there is none
 * other is for `commands.test.ts` to say.
 */
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { Printing } from "./support/Printing.ts"

describe("printed commands", () => {
  it("publish an event that the condition of a wait takes, and where none can be made say which", async () => {
    const at = new Printing()
    const run = await at.fermata("run", "order.json", "--input", "{\"id\":\"o'1\"}", "--json")
    const commands = await at.goesOn(run, run.json.runId)
    assert.deepStrictEqual(commands, [
      "npx fermata emit order.paid --data '{\"order\":{\"id\":\"o'\\''1\"},\"cents\":101,\"by\":\"card\"}'"
    ])
    await at.all(run, await at.fermata("runs", "show", run.json.runId))
    const odd = await at.fermata("run", "odd.json")
    assert.include(odd.stderr, "    # an event \"order.odd\" for which this holds: $sum(event.cents) = 7\n")
    await at.all(odd)
  })

  it("answer as people who have not answered yet, with a choice where there is one", async () => {
    const at = new Printing()
    const run = await at.fermata("run", "asking", "--input", "{\"id\":\"1\"}", "--json")
    const { runId } = run.json
    const first = await at.goesOn(run, runId)
    assert.include(first[0], "--as 'o'\\''hara' --choice 'in cash'")
    await at.all(run)
    const answered = await at.fermata("approve", runId, "--as", "o'hara", "--choice", "in cash", "--json")
    const second = await at.goesOn(answered, runId)
    assert.include(second[0], "--as 'ann b' --choice 'in cash'")
    await at.all(
      answered,
      await at.fermata("runs", "show", runId),
      await at.fermata("approvals", "ls"),
      await at.fermata("doctor")
    )
  })

  it("repeat the database and the configuration that were named", async () => {
    const at = new Printing()
    const other = join(at.project.folder, "an other.db")
    const run = await at.fermata(
      "run",
      "declared",
      "--input",
      "{\"id\":\"1\"}",
      "--db",
      other,
      "--config",
      "fermata.config.ts",
      "--json"
    )
    const commands = await at.all(run)
    assert.isNotEmpty(commands)
    for (const command of commands) assert.include(command, ` --db '${other}' --config fermata.config.ts`)
    assert.strictEqual(
      (await at.fermata("runs", "show", run.json.runId, "--db", other, "--json")).json.status,
      "completed"
    )
  })
})

describe("signals", () => {
  it("of a name that the workflow does not declare are refused, and nothing is stored; elsewhere there is a warning (S3)", async () => {
    const at = new Printing()
    const [declared, undeclared, order] = await Promise.all([
      at.fermata("run", "declared", "--input", "{\"id\":\"1\"}", "--json"),
      at.fermata("run", "undeclared", "--input", "{\"id\":\"1\"}", "--json"),
      at.fermata("run", "order.json", "--input", "{\"id\":\"1\"}", "--json")
    ])
    const [mistyped, unfit, ofContract, later] = await Promise.all([
      at.fermata("signal", declared.json.runId, "its paid", "--no-wait"),
      at.fermata("signal", declared.json.runId, "shipped", "--data", "{\"place\":\"\"}", "--no-wait"),
      at.fermata("signal", order.json.runId, "order.paid", "--no-wait"),
      at.fermata("signal", declared.json.runId, "shipped", "--data", "{\"place\":\"here\"}", "--no-wait")
    ])
    for (
      const [outcome, text] of [
        [
          mistyped,
          "receives no signal \"its paid\"; did you mean \"it's paid\"?; its workflow receives it's paid, shipped"
        ],
        [unfit, `The data does not fit signal "shipped" of run ${declared.json.runId}: `],
        [ofContract, "receives no signal \"order.paid\""]
      ] as const
    ) {
      assert.strictEqual(outcome.code, 2, outcome.stderr)
      assert.include(outcome.stderr, text)
    }
    assert.deepInclude(later, { code: 0 })
    const warned = await at.fermata("signal", undeclared.json.runId, "its paid", "--no-wait")
    assert.strictEqual(warned.code, 0)
    assert.include(
      warned.stderr,
      `warning: run ${undeclared.json.runId} does not wait for signal "its paid"; did you mean "it's paid"?; it waits for it's paid; it is kept for when it does`
    )
    const journals = await Promise.all(
      [declared, undeclared].map(({ json }) =>
        at.fermata("worker", "--until-idle").then(() => at.fermata("runs", "journal", json.runId, "--json"))
      )
    )
    assert.deepStrictEqual(
      journals.map(({ lines }) => lines.filter(({ _tag }) => _tag === "SignalReceived").map(({ name }) => name)),
      [["shipped"], ["its paid"]]
    )
  })
})
