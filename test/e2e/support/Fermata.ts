/**
 * The real command in processes of its own, on a database that is gone with the test.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"
import { bin } from "./Bin.ts"

export { bin }

/** The folder with the configuration and the contracts of the tests. */
export const fixtures = fileURLToPath(new URL("../fixtures", import.meta.url))

/** Whatever the command prints as JSON: the fields that tests look at, each there where it belongs. */
export interface Printed {
  readonly id: string
  readonly version: string
  readonly workflow: string
  readonly _tag: string
  readonly name: string
  readonly counts: { readonly entries: number }
  readonly seq: number
  readonly at: number
  readonly epoch: number
  readonly what: string
  readonly runId: string
  readonly joined: boolean
  readonly otherInput: boolean
  readonly status: string
  readonly reason: string
  readonly title?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly waits: ReadonlyArray<{ readonly who: ReadonlyArray<string> }>
  readonly output: unknown
  readonly usage: object
  readonly spent?: object
  readonly steps: { readonly executed: number; readonly replayed: number }
  readonly error: { readonly code: string; readonly message: string; readonly problems: ReadonlyArray<object> }
  readonly problems: ReadonlyArray<
    { readonly path: string; readonly code: string; readonly message: string; readonly expected: string }
  >
  readonly mermaid: string
  readonly prompt: string
  readonly args: object
  readonly result: string
  readonly process?: { readonly name: string; readonly alive: boolean }
  readonly event: string
  readonly eventId: string
  readonly approvals: ReadonlyArray<{ readonly answers: ReadonlyArray<object> }>
  readonly events: ReadonlyArray<{ readonly name: string; readonly payload: { readonly cents: number } }>
  readonly runs: ReadonlyArray<Printed>
  readonly ok: boolean
  readonly findings: ReadonlyArray<
    {
      readonly name: string
      readonly level: string
      readonly message: string
      readonly commands: ReadonlyArray<string>
      readonly runs?: ReadonlyArray<string>
    }
  >
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Stdout as one JSON document; a failure when it is anything else. */
  readonly json: Printed
  /** Stdout as NDJSON. */
  readonly lines: ReadonlyArray<Printed>
}

export interface Running {
  readonly process: ChildProcess
  /** Waits until stderr or stdout contains the text, or contains it so often. */
  readonly says: (text: string, times?: number) => Promise<string>
  /** How it ended. */
  readonly ended: Promise<Outcome>
  /** Kills it without a chance to do anything, and waits until it is gone. */
  readonly kill: () => Promise<void>
}

/** One project for one test. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), "fermata-e2e-"))
  readonly db = join(this.folder, "fermata.db")
  readonly log = join(this.folder, "log")
  private readonly running = new Set<ChildProcess>()

  constructor() {
    onTestFinished(() => {
      for (const process of this.running) process.kill("SIGKILL")
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  /** What the bodies of steps did, in order. */
  get bodies(): ReadonlyArray<string> {
    return existsSync(this.log) ? readFileSync(this.log, "utf8").trimEnd().split("\n") : []
  }

  /** Starts the command in the folder of the fixtures. A variable of the environment that is undefined is not set. */
  readonly start = (
    args: ReadonlyArray<string>,
    options: {
      readonly env?: Readonly<Record<string, string | undefined>>
      readonly cwd?: string
      readonly stdin?: string
      /** A command that becomes the one that it is given. */
      readonly through?: ReadonlyArray<string>
      /** Another program, which starts the command by itself. */
      readonly program?: ReadonlyArray<string>
      /** Leaves stdin open, for what is typed later. */
      readonly keepStdin?: boolean
    } = {}
  ): Running => {
    const env: Record<string, string | undefined> = {
      ...process.env,
      NO_COLOR: "1",
      FERMATA_DB: this.db,
      FERMATA_AS: "tester",
      FIXTURE_LOG: this.log,
      ...options.env
    }
    const [program, ...before] = options.program ?? [...options.through ?? [], process.execPath, bin]
    const child = spawn(program!, [...before, ...args], {
      cwd: options.cwd ?? fixtures,
      env,
      stdio: ["pipe", "pipe", "pipe"]
    })
    this.running.add(child)
    let stdout = ""
    let stderr = ""
    const listeners = new Set<() => void>()
    const hear = () => {
      for (const listener of listeners) listener()
    }
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      hear()
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
      hear()
    })
    // A command that ends without reading its stdin closes it.
    child.stdin.on("error", () => {})
    if (options.keepStdin !== true) child.stdin.end(options.stdin ?? "")
    const ended = new Promise<Outcome>((resolve, reject) => {
      child.on("error", reject)
      child.on("close", (code) => {
        this.running.delete(child)
        hear()
        resolve({
          code,
          stdout,
          stderr,
          get json() {
            return JSON.parse(stdout) as Printed
          },
          get lines() {
            return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Printed)
          }
        })
      })
    })
    return {
      process: child,
      ended,
      says: (text, times = 1) =>
        new Promise((resolve, reject) => {
          const look = () => {
            if (`${stdout}${stderr}`.split(text).length > times) resolve(`${stdout}${stderr}`)
            else if (child.exitCode !== null || child.signalCode !== null) {
              reject(new Error(`it ended without saying ${JSON.stringify(text)}:\n${stdout}${stderr}`))
            } else return
            listeners.delete(look)
          }
          listeners.add(look)
          look()
        }),
      kill: async () => {
        child.kill("SIGKILL")
        await ended
      }
    }
  }

  /** Runs the command to its end. */
  readonly fermata = (...args: ReadonlyArray<string>): Promise<Outcome> => this.start(args).ended
}
