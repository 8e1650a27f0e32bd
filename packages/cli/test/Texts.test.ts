/** What people give to the command, and what it shows of it: keys, numbers, and texts that are no lines. */
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { forged, shownForged } from "./support/Forged.ts"
import { type Outcome, Project } from "./support/Project.ts"

describe("keys", () => {
  it("texts that were cut inside a character are runs of their own", async () => {
    const { fermata } = new Project()
    const runs: Array<string> = []
    for (const text of ["\\ud83d", "\\ud83e", "\\ufffd", "\\u0000", "\\u0000a"]) {
      const { code, json } = await fermata("run", "Echo", "--input", `{"text":"${text}"}`, "--json")
      assert.deepStrictEqual([code, json.joined, json.output], [0, false, JSON.parse(`"${text}"`)])
      runs.push(json.runId)
    }
    assert.strictEqual(new Set(runs).size, runs.length)
  })

  it("an empty key is refused, and nothing is stored", async () => {
    const { db, fermata } = new Project()
    const [run, emit, signal] = await Promise.all([
      fermata("run", "Echo", "--input", "{\"text\":\"a\"}", "--key", ""),
      fermata("emit", "ticket.created", "--key", ""),
      fermata("signal", "1234", "go", "--id", "")
    ])
    for (const [option, { code, stderr, stdout }] of [["--key", run], ["--key", emit], ["--id", signal]] as const) {
      assert.deepStrictEqual([code, stdout], [2, ""])
      assert.include(stderr, `error: ${option} needs a value: expected a text that is not empty`)
    }
    assert.isFalse(existsSync(db))
  })

  it("joining a run with another input says so, to people and to programs", async () => {
    const { fermata } = new Project()
    const run = (text: string, ...more: ReadonlyArray<string>) =>
      fermata("run", "Echo", "--key", "k", "--input", JSON.stringify({ text }), ...more)
    const first = await run("one", "--json")
    assert.deepInclude(first.json, { joined: false, otherInput: false, output: "one" })
    const [same, other, told, left] = await Promise.all([
      run("one", "--json"),
      run("two", "--json"),
      run("two"),
      run("two", "--json", "--detach")
    ])
    assert.deepInclude(same.json, { runId: first.json.runId, joined: true, otherInput: false })
    assert.notInclude(same.stderr, "another input")
    assert.deepInclude(other.json, { runId: first.json.runId, joined: true, otherInput: true, output: "one" })
    assert.deepInclude(left.json, { joined: true, otherInput: true })
    assert.include(
      told.stderr,
      "it was started with another input, and this one is not used; another --key starts a run of its own"
    )
    const contract = (input: string) =>
      fermata("run", "wait.json", "--key", "k", "--input", input, "--detach", "--json")
    assert.deepInclude((await contract("{\"a\":1,\"b\":2}")).json, { joined: false, otherInput: false })
    assert.deepInclude((await contract("{\"b\":2,\"a\":1}")).json, { joined: true, otherInput: false })
    assert.deepInclude((await contract("{\"a\":1,\"b\":3}")).json, { joined: true, otherInput: true })
  })
})

/** Every line is the command's own, and shows what was forged as a part of it. */
const harmless = (what: string, { stderr, stdout }: Outcome, times = 1) => {
  const text = `${stdout}${stderr}`
  // oxlint-disable-next-line no-control-regex
  assert.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e\u2066\u200b]/, what)
  assert.notMatch(text, /^\s*✓ a {2}approved by ceo/m, what)
  // Cells of a table have no two spaces in a row.
  assert.isAtLeast(
    text.replaceAll(/ +/g, " ").split(shownForged.replaceAll(/ +/g, " ")).length - 1,
    times,
    `${what}\n${text}`
  )
}

describe("text that forges lines", () => {
  it("is shown escaped by every command that shows a run", async () => {
    const { fermata } = new Project()
    const config = ["--config", join(import.meta.dirname, "support/forging.config.ts")]
    const started = await fermata("run", `forging ${forged}`, "--input", JSON.stringify({ text: forged }), ...config)
    assert.strictEqual(started.code, 3, started.stderr)
    harmless("run", started, 8)
    const { runId } = (await fermata("runs", "ls", "--json")).lines[0]!
    const show = async (times: number, ...args: ReadonlyArray<string>) =>
      harmless(args.join(" "), await fermata(...args), times)
    // Its cells are cut, so that it fits a terminal.
    await show(0, "runs", "ls")
    await show(8, "runs", "show", runId)
    await show(8, "runs", "journal", runId)
    await show(1, "approvals", "ls")
    const approved = await fermata("approve", runId, "--as", forged, "--choice", forged, "--note", forged, ...config)
    assert.strictEqual(approved.code, 3, approved.stderr)
    harmless("approve", approved, 4)
    const fork = await fermata(
      "runs",
      "fork",
      runId,
      "--at",
      `note ${forged}/${forged}`,
      "--input",
      JSON.stringify({ text: `${forged}!` }),
      "--detach",
      ...config
    )
    harmless("fork", fork)
    const { runId: forkId } = (await fermata("runs", "ls", "--json")).lines[0]!
    await show(4, "runs", "diff", runId, forkId)
    harmless("cancel", await fermata("runs", "cancel", forkId, "--as", forged, "--reason", forged, ...config), 2)
    const ended = await fermata(
      "signal",
      runId,
      `go ${forged}`,
      "--data",
      JSON.stringify(forged),
      "--as",
      forged,
      ...config
    )
    assert.strictEqual(ended.code, 1, ended.stderr)
    harmless("signal", ended, 3)
    await show(8, "runs", "show", runId)
    await show(8, "runs", "tail", runId)
    await show(4, "replay", runId, ...config)
    await show(1, "upgrade", "check")
    const raw = await fermata("runs", "show", runId, "--json")
    assert.include(raw.stdout, JSON.stringify(forged), "--json is as it was")
    assert.include(raw.stdout, "\u202e")
  })

  it("is shown escaped by what looks at the store, at contracts, and at a command line", async () => {
    const { fermata, folder } = new Project()
    const step = { id: "keep", kind: "transform", name: forged, set: { a: forged }, next: null }
    const contract = {
      schemaVersion: "fermata.contract.v1",
      id: "forging",
      version: "1.0.0",
      title: forged,
      triggers: [],
      entryStepId: "keep",
      steps: [step]
    }
    const write = (name: string, document: object) => {
      const file = join(folder, name)
      writeFileSync(file, JSON.stringify(document))
      return file
    }
    const good = write("good.json", contract)
    const bad = write("bad.json", { ...contract, entryStepId: forged, steps: [{ ...step, next: forged, [forged]: 1 }] })
    harmless("check", await fermata("contracts", "check", bad), 2)
    harmless("add", await fermata("contracts", "add", good))
    harmless("ls", await fermata("contracts", "ls"), 0)
    harmless("run", await fermata("run", bad), 2)
    harmless("graph", await fermata("contracts", "graph", good), 0)
    assert.strictEqual((await fermata("run", "forging", "--detach", "--as", forged)).code, 0)
    for (
      const args of [
        ["runs", "show", forged],
        ["run", forged],
        ["run", `${forged}.json`],
        ["run", "forging", `--${forged}`],
        [forged],
        ["runs", "ls", "--status", forged],
        ["run", "forging", "--input", forged],
        ["run", "forging", "--input", `@${forged}`],
        ["run", "forging", "--config", forged],
        ["approve", forged],
        ["emit", forged],
        ["runs", "ls", "--db", join(folder, forged)]
      ]
    ) {
      const outcome = await fermata(...args)
      assert.strictEqual(outcome.code, 2, args.join(" "))
      harmless(args.join(" "), outcome, 1)
    }
    harmless("doctor", await fermata("doctor"), 0)
  })
})

describe("numbers and names that would change", () => {
  const big = "{\"id\":3544790567247868102}"

  it("are refused by every option that takes JSON, with their place and what to do, and nothing is stored", async () => {
    const { db, fermata, folder } = new Project()
    const file = join(folder, "input.json")
    writeFileSync(file, `{\n  "orders": [{ "id": ${big.slice(6, -1)} }]\n}`)
    const refusals: ReadonlyArray<readonly [expected: string, ...args: ReadonlyArray<string>]> = [
      [
        "--input: the number 3544790567247868102 would become 3544790567247868000; quote it: \"3544790567247868102\" (id, line 1, column 7)",
        "run",
        "Echo",
        "--input",
        big
      ],
      [
        `--input: the file ${file}: the number 3544790567247868102 would become 3544790567247868000; quote it: "3544790567247868102" (orders[0].id, line 2, column 22)`,
        "run",
        "Echo",
        "--input",
        `@${file}`
      ],
      [
        "--event: the number 1e400 is too large; quote it: \"1e400\" (n, line 1, column 6)",
        "run",
        "wait.json",
        "--event",
        "{\"n\":1e400}"
      ],
      ["--data: the number 1e-400 would become 0", "emit", "ticket.created", "--data", "[1e-400]"],
      [
        "--data: the name \"a\" stands there twice, first at line 1, column 2; only the last would count (a, line 1, column 8)",
        "signal",
        "1234",
        "go",
        "--data",
        "{\"a\":1,\"a\":1}"
      ],
      [
        "--edit: the number 9007199254740993 would become 9007199254740992",
        "approve",
        "1234",
        "--edit",
        "9007199254740993"
      ],
      [
        "--done: the number -9007199254740993 would become -9007199254740992",
        "runs",
        "settle",
        "1234",
        "s",
        "--done",
        "-9007199254740993"
      ],
      [
        "--set step: the name \"__proto__\" is not kept by everything that reads JSON",
        "runs",
        "fork",
        "1234",
        "--at",
        "b",
        "--set",
        "step={\"__proto__\":1}"
      ],
      [
        "--input: it has more than 1,000 levels of lists and objects",
        "run",
        "Echo",
        "--input",
        `${"[".repeat(1_001)}${"]".repeat(1_001)}`
      ]
    ]
    await Promise.all(refusals.map(async ([expected, ...args]) => {
      const { code, stderr, stdout } = await fermata(...args)
      assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
      assert.include(stderr, expected)
    }))
    const told = await fermata("run", "Echo", "--input", "{\"a\":1e400,\"b\":1e400}", "--json")
    assert.deepInclude(told.json.error, { code: "InvalidJson" })
    assert.include(told.stderr, "  the number 1e400 is too large; quote it: \"1e400\" (b, line 1, column 16)")
    assert.isFalse(existsSync(db))
  })

  it("are refused in contracts, in their expressions too, and a decimal is rounded as everywhere", async () => {
    const { fermata, folder } = new Project()
    const contract = (set: string, more = "") =>
      `{
  "schemaVersion": "fermata.contract.v1", "id": "numbers", "version": "1.0.0", "title": "Numbers", "entryStepId": "keep",${more}
  "steps": [{ "id": "keep", "name": "Keep", "kind": "transform", "set": { "a": ${set} }, "next": null }]
}`
    const file = join(folder, "numbers.json")
    writeFileSync(file, contract("12345678901234567890", ` "title": "Twice",`))
    const checked = await fermata("contracts", "check", file)
    assert.strictEqual(checked.code, 2)
    assert.include(
      checked.stdout,
      `title: the name "title" stands there twice, first at line 2, column 80; only the last would count (line 2, column 123)`
    )
    assert.include(
      checked.stdout,
      `steps[0].set.a: the number 12345678901234567890 would become 12345678901234567000; quote it: "12345678901234567890" (line 3, column 80)`
    )
    assert.include(checked.stdout, "2 problems")
    for (const command of [["run", file], ["contracts", "add", file], ["contracts", "graph", file]]) {
      assert.strictEqual((await fermata(...command)).code, 2)
    }
    writeFileSync(file, contract("\"{{ input.id = 9007199254740993 }}\""))
    const { problems } = (await fermata("contracts", "check", file, "--json")).json
    assert.deepInclude(problems[0], { path: "steps[0].set.a", code: "lossy" })
    assert.include(problems[0]!.message, "the number 9007199254740993 would become 9007199254740992; quote it")
    writeFileSync(file, contract("3.141592653589793238462643"))
    assert.deepStrictEqual((await fermata("run", file, "--json")).json.output, { a: Math.PI })
  })
})

describe("why a run failed", () => {
  const config = ["--config", "failing.config.ts"]
  const refused = "connect ECONNREFUSED 127.0.0.1:65530"

  /** What people must be told, and what they must not. */
  const tells = (text: string, ...parts: ReadonlyArray<string>) => {
    for (const part of parts) assert.include(text, part)
    assert.notInclude(text, "An error occurred in Effect")
    assert.notMatch(
      text,
      /node:internal|node_modules\/effect|packages\/(?:engine|core|cli|host-node)\//,
      "a frame that is not the program's"
    )
  }

  it("is told with workflow, run and step, and runs show has the chain with its places", async () => {
    const { fermata } = new Project()
    const runs: ReadonlyArray<readonly [step: string, definition: string, ...args: ReadonlyArray<string>]> = [
      ["call", "failing@1.0.0", "failing.json"],
      ["broken", "Breaking@1", "Breaking", "--input", "{\"id\":\"1\"}"],
      ["charge", "Charging@1", "Charging", "--input", "{\"id\":\"1\"}"]
    ]
    for (const [step, definition, ...args] of runs) {
      const run = await fermata("run", ...args, ...config, "--json")
      assert.strictEqual(run.code, 1, run.stderr)
      tells(run.stderr, run.json.runId, `in step ${step} of ${definition}`)
      const shown = await fermata("runs", "show", run.json.runId)
      tells(
        shown.stdout,
        `in step ${step}`,
        refused,
        "TypeError: fetch failed",
        "caused by",
        "code ECONNREFUSED",
        "port 65530"
      )
      if (step !== "charge") tells(run.stderr, `fetch failed: ${refused}`)
      else {
        tells(run.stderr, "ChargeFailed: the bank cannot be reached")
        tells(shown.stdout, "at catch (failing.config.ts:")
      }
      const followed = await fermata("runs", "tail", run.json.runId)
      tells(followed.stdout, step)
    }
  })
})
