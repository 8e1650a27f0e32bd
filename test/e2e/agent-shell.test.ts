/** The shell of an agent in the real sandbox, whose process is killed or whose run is cancelled in the middle of a line. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterEach, assert, beforeEach, describe, it } from "vitest"

const app = fileURLToPath(new URL("agents/shell.ts", import.meta.url))
const bin = fileURLToPath(new URL("../../packages/cli/src/bin.ts", import.meta.url))

const fermata = (...args: ReadonlyArray<string>): string =>
  spawnSync(process.execPath, [bin, ...args], { encoding: "utf8" }).stdout

let folder: string
let root: string
let child: ChildProcessWithoutNullStreams | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fermata-shell-"))
  root = mkdtempSync(join(folder, "space-"))
})
afterEach(async () => {
  if (child !== undefined) await kill(child)
  rmSync(folder, { recursive: true, force: true })
})

interface Told {
  readonly status: string
  readonly waits: ReadonlyArray<string>
  readonly told: ReadonlyArray<string>
}

/** A process that serves the run, with what it tells of it. */
const live = (...args: ReadonlyArray<string>) => {
  const started = spawn(process.execPath, ["--no-warnings", app, join(folder, "a.db"), root, ...args])
  child = started
  const lines: Array<Told> = []
  let problems = ""
  started.stderr.on("data", (data) => problems += String(data))
  // What it logs is no word of the run.
  createInterface({ input: started.stdout }).on("line", (line) => {
    if (line.startsWith("{")) lines.push(JSON.parse(line) as Told)
  })
  const status = async (wanted: string): Promise<Told> => {
    await until(() => {
      if (started.exitCode !== null) throw new Error(`ended with ${started.exitCode}: ${problems}`)
      return lines.some(({ status }) => status === wanted)
    })
    return lines.find(({ status }) => status === wanted)!
  }
  return { started, status }
}

const kill = (process: ChildProcessWithoutNullStreams): Promise<unknown> => {
  if (process.exitCode !== null || process.signalCode !== null) return Promise.resolve()
  const over = new Promise((resolve) => process.once("close", resolve))
  process.kill("SIGKILL")
  return over
}

/** A test that waits in vain runs out of time. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** How many processes of the machine are a `sleep` of so many seconds. */
const sleepers = (seconds: string): number =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1") === `sleep\0${seconds}\0`
    } catch {
      return false
    }
  }).length

const count = (name: string): number => readFileSync(join(root, name), "utf8").trim().split("\n").length

describe("a line in the shell", () => {
  it("M-106, S1: whose process is killed is gone with all its children; it is not run again, and the run waits for a person", async () => {
    const line = "echo run >> runs; trap '' TERM; (setsid sleep 85001 & sleep 85001 & wait) & wait"
    const first = live(line)
    await until(() => sleepers("85001") === 2)
    assert.strictEqual(count("runs"), 1)
    await kill(first.started)
    await until(() => sleepers("85001") === 0)

    const second = live(line)
    const { told, waits } = await second.status("suspended")
    assert.deepStrictEqual(waits, ["outcome-unknown"])
    assert.deepStrictEqual(told, [])
    assert.strictEqual(count("runs"), 1)
    assert.strictEqual(sleepers("85001"), 0)
  })

  it("what it writes is seen by who follows the run in another process, while it works", async () => {
    const pipe = join(root, "pipe")
    await new Promise((resolve) => spawn("mkfifo", [pipe]).once("close", resolve))
    const { status } = live("echo begun; printf '\\033[31mred\\033[0m\\n' >&2; cat pipe")
    await status("running")
    const db = join(folder, "a.db")
    const { runs } = JSON.parse(
      `{"runs":[${fermata("runs", "ls", "--json", "--db", db).trim().split("\n").join(",")}]}`
    ) as {
      readonly runs: ReadonlyArray<{ readonly runId: string }>
    }
    const tail = spawn(process.execPath, [bin, "runs", "tail", runs[0]!.runId, "--db", db])
    let seen = ""
    tail.stdout.on("data", (data) => seen += String(data))
    const over = new Promise((resolve) => tail.once("close", resolve))
    try {
      await until(() => seen.includes("  │ begun\n") && seen.includes("  │ red\n"))
      assert.notInclude(seen, "✓ Bash")
      writeFileSync(pipe, "the end\n")
      await over
      assert.include(seen, "✓ Bash")
      const { told } = await status("completed")
      assert.deepStrictEqual(told, ["begun\nthe end\n[stderr]\n\u001b[31mred\u001b[0m\n[exit code 0]"])
    } finally {
      await kill(tail)
    }
  })

  it("M-106: that only reads runs again after that, where its tool says so", async () => {
    writeFileSync(join(root, "a.txt"), "calm\n")
    // It reads from something that does not end, in the first life.
    const pipe = join(root, "pipe")
    await new Promise((resolve) => spawn("mkfifo", [pipe]).once("close", resolve))
    const first = live("cat a.txt pipe", "rereads")
    const reader = (): boolean =>
      readdirSync("/proc").some((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "latin1") === "cat\0a.txt\0pipe\0"
        } catch {
          return false
        }
      })
    await until(reader)
    await kill(first.started)
    await until(() => !reader())

    rmSync(pipe)
    writeFileSync(pipe, "no pipe any more\n")
    const { told } = await live("cat a.txt pipe", "rereads").status("completed")
    assert.include(told.join("\n"), "calm\nno pipe any more\n[exit code 0]")
  })

  it("M-106: whose run is cancelled is gone with all its children while its process goes on", async () => {
    const { started, status } = live(
      "trap '' TERM INT HUP; (trap '' TERM; setsid sleep 85002 & sleep 85002 & wait) & wait"
    )
    await until(() => sleepers("85002") === 2)
    started.stdin.write("cancel\n")
    await status("cancelled")
    await until(() => sleepers("85002") === 0)
    assert.isNull(started.exitCode)
  })
})
