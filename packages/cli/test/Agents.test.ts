/** Agents on the command line: listed, run with a script in place of a model, asked about, and never run with a model that nobody chose. */
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it, onTestFinished } from "vitest"
import { fixtures, type Outcome, Project } from "./support/Project.ts"

const config = fileURLToPath(new URL("./support/agents.config.ts", import.meta.url))

/** One of workflows alone. */
const plain = join(fixtures, "times.config.ts")

/** A project of agents, with no key of a provider. */
const project = () => {
  const own = new Project()
  const type = (...args: ReadonlyArray<string>) =>
    own.type([...args, "--config", config], { env: { ANTHROPIC_API_KEY: undefined, ANTHROPIC_BASE_URL: undefined } })
  return { own, type }
}

const input = ["--input", "{\"change\":\"42\"}"]

describe("agents", () => {
  it("M-98: have the skills of the folder that the configuration names, from where it lies", async () => {
    const own = new Project()
    const skilled = fileURLToPath(new URL("./support/skills.config.ts", import.meta.url))
    const run = await own.type(["agent", "run", "writer", "--input", "go", "--model", "scripted", "--config", skilled])
    assert.strictEqual(run.code, 0, run.stderr)
    assert.include(run.stdout, "- memo-style: How memos are written")
    assert.include(run.stdout, "Memos are short.")
    const bad = join(own.folder, "bad.config.ts")
    writeFileSync(bad, "export default { egress: { hosts: [\"a/b\"] }, agents: [] }")
    const refused = await own.type(["agent", "run", "writer", "--config", bad])
    assert.strictEqual(refused.code, 2)
  })

  it("M-177: have the tools of the MCP servers that the configuration names, and doctor says which of these answer", async () => {
    const own = new Project()
    const served = fileURLToPath(new URL("./support/mcp.config.ts", import.meta.url))
    const run = await own.type(["agent", "run", "clerk", "--input", "go", "--model", "scripted", "--config", served])
    assert.strictEqual(run.code, 0, run.stderr)
    assert.include(run.stdout, "hello from the server")
    const told = await own.type(["doctor", "--config", served])
    assert.strictEqual(told.code, 1)
    assert.match(told.stdout, /^ok +mcp: files \(memory\) answers, and has 1 tool$/m)
    assert.match(
      told.stdout,
      /^problem +mcp: away \(nowhere\) does not answer: MCP server "away" cannot be reached: it is away$/m
    )
    assert.match(told.stdout, /^info +mcp: locked \(nowhere\) is reached by KEY, so that only a run can ask it$/m)
  })

  it("are listed with their models, tools and agents below", async () => {
    const { own, type } = project()
    const listed = await type("agent", "ls", "--json")
    assert.deepStrictEqual<ReadonlyArray<unknown>>(listed.lines, [
      {
        name: "reviewer",
        description: "Reviews a change",
        models: ["claude-opus-5-5"],
        tools: ["Publish"],
        agents: ["looker"],
        budget: { micros: 2_000_000 },
        dailyBudget: { micros: 5_000_000, tokens: 1_000_000 }
      },
      { name: "looker", description: "Looks at one file", models: ["claude-opus-5-5"], tools: [], agents: [] },
      { name: "chief", description: "", models: ["claude-opus-5-5"], tools: [], agents: ["reviewer"] },
      { name: "writer", description: "Says it otherwise", models: ["claude-opus-5-5"], tools: [], agents: [] },
      {
        name: "thrifty",
        description: "",
        models: ["claude-opus-5-5"],
        tools: [],
        agents: [],
        dailyBudget: { tokens: 100 }
      }
    ])
    const page = (await type("agent", "ls")).stdout
    assert.match(page, /^AGENT +MODELS +TOOLS +AGENTS BELOW +TODAY +EVER +A RUN MAY +DESCRIPTION$/m)
    assert.match(
      page,
      /^reviewer +claude-opus-5-5 +Publish +looker +\$0.00 of \$5.00, 0 of 1000000 tokens +nothing +spend \$2.00 +Reviews a/m
    )
    assert.include((await own.fermata("agent", "ls")).stderr, "no agents")
  })

  it("run to a question and from it to their answer, while a script stands in for the model and says so", async () => {
    const { own, type } = project()
    const asked = await type("agent", "run", "reviewer", ...input, "--id", "c-42", "--model", "scripted")
    assert.strictEqual(asked.code, 3, asked.stderr)
    assert.include(asked.stderr, "model: scripted (a script answers, and no provider is asked)")
    assert.match(asked.stderr, /✓ model {2}.*calls looker$/m)
    assert.match(asked.stderr, /▸ child run \w+ {2}looker@1$/m)
    assert.match(asked.stderr, /✓ model~2 {2}.*calls Publish$/m)
    assert.match(
      asked.stderr,
      /waits for operator to answer approval "Publish": Agent "reviewer" wants to call Publish/
    )
    assert.match(asked.stderr, /2 turns, \d+ tokens in, \d+ tokens out, by scripted: a script answered/)
    assert.notInclude(asked.stderr, "decided")
    assert.deepStrictEqual(own.bodies, [])
    const [, run] = /approve (\w+) --as operator .*--model scripted$/m.exec(asked.stderr)!

    const elsewhere = await type("approve", run!, "--as", "operator", "--edit", "{\"text\":\"one problem\"}")
    assert.strictEqual(elsewhere.code, 3, elsewhere.stderr)
    assert.match(elsewhere.stderr, /goes on elsewhere: its model "claude-opus-5-5" cannot be asked: ANTHROPIC_API_KEY/)
    assert.deepStrictEqual(own.bodies, [])

    const left = await type("worker", "--until-idle")
    assert.match(left.stderr, /warning: runs of reviewer are left alone: its model .* cannot be asked/)
    const worked = await type("worker", "--until-idle", "--model", "scripted")
    assert.include(worked.stdout, run!)
    assert.deepStrictEqual(own.bodies, ["published one problem"])

    const joined = await type("agent", "run", "reviewer", ...input, "--id", "c-42", "--model", "scripted")
    assert.strictEqual(joined.code, 0, joined.stderr)
    assert.strictEqual(joined.stdout, "{\"problems\":1}\n")
    const { json } = await type("agent", "run", "reviewer", ...input, "--id", "c-42", "--model", "scripted", "--json")
    assert.deepInclude(json, { runId: run!, joined: true, status: "completed" })
    assert.deepInclude(json as object, { agent: { turns: 3, models: ["scripted"], scripted: true } })
    assert.deepStrictEqual(own.bodies, ["published one problem"])
    const { lines } = await type("runs", "ls", "--json")
    assert.sameMembers(lines.map(({ workflow }) => workflow), ["reviewer", "looker"])
    const costs = lines.map(({ spent, workflow }) => [workflow, spent.tokens] as const)
    for (const [, tokens] of costs) assert.isAbove(tokens, 0)
    const agents = (await type("agent", "ls", "--json")).lines
    const { ever, reserved, today } = agents.find(({ name }) => name === "reviewer")!.spending
    const tokens = costs.find(([workflow]) => workflow === "reviewer")![1]
    assert.deepStrictEqual([ever, reserved], [{ tokens }, {}])
    // The day may have ended meanwhile.
    if (today.tokens !== undefined) assert.strictEqual(today.tokens, tokens)
    const page = (await type("runs", "ls")).stdout
    assert.match(page, /^RUN +WORKFLOW +STATUS +STARTED +SPENT +TITLE +WAITS$/m)
    assert.include(page, `${tokens} tokens`)
    const upgrade = await type("upgrade", "check")
    assert.strictEqual(upgrade.code, 0, upgrade.stdout)
    const replayed = await type("replay", run!)
    assert.strictEqual(replayed.code, 0, replayed.stdout + replayed.stderr)
  })

  it("N-50: may spend more on a day once somebody raises that, which is listed with who and when, and told to runs that wait", async () => {
    const { type } = project()
    const run = ["agent", "run", "thrifty", "--input", "go", "--id", "1", "--model", "scripted"]
    const early = await type("agent", "raise", "thrifty", "500tokens")
    assert.strictEqual(early.code, 2)
    const waits = await type(...run)
    assert.strictEqual(waits.code, 3, waits.stderr)
    assert.match(waits.stderr, /waits for a larger budget: agent "thrifty" has spent 0 of 100 tokens on /)
    const said = /# with what all runs of "thrifty" may spend more on this day: .*( agent raise thrifty Jtokens .*)$/m
    assert.match(waits.stderr, said)
    const raised = await type("agent", "raise", "thrifty", "90000tokens", "--note", "a release", "--as", "ada")
    assert.strictEqual(raised.code, 0, raised.stderr)
    assert.match(
      raised.stderr,
      /^what agent "thrifty" may spend on [\d-]+ \(UTC\) is raised by 90000 tokens, and is 90100 tokens now$/m
    )
    assert.include(raised.stderr, "told of it: 1 run on the way or waiting for a budget")
    assert.match(raised.stderr, /no worker is running, so that they go on once one is: .*worker/)
    const listed = (await type("agent", "ls", "--json")).lines.find(({ name }) => name === "thrifty")!
    const { raised: sum, raises } = listed.spending as never as {
      readonly raised: object
      readonly raises: ReadonlyArray<object>
    }
    // The day may have ended meanwhile.
    if (raises.length > 0) {
      assert.deepStrictEqual(sum, { tokens: 90_000 })
      assert.deepInclude(raises[0]!, { workflow: "thrifty", raised: { tokens: 90_000 }, by: "ada", note: "a release" })
      assert.match((await type("agent", "ls")).stdout, /^thrifty .* 0 of 90100 tokens \(raised by 90000 tokens\) /m)
    }
    const worked = await type("worker", "--until-idle", "--model", "scripted")
    assert.strictEqual(worked.code, 0)
    const tail = await type("runs", "tail", /run (\w+)/.exec(waits.stderr)![1]!)
    assert.match(
      `${tail.stderr}${tail.stdout}`,
      /budget of [\d-]+ \(UTC\) raised by 90000 tokens for all runs, says ada: a release/
    )
    assert.strictEqual((await type(...run)).code, 0)
    const refused = async (message: RegExp, ...args: ReadonlyArray<string>) => {
      const { code, stderr } = await type("agent", "raise", ...args)
      assert.strictEqual(code, 2)
      assert.match(stderr, message)
    }
    await refused(
      /The dailyBudget of agent "thrifty" has no limit in dollars: it is 100 tokens\n.*agent raise thrifty Jtokens/,
      "thrifty",
      "1"
    )
    await refused(/Agent "writer" has no dailyBudget: /, "writer", "1")
    await refused(/There is no agent "thirfty" .*; did you mean "thrifty"\?/, "thirfty", "1")
    await refused(/1999-12-31 is over: it is [\d-]+ \(UTC\)/, "thrifty", "1tokens", "--day", "1999-12-31")
  })

  it("that are below others ask too, and whoever runs the one above is told how to answer", async () => {
    const { own, type } = project()
    const run = ["agent", "run", "chief", ...input, "--id", "1", "--model", "scripted"]
    const asked = await type(...run)
    assert.strictEqual(asked.code, 3, asked.stderr)
    assert.match(asked.stderr, /▸ child run \w+ {2}reviewer@1$/m)
    const [, child] = /▸ child run (\w+)/.exec(asked.stderr)!
    const [first, second, ...more] = /to go on:\n((?: {4}.*\n)+)/.exec(asked.stderr)![1]!.trimEnd().split("\n")
    assert.include(first!, ` approve ${child} --as operator `)
    assert.include(second!, ` deny ${child} --as operator `)
    assert.deepStrictEqual(more, [])
    const answered = await type("approve", child!, "--as", "operator", "--model", "scripted")
    assert.strictEqual(answered.stdout, "{\"problems\":1}\n")
    assert.match(answered.stderr, /^run \w+ completed in .*$/gm)
    const chief = /^run (\w+)/m.exec(asked.stderr)![1]!
    assert.include((await type("runs", "show", chief)).stdout, "completed")
    assert.deepStrictEqual(own.bodies, ["published 1 problem"])
    assert.strictEqual((await type(...run)).stdout, "\"It is reviewed.\"\n")
  })

  it("are refused in one sentence, and nothing is stored", async () => {
    const { type } = project()
    const refused = async (...args: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await type("agent", "run", ...args)
      assert.strictEqual(code, 2, stderr)
      assert.strictEqual(stdout, "")
      return stderr
    }
    const missing = await refused("reviewer", ...input)
    assert.match(missing, /^error: Agent "reviewer" cannot run here: its model "claude-opus-5-5" cannot be asked: /)
    assert.match(missing, /ANTHROPIC_API_KEY is not set.*--model scripted/)
    assert.match(await refused("reviwer", ...input), /There is no agent "reviwer" .*; did you mean "reviewer"\?/)
    assert.match(
      await refused("reviewer", ...input, "--model", "gpt-9"),
      /^error: --model gpt-9: no provider answers to this name\. Providers here: anthropic \(claude-\*\), scripted/
    )
    assert.match(
      await refused("reviewer", "--input", "{\"change\":42}", "--model", "scripted"),
      /does not fit workflow "reviewer": Expected string.* at \["input"\]\["change"\]/
    )
    assert.match(await refused("reviewer", "--model", "scripted"), /Missing key at \["input"\]/)
    assert.match(
      await refused("reviewer", ...input, "--input-file", "x.json"),
      /--input and --input-file exclude each other/
    )
    assert.match(
      await refused("reviewer", "--input-file", "none.json", "--model", "scripted"),
      /--input-file: the file none\.json cannot be read: there is no such file/
    )
    assert.strictEqual((await type("runs", "ls")).stdout, "")
  })

  it("work for contracts, whose check finds those that are not there", async () => {
    const { own, type } = project()
    const write = (name: string, agent: string) => {
      const file = join(own.folder, name)
      const contract = {
        schemaVersion: "fermata.contract.v1",
        id: "look",
        version: "1.0.0",
        title: "Has a file looked at",
        permissions: [{ kind: "workflow:call", pattern: "look*" }],
        entryStepId: "look",
        steps: [{ id: "look", name: "Look", kind: "llm", agent, input: { file: "{{ input }}" }, next: null }]
      }
      writeFileSync(file, JSON.stringify(contract))
      return file
    }
    const file = write("look.json", "looker")
    const wrong = await type("contracts", "check", write("wrong.json", "lookre"), file)
    assert.strictEqual(wrong.code, 2)
    assert.match(wrong.stdout, /steps\[0\]\.agent: .*"lookre".*did you mean "looker"/)
    assert.match(wrong.stdout, /look\.json: ok/)
    const given = ["run", file, "--input", "\"a.ts\""]
    const missing = await type(...given)
    assert.strictEqual(missing.code, 2)
    assert.match(
      missing.stderr,
      /Nobody can run look@1\.0\.0: it has the agent "looker" work, and its model .* cannot be/
    )
    const { code, stderr, stdout } = await type(...given, "--model", "scripted")
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "\"one problem\"\n")
    assert.match(stderr, /▸ child run \w+ {2}looker@1$/m)
  })

  it("are refused by fermata run too, where none of their models can be asked", async () => {
    const { type } = project()
    const { code, stderr } = await type("run", "reviewer", "--input", "{\"id\":\"1\",\"input\":{\"change\":\"1\"}}")
    assert.strictEqual(code, 2)
    assert.match(stderr, /^error: Nobody can run reviewer here: its model "claude-opus-5-5" cannot be asked/)
  })

  it("that take text are given it as it is typed or stands in a file, or as a string of JSON in quotes", async () => {
    const { own, type } = project()
    const heard = async (...args: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await type("agent", "run", "writer", ...args, "--model", "scripted")
      assert.strictEqual(code, 0, stderr)
      return (JSON.parse(stdout) as string).replace("I heard: ", "")
    }
    const file = join(own.folder, "note.md")
    writeFileSync(file, "# A note\n")
    const cases = [
      ["Sum up the week", "Sum up the week"],
      ["\"Sum up the week\"", "Sum up the week"],
      ["\"two\\nlines\"", "two\nlines"],
      ["42", "42"],
      ["{\"a\":1}", "{\"a\":1}"],
      ["\"one\" and \"two\"", "\"one\" and \"two\""],
      [`@${file}`, "# A note\n"],
      ["\"@ada\"", "@ada"]
    ] as const
    for (const [typed, meant] of cases) assert.strictEqual(await heard("--input", typed), meant)
    assert.strictEqual(await heard("--input-file", file), "# A note\n")
    const { code, stderr } = await type("agent", "run", "reviewer", "--input", "plain", "--model", "scripted")
    assert.strictEqual(code, 2)
    assert.match(stderr, /^error: --input is not JSON/)
  })

  it("are left to a worker, by whoever has no key and may ask no model, with the commands to follow them", async () => {
    const { type } = project()
    const left = await type("agent", "run", "writer", "--input", "go", "--id", "d-1", "--detach")
    assert.strictEqual(left.code, 0, left.stderr)
    const run = left.stdout.trim()
    assert.match(run, /^\w{32}$/)
    assert.match(left.stderr, /no worker is running, so it waits until one is: .* worker --config /)
    assert.match(left.stderr, new RegExp(`to follow it: .* runs tail ${run} `))
    const again = await type("agent", "run", "writer", "--input", "go", "--id", "d-1", "--detach", "--json")
    assert.deepInclude(again.json, { runId: run, joined: true, status: "queued" })

    const both = await type("agent", "run", "writer", "--input", "go", "--detach", "--model", "scripted")
    assert.strictEqual(both.code, 2)
    assert.match(
      both.stderr,
      /--model and --detach exclude each other.*\n +give it to the worker: .* --model scripted$/m
    )

    assert.strictEqual((await type("worker", "--until-idle", "--model", "scripted")).code, 0)
    assert.include((await type("runs", "show", run)).stdout, "I heard: go")
  })

  it("that are not there make a model that is named a mistake: nothing would ask it", async () => {
    const { own, type } = project()
    const refused = async (said: RegExp, outcome: Promise<Outcome>) => {
      const { code, stderr } = await outcome
      assert.strictEqual(code, 2, stderr)
      assert.match(stderr, said)
    }
    await refused(
      /^error: --model scripted: nothing here asks a model, since .*times\.config\.ts has neither "agents" nor "llm"$/m,
      own.fermata("worker", "--until-idle", "--model", "scripted", "--config", plain)
    )
    const file = join(own.folder, "plain.json")
    writeFileSync(
      file,
      JSON.stringify({
        schemaVersion: "fermata.contract.v1",
        id: "plain",
        version: "1.0.0",
        title: "Asks nobody",
        entryStepId: "note",
        steps: [{ id: "note", name: "Note", kind: "transform", set: { a: 1 }, next: null }]
      })
    )
    await refused(
      /^error: --model scripted: there are no agents and no llm steps in plain@1\.0\.0, so nobody would ask it$/m,
      type("run", file, "--model", "scripted")
    )
    assert.strictEqual((await type("runs", "ls")).stdout, "")
  })

  it("ask providers whose keys doctor looks for, and does not tell", async () => {
    const { own, type } = project()
    await type("agent", "run", "writer", "--input", "go", "--detach")
    const doctor = async (env: Readonly<Record<string, string | undefined>>, file = config) => {
      const { code, stderr, stdout } = await own.type(["doctor", "--config", file], {
        env: { ANTHROPIC_API_KEY: undefined, ...env }
      })
      assert.strictEqual(code, 0, stdout + stderr)
      assert.notInclude(stdout + stderr, "sk-canary")
      return stdout
    }
    assert.match(
      await doctor({}),
      /^info {5}models: anthropic \(claude-\*\) cannot be asked here: ANTHROPIC_API_KEY is not set\. It is asked by reviewer, looker, chief, writer and thrifty$/m
    )
    const secrets = fileURLToPath(new URL("./support/secrets.config.ts", import.meta.url))
    assert.match(
      await doctor({ OPENROUTER: undefined }, secrets),
      /^info {5}models: anthropic \(router\/\*\) cannot be asked here: there is no secret "OPENROUTER": the environment variable OPENROUTER is not set\. It is asked by router$/m
    )
    assert.match(await doctor({ OPENROUTER: "sk-canary" }, secrets), /^ok .*has the secret OPENROUTER$/m)
    const run = ["agent", "run", "router", "--input", "go", "--config", secrets]
    const missing = await own.type(run, { env: { OPENROUTER: undefined } })
    assert.strictEqual(missing.code, 2, missing.stderr)
    assert.match(missing.stderr, /Agent "router" cannot run here: .*there is no secret "OPENROUTER"/)
    const echo = createServer((request, response) =>
      void response.writeHead(400, { "content-type": "application/json" }).end(
        JSON.stringify({
          type: "error",
          error: { type: "invalid_request_error", message: request.headers.authorization }
        })
      )
    )
    await new Promise<void>((resolve) => void echo.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void echo.close())
    const env = { OPENROUTER: "sk-canary-1234", ROUTER_URL: `http://127.0.0.1:${(echo.address() as AddressInfo).port}` }
    const asked = await own.type(run, { env })
    assert.strictEqual(asked.code, 1, asked.stderr)
    assert.match(asked.stderr, /ERR_REQUEST.*Bearer \[secret/)
    assert.notInclude(asked.stderr + asked.stdout, "sk-canary-1234")
  })
})
