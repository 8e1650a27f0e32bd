/** Projects of which every printed command is run by a shell as it stands. */
import { spawn } from "node:child_process"
import { chmodSync, copyFileSync, existsSync, mkdtempSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { backup, DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { assert } from "vitest"
import { bin, type Outcome, type Printed, Project, type Running } from "./Fermata.ts"

/** The folder whose configuration and contracts print. */
export const folder = fileURLToPath(new URL("../printed", import.meta.url))

/** The commands in a text. What they begin with is how this project is called; a line holds one, and it goes to the end. */
export const commandsIn = (text: string): ReadonlyArray<string> =>
  text.split("\n").flatMap((line) => line.trimStart().startsWith("#") ? [] : /npx fermata .*$/.exec(line)?.[0] ?? [])

/** A worker works until it is stopped, and so does who follows a run that nobody works on. */
const working = /^worker \d+ on /m
const isFollowing = (command: string): boolean => command.includes(" runs tail ")

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The command is stopped once it has said this: by default, when it is a worker that works. */
  readonly until?: RegExp
  /** It works on the database itself, and not on a copy. */
  readonly isForGood?: boolean
}

/** As the database is at one moment, although a worker may write to it meanwhile. */
const copyOf = async (file: string, copy: string): Promise<void> => {
  const database = new DatabaseSync(file, { timeout: 5_000 })
  try {
    await backup(database, copy)
  } finally {
    database.close()
  }
}

/** What a printed command came to. */
export interface Ran {
  readonly code: number | null
  readonly output: string
  /** How a run stands behind it. */
  readonly show: (runId: string) => Promise<Printed>
}

/** A project in which what is printed is collected and run. */
export class Printing {
  readonly project = new Project()
  /** Where a shell finds `npx`. */
  private readonly programs = mkdtempSync(join(this.project.folder, "programs-"))

  private readonly folder: string

  constructor(at = folder) {
    this.folder = at
    const npx = join(this.programs, "npx")
    writeFileSync(npx, `#!/bin/sh\n[ "$1" = fermata ] || exit 127\nshift\nexec "${process.execPath}" "${bin}" "$@"\n`)
    chmodSync(npx, 0o755)
  }

  readonly fermata = (...args: ReadonlyArray<string>): Promise<Outcome> => this.start(...args).ended

  readonly start = (...args: ReadonlyArray<string>): Running => this.project.start(args, { cwd: this.folder })

  /** Changes the database as no command does. */
  readonly sql = (text: string): void => {
    const database = new DatabaseSync(this.project.db, { timeout: 5_000 })
    database.exec(text)
    database.close()
  }

  /** The printed command, as typed by a person in the same folder, on a copy of the database as it is now. */
  async run(
    command: string,
    { env: more = {}, isForGood = false, until = isFollowing(command) ? /^run /m : working }: RunOptions = {}
  ): Promise<Ran> {
    const copy = isForGood ? this.project.folder : mkdtempSync(join(this.project.folder, "copy-"))
    if (!isForGood) {
      if (existsSync(this.project.db)) await copyOf(this.project.db, join(copy, "fermata.db"))
      const configs = `${this.project.db}-configs.json`
      if (existsSync(configs)) copyFileSync(configs, join(copy, "fermata.db-configs.json"))
    }
    const env = {
      ...process.env,
      NO_COLOR: "1",
      FERMATA_DB: join(copy, "fermata.db"),
      FERMATA_AS: "tester",
      PRINTED_GO: "1",
      ...more,
      PATH: [this.programs, process.env["PATH"]].join(delimiter)
    }
    const [code, output] = await new Promise<[number | null, string]>((resolve) => {
      const child = spawn("sh", ["-c", `exec ${command}`], { cwd: this.folder, env, stdio: ["ignore", "pipe", "pipe"] })
      let output = ""
      let stopped = false
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          output += text
          if (stopped || !until.test(output)) return
          // Once: a second signal ends a worker at once.
          stopped = true
          child.kill("SIGTERM")
        })
      }
      child.on("close", (code) => resolve([code, output]))
    })
    return {
      code,
      output,
      show: async (runId) =>
        (await this.project.start(["runs", "show", runId, "--json"], {
          cwd: this.folder,
          env: { FERMATA_DB: env.FERMATA_DB }
        }).ended).json
    }
  }

  /** Runs every command of these outputs, none of which may be refused. */
  async all(...outcomes: ReadonlyArray<Outcome>): Promise<ReadonlyArray<string>> {
    const commands = [...new Set(outcomes.flatMap(({ stderr, stdout }) => commandsIn(`${stdout}\n${stderr}`)))]
    const results = await Promise.all(commands.map((command) => this.run(command)))
    for (const [index, { code, output }] of results.entries()) {
      assert.include(isFollowing(commands[index]!) ? [0, 1, 3, 130] : [0, 1, 3], code, `${commands[index]!}\n${output}`)
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
