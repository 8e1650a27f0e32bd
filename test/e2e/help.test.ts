/** Every example of every `--help` is typed as it stands, in a folder that has the files which the examples name. */
import { type ChildProcess, spawn } from "node:child_process"
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it, onTestFinished } from "vitest"
import { bin } from "./support/Fermata.ts"
import { commandsIn } from "./support/Printing.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const example = join(root, "examples/ticket-triage")

const contract = {
  schemaVersion: "fermata.contract.v1",
  id: "greet",
  version: "1.0.0",
  title: "Greets somebody",
  entryStepId: "greet",
  steps: [
    { id: "greet", name: "Greet", kind: "transform", set: { text: "Hello, {{ input.name }}!" }, next: null }
  ]
}

/** What the examples name as files. */
const files: Readonly<Record<string, unknown>> = {
  "contract.json": contract,
  "greet.json": contract,
  "contracts/greet.json": contract,
  "ticket-triage.json": JSON.parse(readFileSync(join(example, "contract.json"), "utf8")),
  "ticket.json": JSON.parse(readFileSync(join(example, "ticket.json"), "utf8")),
  "billing.json": {
    signature: { type: "standard", secrets: [{ secret: "BILLING" }] },
    mapping: { dedupe: "{{ message.id }}", event: { name: "billing.{{ body.type }}" } }
  },
  "task.json": { kind: "report" },
  "mention.json": { sensor: "chat", dedupe: "chat:1", payload: { text: "hi" }, task: { kind: "reply" } },
  "pull-request.json": { action: "opened" },
  "sent.json": { action: "opened" },
  "order.json": { id: "o-1" },
  "payment.json": { cents: 1200 },
  "changed.json": { amount: 1 }
}

/** What the examples stand for that nobody has: a run, its fork, and a workflow. */
const unknown = [
  { named: /\b(1f0c|93ab)\b/, refusal: /^error: There is no run "(1f0c|93ab)"/m },
  { named: /\bagent (run|raise) (reviewer|writer)\b/, refusal: /^error: There is no agent "(reviewer|writer)"/m },
  { named: /\bpolicy rm 3e1a\b/, refusal: /^error: No rule "3e1a" stands/m },
  { named: /\bmcp log(in|out) github\b/, refusal: /^error: There is no MCP server "github"/m },
  { named: /\btasks (show|cancel|retry) 1f0c93ab\b/, refusal: /^error: There is no task 1f0c93ab/m },
  {
    named: /\bwebhooks (delivery|redeliver) ops wh_1f0c93ab\b/,
    refusal: /^error: There is no webhook (delivery|endpoint)/m
  },
  { named: /\bsources show github\b/, refusal: /^error: There is no source "github"/m },
  { named: /\bsensors show 0000000000000007\b/, refusal: /^error: Nothing that is kept came in/m },
  {
    named: /\bimport run\.json\b/,
    refusal: /^error: (the file run\.json is no JSON|--.*|there is no file run\.json)/im
  },
  { named: /\binstances (show|move) ada-1\b/, refusal: /^error: There is no instance "ada-1"/m },
  { named: /\binstances create goal-loop\b/, refusal: /^error: There is no machine "goal-loop"/m },
  { named: /\btoken rm 3e1a\b/, refusal: /^error: There is no token "3e1a"/m },
  { named: /--tls-cert cert\.pem\b/, refusal: /^error: --tls-cert cert\.pem cannot be read/m },
  { named: /\brun purchase\b/, refusal: /^error: There is no workflow "purchase"/m }
]

/** A folder with the files, and a shell that finds `fermata` and `npx fermata`. */
class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "fermata-help-"))
  private readonly programs = join(this.path, "programs")
  private readonly running = new Set<ChildProcess>()

  constructor() {
    onTestFinished(() => {
      for (const child of this.running) child.kill("SIGKILL")
      rmSync(this.path, { recursive: true, force: true })
    })
    for (const folder of [this.programs, join(this.path, "contracts")]) mkdirSync(folder)
    for (const [name, value] of Object.entries(files)) writeFileSync(join(this.path, name), JSON.stringify(value))
    writeFileSync(
      join(this.path, "fermata.config.mjs"),
      `export { default } from ${JSON.stringify(join(example, "fermata.config.ts"))}\n`
    )
    for (const [name, shift] of [["fermata", ""], ["npx", `[ "$1" = fermata ] || exit 127\nshift\n`]] as const) {
      const file = join(this.programs, name)
      writeFileSync(file, `#!/bin/sh\n${shift}exec "${process.execPath}" "${bin}" "$@"\n`)
      chmodSync(file, 0o755)
    }
  }

  /** The database of this folder. */
  get db(): string {
    return join(this.path, "fermata.db")
  }

  /** Types a line. A worker that works, or a server that serves, is told to stop. */
  type(line: string, cwd = this.path): Promise<{ readonly code: number | null; readonly output: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn("sh", ["-c", `exec ${line}`], {
        cwd,
        env: {
          ...process.env,
          NO_COLOR: "1",
          FERMATA_DB: this.db,
          FERMATA_AS: "tester",
          PATH: [this.programs, process.env["PATH"]].join(delimiter)
        },
        stdio: ["ignore", "pipe", "pipe"]
      })
      this.running.add(child)
      let output = ""
      let stopped = false
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          output += text
          // Once: a second signal ends a worker at once.
          if (
            stopped || line.includes("--until-idle") || !/^(worker \d+ on|MCP server at|serves \S+ at) /m.test(output)
          ) return
          stopped = true
          child.kill("SIGTERM")
        })
      }
      child.once("error", reject)
      child.once("close", (code) => {
        this.running.delete(child)
        resolve({ code, output })
      })
    })
  }
}

/** Every page of help, from that of the whole command down. */
const pages = async (folder: Folder): Promise<ReadonlyArray<string>> => {
  const under = async (path: string): Promise<ReadonlyArray<string>> => {
    const { code, output } = await folder.type(`fermata${path} --help`)
    assert.strictEqual(code, 0, output)
    const names = Array.from(
      (/^SUBCOMMANDS\n((?: {2}.*\n)+)/m.exec(output)?.[1] ?? "").matchAll(/^ {2}([\w-]+)/gm),
      ([, name]) => name!
    )
    const below = await Promise.all(names.map((name) => under(`${path} ${name}`)))
    return [output, ...below.flat()]
  }
  return under("")
}

/** The examples on a page of help. */
const examplesOf = (page: string): ReadonlyArray<string> =>
  /^EXAMPLES\n((?: {2}.*\n|\n)+)/m.exec(page)?.[1]!.match(/(?<=^ {2})fermata .*$/gm) ?? []

describe("what --help shows", () => {
  it("runs as it stands, and is refused for what nobody has alone", { timeout: 1_200_000 }, async () => {
    const folder = new Folder()
    const shown = await pages(folder)
    const lines = [...new Set(shown.flatMap(examplesOf))]
    assert.isAbove(lines.length, 40)
    const { code } = await folder.type("fermata run greet.json --input '{\"name\":\"Ada\"}' --json")
    assert.strictEqual(code, 0)
    copyFileSync(folder.db, join(folder.path, "copy.db"))

    for (const line of lines) {
      const { code, output } = await folder.type(line)
      const lacking = unknown.find(({ named }) => named.test(line))
      if (lacking === undefined) {
        assert.include([0, 1, 3], code, `${line}\n${output}`)
        assert.notMatch(output, /^error:/m, line)
      } else {
        assert.strictEqual(code, 2, `${line}\n${output}`)
        assert.match(output, lacking.refusal, line)
      }
    }
    assert.isAbove(readFileSync(join(folder.path, "graph.mmd"), "utf8").length, 0)
  })
})

describe("what npm start prints", () => {
  it("runs as it stands", { timeout: 120_000 }, async () => {
    const folder = new Folder()
    const started = await folder.type(`"${process.execPath}" scripts/start.ts`, root)
    assert.strictEqual(started.code, 0, started.output)
    const commands = commandsIn(started.output)
    assert.isAbove(commands.length, 3)
    // An answer can be given once, so each command has a copy of what there is.
    const copy = `${folder.db}.before`
    copyFileSync(folder.db, copy)
    for (const command of commands) {
      for (const rest of ["-wal", "-shm"]) if (existsSync(folder.db + rest)) rmSync(folder.db + rest)
      copyFileSync(copy, folder.db)
      const { code, output } = await folder.type(command, root)
      assert.include([0, 1, 3], code, `${command}\n${output}`)
      assert.notMatch(output, /^error:/m, command)
    }
  })
})
