/** The command as its users have it: processes, exit codes, stdout and stderr. */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "vitest"
import { bin, fixtures, type Outcome, Project } from "./support/Fermata.ts"

const status = (outcome: Outcome) => [outcome.code, outcome.json.status]

describe("fermata", () => {
  it("tells what it can do, and what is wrong with a command line", async () => {
    const { fermata, folder } = new Project()
    const [help, runHelp, version, bare] = await Promise.all([
      fermata("--help"),
      fermata("runs", "tail", "--help"),
      fermata("--version"),
      fermata("runs")
    ])
    assert.strictEqual(help.code, 0)
    for (
      const command of [
        "run",
        "runs",
        "approvals",
        "approve",
        "deny",
        "policy",
        "signal",
        "emit",
        "contracts",
        "worker",
        "replay",
        "upgrade",
        "doctor"
      ]
    ) {
      assert.match(help.stdout, new RegExp(`^\\s*${command}\\b`, "m"))
    }
    assert.match(runHelp.stdout, /EXAMPLES/)
    assert.match(runHelp.stdout, /--json/)
    const table = readFileSync(new URL("../../packages/cli/README.md", import.meta.url), "utf8")
    const exitCodes = [...table.slice(table.indexOf("## Exit codes")).matchAll(/^\| (\d) \| (.+) \|$/gm)]
    assert.deepStrictEqual(exitCodes.map(([, code]) => code), ["0", "1", "2", "3", "4"])
    for (const [, code, text] of exitCodes) {
      assert.include(runHelp.stdout, `\n  ${code}  ${text!.replaceAll("`", "")}\n`)
    }
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
    assert.deepInclude(bare, { code: 2, stdout: "" })

    const mistakes: ReadonlyArray<readonly [expected: string, ...args: ReadonlyArray<string>]> = [
      ["fermata has no command \"rns\"; did you mean runs?", "rns"],
      ["fermata run has no option --inpt; did you mean --input?", "run", "x.json", "--inpt", "{}"],
      ["fermata run needs the argument <workflow>", "run"],
      ["--limit", "runs", "ls", "--limit", "many"],
      ["--status", "runs", "ls", "--status", "sleeping"],
      ["--lease", "runs", "ls", "--lease", "5"],
      ["takes no further argument: \"b\"", "runs", "show", "a", "b"],
      ["--input is not JSON: unexpected \"b\" at line 1, column 2", "run", "Echo", "--input", "{bad}"],
      [
        "--input: the file none.json cannot be read: there is no such file or folder",
        "run",
        "Echo",
        "--input",
        "@none.json"
      ],
      ["The contract none.json cannot be read: there is no such file or folder", "run", "none.json"],
      ["--new and --key exclude each other", "run", "Echo", "--new", "--key", "k"],
      ["--config: there is no file nowhere.ts", "run", "Echo", "--config", "nowhere.ts"],
      ["needs one of --retry, --done J and --fail TEXT", "runs", "settle", "r", "s"],
      ["There is no database", "runs", "show", "1234"],
      ["fermata has no command \"rns\"; did you mean runs?", "rns", "--help"],
      ["fermata runs has no command \"lss\"; did you mean ls?", "runs", "--db", "x.db", "lss", "-h"],
      ["fermata has no command \"help\"", "--json", "help", "run", "--help"],
      ["--config: there is no file nowhere.ts", "runs", "ls", "--config", "nowhere.ts"],
      ["--config: there is no file nowhere.ts", "doctor", "--config", "nowhere.ts"],
      ["--config: there is no file nowhere.ts", "contracts", "check", "approval.json", "--config", "nowhere.ts"]
    ]
    await Promise.all(mistakes.map(async ([expected, ...args]) => {
      const { code, stderr, stdout } = await fermata(...args)
      assert.strictEqual(code, 2, args.join(" "))
      if (!args.includes("--json")) assert.strictEqual(stdout, "")
      assert.include(stderr, expected)
      assert.notMatch(stderr, /^\s+at /m, "a stack trace")
    }))
    assert.deepStrictEqual(readdirSync(folder), [], "a command that was refused has stored something")
  })

  it("gives what a step keeps to a pipe byte by byte", async () => {
    const { db, fermata } = new Project()
    const { json: { runId } } = await fermata("run", "Keeping", "--input", "{\"id\":\"1\"}", "--json")
    const given = spawnSync(process.execPath, [bin, "runs", "artifact", runId, "chart.png", "--db", db])
    assert.deepStrictEqual(given.stdout, Buffer.from([137, 80, 78, 71, 0, 255]))
    assert.strictEqual(given.status, 0, given.stderr.toString())
  })

  it("tells a refusal as one JSON document too", async () => {
    const { fermata } = new Project()
    const { code, json, stderr } = await fermata("runs", "show", "nothing", "--json")
    assert.strictEqual(code, 2)
    assert.strictEqual(json.error.code, "DatabaseNotFound")
    assert.include(stderr, json.error.message)
  })

  it("finds ten mistakes of a contract, each with its place, and stores nothing", async () => {
    const { db, fermata } = new Project()
    const [checked, json, run] = await Promise.all([
      fermata("contracts", "check", "ten-mistakes.json"),
      fermata("contracts", "check", "ten-mistakes.json", "--json"),
      fermata("run", "ten-mistakes.json", "--json")
    ])
    assert.deepStrictEqual([checked.code, json.code, run.code], [2, 2, 2])
    assert.lengthOf(json.json.problems, 10)
    assert.deepStrictEqual(
      json.json.problems.map(({ path }) => path).sort(),
      [
        "id",
        "limits.maxSteps",
        "schemaVersion",
        "steps[0].next",
        "steps[0].set.a",
        "steps[1].colour",
        "steps[1].event",
        "title",
        "triggers[0].type",
        "version"
      ].sort()
    )
    for (const { expected, message, path } of json.json.problems) {
      assert.include(checked.stdout, message)
      assert.include(run.stderr, message)
      assert.isTrue(message.startsWith(path) && expected.length > 0)
    }
    assert.lengthOf(run.json.error.problems, 10)
    assert.isFalse(existsSync(db))
  })

  it("checks, draws, registers and lists contracts", async () => {
    const { fermata } = new Project()
    const [checked, graph, graphJson, added] = await Promise.all([
      fermata("contracts", "check", "approval.json", "wait.json"),
      fermata("contracts", "graph", "approval.json"),
      fermata("contracts", "graph", "approval.json", "--json"),
      fermata("contracts", "add", "approval.json", "tasks.json", "--json")
    ])
    assert.deepInclude(checked, { code: 0, stdout: "approval.json: ok\nwait.json: ok\n" })
    assert.match(graph.stdout, /^flowchart TD\n/)
    assert.strictEqual(graphJson.json.mermaid, graph.stdout)
    assert.deepStrictEqual(added.lines.map(({ id, version }) => `${id}@${version}`), [
      "expense@1.0.0",
      "greeting-card@1.0.0"
    ])
    const [ls, lsJson] = await Promise.all([fermata("contracts", "ls"), fermata("contracts", "ls", "--json")])
    assert.match(ls.stdout, /expense +1\.0\.0 +expense\.filed, manual/)
    assert.deepStrictEqual(lsJson.lines.map(({ id }) => id), ["expense", "greeting-card"])
  })
})

describe("fermata run", () => {
  it("runs a program, joins it when it is started again, and keeps stdout for the result", async () => {
    const project = new Project()
    const { fermata } = project
    const first = await fermata("run", "Echo", "--input", "{\"text\":\"hi\"}", "--json")
    assert.deepInclude(first.json, {
      joined: false,
      status: "completed",
      output: "hi",
      usage: {},
      steps: { executed: 1, replayed: 0 }
    })
    assert.include(first.stderr, "printed by a workflow")
    assert.match(first.stderr, /✓ record {2}\d/)
    writeFileSync(join(project.folder, "input.json"), "{\"text\":\"hi\"}")
    const [again, another, viaStdin] = await Promise.all([
      fermata("run", "Echo", "--input", `@${join(project.folder, "input.json")}`),
      fermata("run", "Echo", "--input", "{\"text\":\"hi\"}", "--new", "--json"),
      project.start(["run", "Echo", "--input", "@-", "--json"], { stdin: "{\"text\":\"hi\"}" }).ended
    ])
    assert.deepInclude(again, { code: 0, stdout: "\"hi\"\n" })
    assert.include(again.stderr, `joined existing run ${first.json.runId}`)
    assert.include(again.stderr, "1 step recorded before, not run again")
    assert.notStrictEqual(another.json.runId, first.json.runId)
    assert.deepInclude(viaStdin.json, { runId: first.json.runId, joined: true, steps: { executed: 0, replayed: 1 } })
  })

  it("tells failures, inputs that do not fit, and workflows that are not there", async () => {
    const { fermata } = new Project()
    const [failing, unfit, unknown] = await Promise.all([
      fermata("run", "Failing", "--input", "{\"id\":\"1\"}", "--json"),
      fermata("run", "Echo", "--input", "{\"text\":7}"),
      fermata("run", "Ecco")
    ])
    assert.deepStrictEqual(status(failing), [1, "failed"])
    assert.strictEqual(failing.json.error.message, "Broken: it was made to fail")
    assert.strictEqual(unfit.code, 2)
    assert.include(unfit.stderr, "The input does not fit workflow \"Echo\"")
    assert.strictEqual(unknown.code, 2)
    assert.include(unknown.stderr, "There is no workflow \"Ecco\"; registered are Echo@1")
  })

  it("waits through timers", async () => {
    const { fermata } = new Project()
    const { code, stderr, stdout } = await fermata("run", "Nap", "--input", "{\"millis\":4000}")
    assert.deepStrictEqual([code, stdout], [0, "\"awake\"\n"])
    // A busy machine may need some of that time to say it.
    assert.match(stderr, /… waits until .* \(in \d+(\.\d+)? m?s\)/)
  })

  it("runs a contract with a task and a scripted model, from any folder, and goes on with the same", async () => {
    const project = new Project()
    const run = await project.start(["run", join(fixtures, "tasks.json"), "--input", "{\"name\":\"Ada\"}", "--json"], {
      cwd: project.folder
    }).ended
    assert.deepInclude(run.json, {
      status: "suspended",
      reason: "approval",
      usage: { inputTokens: 2, outputTokens: 2 },
      spent: { tokens: 4 }
    })
    assert.strictEqual(run.code, 3)
    assert.include(run.stderr, "model: scripted (no LLM is called)")
    const approved = await project.start(["approve", run.json.runId, "--as", "printer", "--json"], {
      cwd: project.folder
    }).ended
    assert.deepStrictEqual(approved.json.output, { printed: { text: "Dear Ada" } })
    assert.deepStrictEqual(approved.json.steps, { executed: 2, replayed: 1 })
  })

  it("leaves a detached run to a worker, and says that none is there", async () => {
    const { fermata } = new Project()
    const detached = await fermata("run", "Echo", "--input", "{\"text\":\"later\"}", "--detach", "--json")
    assert.deepStrictEqual([...status(detached), detached.json.joined], [0, "queued", false])
    assert.include(detached.stderr, "no worker is running, so it waits until one is: npx fermata worker")
    const worker = await fermata("worker", "--until-idle", "--json")
    assert.strictEqual(worker.code, 0)
    assert.deepStrictEqual(worker.lines.map(({ runId, what }) => [runId, what]), [
      [detached.json.runId, "taken"],
      [detached.json.runId, "completed"]
    ])
    assert.strictEqual((await fermata("runs", "show", detached.json.runId, "--json")).json.status, "completed")
  })
})

describe("fermata worker", () => {
  it("with --until-idle waits for a timer that is near, and not for one that is far", async () => {
    const { fermata } = new Project()
    const started = await Promise.all([
      fermata("run", "Nap", "--input", "{\"millis\":400}", "--detach"),
      fermata("run", "Nap", "--input", "{\"millis\":3600000}", "--detach")
    ])
    const [near, far] = started.map(({ stdout }) => stdout.trim())
    const worker = await fermata("worker", "--until-idle", "--json")
    assert.strictEqual(worker.code, 0)
    const last = (run: string | undefined) => worker.lines.findLast(({ runId }) => runId === run)?.what
    assert.deepStrictEqual([last(near), last(far)], ["completed", "suspended"])
  })
})

describe("fermata approve", () => {
  it("answers as one who may, and goes on where the run was", async () => {
    const { db, fermata } = new Project()
    const run = await fermata("run", "approval.json", "--input", "{\"cents\":5}", "--json", "--db", db)
    const { runId } = run.json
    assert.deepStrictEqual([...status(run), run.json.reason, run.json.waits[0]?.who], [3, "suspended", "approval", [
      "finance",
      "boss"
    ]])
    assert.include(run.stderr, `fermata approve ${runId} --as finance --choice card --db ${db}`)

    const [listed, mine, stranger, badChoice, badEdit] = await Promise.all([
      fermata("approvals", "ls", "--json"),
      fermata("approvals", "ls", "--mine", "--json"),
      fermata("approve", runId),
      fermata("approve", runId, "--as", "boss", "--choice", "gold"),
      fermata("approve", runId, "--as", "boss", "--edit", "{bad")
    ])
    assert.deepInclude(listed.lines[0]!, { id: `${runId}/confirm`, prompt: "Spend 5 cents?", args: { cents: 5 } })
    assert.deepStrictEqual(mine.lines, [])
    assert.deepStrictEqual([stranger.code, badChoice.code, badEdit.code], [2, 2, 2])
    assert.include(stranger.stderr, "tester may not answer approval")
    assert.include(stranger.stderr, "only finance, boss may")
    assert.include(badChoice.stderr, "\"gold\" is not among its choices: card, cash")
    assert.include(badEdit.stderr, "--edit is not JSON")

    const approved = await fermata(
      "approve",
      runId.slice(0, 8),
      "--as",
      "boss",
      "--choice",
      "card",
      "--edit",
      "{\"cents\":3}",
      "--note",
      "less"
    )
    assert.deepStrictEqual([approved.code, approved.stdout], [0, "{\"paid\":true}\n"])
    assert.include(approved.stderr, "3 steps executed here; 1 step recorded before, not run again")
    const again = await fermata("approve", runId, "--as", "boss")
    assert.strictEqual(again.code, 2)
    assert.include(again.stderr, "is answered already: approved by boss, ")

    const [show, page, journal, tail] = await Promise.all([
      fermata("runs", "show", runId, "--json"),
      fermata("runs", "show", runId),
      fermata("runs", "journal", runId, "--from", "2", "--json"),
      fermata("runs", "tail", runId, "--json")
    ])
    assert.deepInclude(show.json.approvals[0]!.answers[0]!, {
      by: "boss",
      choice: "card",
      edit: { cents: 3 },
      note: "less"
    })
    assert.deepInclude(show.json.events[0]!, { name: "expense.approved" })
    assert.deepStrictEqual(show.json.events[0]?.payload.cents, 3)
    assert.match(page.stdout, /status +completed/)
    assert.deepStrictEqual(journal.lines.map(({ seq }) => seq), journal.lines.map((_, index) => index + 2))
    assert.deepStrictEqual(tail.lines.slice(2), journal.lines)
  })

  it("wakes a run in the process that has it", async () => {
    const project = new Project()
    const worker = project.start(["worker"])
    await worker.says("serves")
    const { json: { runId } } = await project.fermata(
      "run",
      "approval.json",
      "--input",
      "{\"cents\":1}",
      "--detach",
      "--json"
    )
    await worker.says(`${runId}  expense@1.0.0  waits for finance or boss to answer approval`)
    const denied = await project.fermata("deny", runId, "--as", "finance", "--note", "no", "--json")
    assert.deepStrictEqual([...status(denied), denied.json.output], [0, "completed", { paid: false }])
    assert.strictEqual(denied.json.steps.executed, 0, "the worker should have gone on with it")
    worker.process.kill("SIGTERM")
    const { code, stderr } = await worker.ended
    assert.strictEqual(code, 0)
    assert.include(stderr, "stopping")
  })
})

describe("fermata signal, emit", () => {
  it("sends a signal that the run waits for, once", async () => {
    const { fermata } = new Project()
    const run = await fermata("run", "Shop", "--input", "{\"id\":\"1\"}", "--json")
    const { runId } = run.json
    assert.deepStrictEqual([...status(run), run.json.reason], [3, "suspended", "signal"])
    const noted = await fermata("signal", runId, "other", "--no-wait", "--id", "s1", "--json")
    assert.deepStrictEqual([noted.code, noted.json.runId, noted.json.result], [0, runId, "accepted"])
    const paid = await fermata("signal", runId, "paid", "--data", "{\"cents\":12}", "--json")
    assert.deepStrictEqual([...status(paid), paid.json.output, paid.json.steps], [0, "completed", 12, {
      executed: 0,
      replayed: 1
    }])
    const late = await fermata("signal", runId, "paid", "--data", "{\"cents\":12}")
    assert.strictEqual(late.code, 2)
  })

  it("publishes events that start and reach runs of contracts", async () => {
    const { fermata } = new Project()
    const sent = await fermata("emit", "parcel.sent", "--data", "{\"id\":\"p1\"}", "--key", "e1", "--json")
    assert.deepInclude(sent.json, { eventId: "e1", event: "parcel.sent" })
    assert.strictEqual(sent.code, 3)
    const { reason, runId } = sent.json.runs[0]!
    assert.strictEqual(reason, "signal")
    const again = await fermata("emit", "parcel.sent", "--data", "{\"id\":\"p1\"}", "--key", "e1", "--json")
    assert.deepStrictEqual(again.json.runs.map((run) => run.runId), [runId], "one event started two runs")
    const arrived = await fermata("emit", "parcel.arrived", "--data", "{\"id\":\"p1\",\"place\":\"door\"}", "--json")
    assert.deepInclude(arrived.json.runs[0]!, { runId, joined: true, status: "completed", output: { place: "door" } })
    assert.strictEqual(arrived.code, 0)
    const [nobody, reserved, unnamed] = await Promise.all([
      fermata("emit", "nobody.hears"),
      fermata("emit", "engine.run.completed"),
      fermata("emit", "no name")
    ])
    assert.deepStrictEqual([nobody.code, reserved.code, unnamed.code], [0, 2, 2])
  })
})

describe("fermata runs", () => {
  it("lists, pauses, resumes and cancels", async () => {
    const { fermata } = new Project()
    const { json: { runId } } = await fermata("run", "Shop", "--input", "{\"id\":\"1\"}", "--json")
    await fermata("run", "Echo", "--input", "{\"text\":\"x\"}", "--json")
    const [all, suspended, one, table] = await Promise.all([
      fermata("runs", "ls", "--json"),
      fermata("runs", "ls", "--status", "suspended", "--reason", "signal", "--json"),
      fermata("runs", "ls", "--workflow", "Echo", "--limit", "1", "--json"),
      fermata("runs", "ls")
    ])
    assert.deepStrictEqual(all.lines.map(({ workflow }) => workflow), ["Echo", "Shop"])
    assert.deepStrictEqual(suspended.lines.map((run) => run.runId), [runId])
    assert.deepStrictEqual(one.lines.map(({ status }) => status), ["completed"])
    assert.match(table.stdout, /Shop@1 +suspended \(signal\)/)

    const paused = await fermata("runs", "pause", runId, "--json")
    assert.deepStrictEqual([...status(paused), paused.json.reason], [0, "suspended", "operator"])
    const resumed = await fermata("runs", "resume", runId, "--json")
    assert.deepStrictEqual([...status(resumed), resumed.json.reason], [3, "suspended", "signal"])
    const cancelled = await fermata("runs", "cancel", runId, "--reason", "enough", "--json")
    assert.deepStrictEqual(status(cancelled), [0, "cancelled"])
    const [gone, ambiguous] = await Promise.all([fermata("runs", "cancel", runId), fermata("runs", "show", "zzzz")])
    assert.deepStrictEqual([gone.code, ambiguous.code], [2, 2])
    assert.include(ambiguous.stderr, "There is no run \"zzzz\"")
  })

  it("ends quietly when its reader has gone", () => {
    const project = new Project()
    const run = (command: string) =>
      spawnSync("bash", ["-c", `set -o pipefail; ${command}`], {
        cwd: fixtures,
        encoding: "utf8",
        env: { ...process.env, FERMATA_DB: project.db }
      })
    const fermata = `${process.execPath} ${bin}`
    const { status, stderr } = run(
      `${fermata} run Echo --input '{"text":"x"}' --json 2>/dev/null | true; ${fermata} runs ls --json | head -c 1 >/dev/null`
    )
    assert.deepStrictEqual([status, stderr], [0, ""])
  })
})

describe("a killed process", () => {
  it("leaves its run to a worker elsewhere, which waits for the end of the lease and repeats no finished step", async () => {
    const project = new Project()
    const first = project.start(["run", "Held", "--input", "{\"id\":\"1\"}", "--lease", "3600000"])
    await first.says("hold begins")
    await first.kill()
    const db = new DatabaseSync(project.db, { timeout: 5_000 })
    // As from a system that tells nothing about its processes.
    db.exec("UPDATE owners SET info = json_remove(info, '$.place')")
    const working = project.start(["worker", "--until-idle"], { env: { FIXTURE_GO: "1" } })
    await working.says("is gone; its runs are free when its lease ends")
    db.exec("UPDATE owners SET expires_at = 1 WHERE json_extract(info, '$.place') IS NULL")
    db.close()
    const worker = await working.ended
    assert.strictEqual(worker.code, 0)
    assert.match(worker.stdout, /Held@1 {2}completed/)
    assert.deepStrictEqual(project.bodies, ["before", "hold begins", "hold begins", "after held"])
  })

  it("in a step that may not be repeated asks an operator, who settles it", async () => {
    const project = new Project()
    const { fermata } = project
    const args = ["run", "HeldAsk", "--input", "{\"id\":\"1\"}"]
    const first = project.start([...args, "--lease", "1000"])
    await first.says("hold begins")
    await first.kill()
    const joined = await fermata(...args, "--json")
    const { runId } = joined.json
    assert.deepStrictEqual([...status(joined), joined.json.reason], [3, "suspended", "outcome-unknown"])
    const [doctor, wrong] = await Promise.all([
      fermata("doctor", "--json"),
      fermata("runs", "settle", runId, "hol", "--retry")
    ])
    assert.strictEqual(doctor.code, 1)
    const finding = doctor.json.findings.find(({ name }) => name === "suspended (outcome-unknown)")
    assert.include(finding!.commands, `npx fermata runs settle ${runId} hold --retry`)
    assert.strictEqual(wrong.code, 2)
    assert.include(wrong.stderr, "these wait to be settled: hold")
    const settled = await fermata("runs", "settle", runId, "hold", "--done", "\"by hand\"", "--json")
    assert.deepStrictEqual([...status(settled), settled.json.output], [0, "completed", "after by hand"])
    assert.deepStrictEqual(project.bodies, ["before", "hold begins", "after by hand"])
  })
})

describe("fermata doctor", () => {
  it("finds a healthy database healthy, and a file that is none", async () => {
    const project = new Project()
    const { fermata } = project
    const missing = await project.start(["doctor", "--json"], { cwd: project.folder, env: { FERMATA_DB: undefined } })
      .ended
    assert.deepStrictEqual([missing.code, missing.json.ok], [0, true])
    await fermata("run", "Echo", "--input", "{\"text\":\"x\"}")
    const healthy = await fermata("doctor", "--json")
    assert.deepStrictEqual([healthy.code, healthy.json.ok], [0, true])
    const other = join(project.folder, "other.db")
    writeFileSync(other, "this is not a database, however long it is made to look like one")
    const [broken, refused] = await Promise.all([
      fermata("doctor", "--db", other),
      fermata("runs", "ls", "--db", other)
    ])
    assert.strictEqual(broken.code, 1)
    assert.match(broken.stdout, /problem {2}database: .*not a SQLite database/)
    assert.strictEqual(refused.code, 2)
    assert.include(refused.stderr, "not a SQLite database")
  })

  it("names runs that nobody takes up, and whether this configuration serves them", async () => {
    const project = new Project()
    const { stdout } = await project.fermata("run", "Echo", "--input", "{\"text\":\"x\"}", "--detach")
    const database = new DatabaseSync(project.db)
    database.exec("UPDATE runs SET created_at = created_at - 60000, updated_at = updated_at - 60000")
    database.close()
    const [here, elsewhere] = await Promise.all([
      project.fermata("doctor", "--json"),
      project.start(["doctor", "--json"], { cwd: project.folder }).ended
    ])
    for (
      const [{ code, json }, expected] of [[here, "no worker is running"], [elsewhere, "nobody serves Echo@1"]] as const
    ) {
      assert.strictEqual(code, 1)
      const finding = json.findings.find(({ level }) => level === "problem")
      assert.include(finding?.message, expected)
      assert.deepStrictEqual(finding?.runs, [stdout.trim()])
    }
  })
})
