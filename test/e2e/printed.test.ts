/**
 * Every command that the command prints is one that can be typed: each is taken
 * from what was printed, and run by a shell as it stands.
 */
import { spawn } from "node:child_process"
import { chmodSync, copyFileSync, existsSync, mkdtempSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { bin, type Outcome, type Printed, Project } from "./support/Fermata.ts"

const folder = fileURLToPath(new URL("printed", import.meta.url))

/** The commands in a text. What they begin with is how this project is called; a line holds one, and it goes to the end. */
const commandsIn = (text: string): ReadonlyArray<string> =>
  text.split("\n").flatMap((line) => line.trimStart().startsWith("#") ? [] : /npx fermata .*$/.exec(line)?.[0] ?? [])

/** A project in which what is printed is collected and run. */
class Printing {
  readonly project = new Project()
  /** Where a shell finds `npx`. */
  private readonly programs = mkdtempSync(join(this.project.folder, "programs-"))

  constructor() {
    const npx = join(this.programs, "npx")
    writeFileSync(npx, `#!/bin/sh\n[ "$1" = fermata ] || exit 127\nshift\nexec "${process.execPath}" "${bin}" "$@"\n`)
    chmodSync(npx, 0o755)
  }

  readonly fermata = (...args: ReadonlyArray<string>): Promise<Outcome> =>
    this.project.start(args, { cwd: folder }).ended

  /** The printed command, as typed by a person in the same folder, on a copy of the database as it is now. */
  async run(
    command: string
  ): Promise<
    { readonly code: number | null; readonly output: string; readonly show: (runId: string) => Promise<Printed> }
  > {
    const copy = mkdtempSync(join(this.project.folder, "copy-"))
    for (const end of ["", "-wal", "-configs.json"]) {
      if (existsSync(this.project.db + end)) copyFileSync(this.project.db + end, join(copy, `fermata.db${end}`))
    }
    const env = {
      ...process.env,
      NO_COLOR: "1",
      FERMATA_DB: join(copy, "fermata.db"),
      FERMATA_AS: "tester",
      PRINTED_GO: "1",
      PATH: [this.programs, process.env["PATH"]].join(delimiter)
    }
    const [code, output] = await new Promise<[number | null, string]>((resolve) => {
      const child = spawn("sh", ["-c", `exec ${command}`], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] })
      let output = ""
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          output += text
          // A worker works until it is stopped.
          if (/^worker \d+ on /m.test(output)) child.kill("SIGTERM")
        })
      }
      child.on("close", (code) => resolve([code, output]))
    })
    return {
      code,
      output,
      show: async (runId) =>
        (await this.project.start(["runs", "show", runId, "--json"], {
          cwd: folder,
          env: { FERMATA_DB: env.FERMATA_DB }
        }).ended).json
    }
  }

  /** Runs every command of these outputs, none of which may be refused. */
  async all(...outcomes: ReadonlyArray<Outcome>): Promise<ReadonlyArray<string>> {
    const commands = [...new Set(outcomes.flatMap(({ stderr, stdout }) => commandsIn(`${stdout}\n${stderr}`)))]
    const results = await Promise.all(commands.map((command) => this.run(command)))
    for (const [index, { code, output }] of results.entries()) {
      assert.include([0, 1, 3], code, `${commands[index]!}\n${output}`)
      assert.notMatch(output, /^error:|passed over/m, commands[index])
    }
    return commands
  }

  /** Runs those of them that make a run go on, each of which must. */
  async goesOn(outcome: Outcome, runId: string): Promise<ReadonlyArray<string>> {
    const commands = commandsIn(outcome.stderr.split("to go on:\n")[1] ?? "").filter((command) =>
      command.includes(runId) || command.includes(" emit ")
    )
    assert.isNotEmpty(commands, outcome.stderr)
    const before = (await this.fermata("runs", "show", runId, "--json")).json
    await Promise.all(commands.map(async (command) => {
      const { output, show } = await this.run(command)
      const after = await show(runId)
      assert.isAbove(after.counts.entries, before.counts.entries, `${command}\n${output}`)
      const stands = ({ approvals, status, waits }: Printed) => JSON.stringify([status, waits, approvals])
      assert.notStrictEqual(stands(after), stands(before), `${command}\n${output}`)
    }))
    return commands
  }
}

describe("printed commands", () => {
  it("end what a run waits for: a signal with a schema, declared or not, under a name with a quote in it", async () => {
    const at = new Printing()
    for (const name of ["undeclared", "declared"]) {
      const run = await at.fermata("run", name, "--input", "{\"id\":\"1\"}", "--json")
      const { runId } = run.json
      await at.all(run)
      const [command] = await at.goesOn(run, runId)
      assert.match(
        command!,
        /signal \S+ 'it'\\''s paid' --data '\{"cents":6,"at":"2026-01-31T12:00:00\.000Z","by":"card","note":"\S+"\}'/
      )
      const [shown, doctor] = await Promise.all([at.fermata("runs", "show", runId), at.fermata("doctor")])
      const shownCommands = commandsIn(shown.stdout)
      // Only where the signal is declared does another process know what it carries.
      if (name === "declared") assert.deepStrictEqual(shownCommands, [command!])
      await at.all(shown, doctor)
      const sent = await at.fermata(
        "signal",
        runId,
        "it's paid",
        "--data",
        "{\"cents\":6,\"at\":\"2026-01-31T12:00:00.000Z\",\"by\":\"card\",\"note\":null}",
        "--json"
      )
      assert.deepInclude(sent.json, { status: "completed", output: 6 })
    }
  })

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

  it("settle a step whose outcome is unknown, with an output that it could have had", async () => {
    const at = new Printing()
    const running = at.project.start(["run", "acting", "--input", "{\"id\":\"1\"}", "--lease", "1000"], { cwd: folder })
    await running.says("act begins")
    await running.kill()
    const run = await at.fermata("run", "acting", "--input", "{\"id\":\"1\"}", "--json")
    const commands = await at.goesOn(run, run.json.runId)
    assert.lengthOf(commands, 3)
    assert.match(commands[1]!, /settle \S+ act --done '\{"receipt":"\S+"\}'$/)
    await at.all(
      run,
      await at.fermata("runs", "show", run.json.runId),
      await at.fermata("doctor"),
      await at.fermata("runs", "pause", run.json.runId)
    )
  })

  it("show children, resume, compare, start workers, and help", async () => {
    const at = new Printing()
    const parent = await at.fermata("run", "parent", "--input", "{\"id\":\"1\"}", "--json")
    const slow = await at.fermata("run", "slow", "--input", "{\"id\":\"1\"}", "--json")
    assert.include(slow.stderr, "without that, it goes on in")
    const outcomes = [
      parent,
      slow,
      await at.fermata("run", "failing", "--input", "{\"id\":\"1\"}"),
      await at.fermata("run", "undeclared", "--input", "{\"id\":\"2\"}", "--detach"),
      await at.fermata("runs", "pause", slow.json.runId),
      await at.fermata(
        "runs",
        "fork",
        (await at.fermata("run", "order.json", "--input", "{\"id\":\"1\"}", "--json")).json.runId,
        "--at",
        "note"
      ),
      await at.fermata("runs", "show", "nothing-like-it"),
      await at.fermata("runs", "fork", slow.json.runId, "--at", "nothing"),
      await at.fermata("rnu"),
      await at.fermata("runs"),
      await at.fermata("run", "slow", "--inptu", "{}"),
      await at.fermata("runs", "settle", "x", "y"),
      await at.fermata("doctor")
    ]
    const commands = await at.all(...outcomes)
    for (const words of ["runs show", "runs resume", "runs diff", "worker", "--help", "runs ls"]) {
      assert.isTrue(commands.some((command) => command.includes(words)), words)
    }
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
