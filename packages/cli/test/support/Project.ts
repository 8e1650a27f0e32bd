/** Command lines that are run in this process, one at a time, in a folder that is gone with the test. */
import { Cause, Effect, Exit } from "effect"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"
import { repeat } from "../../src/Invocation.ts"
import { program } from "../../src/Main.ts"
import { type Outcome, outcomeOf } from "./Outcome.ts"

export type { Outcome }

/** The folder with a configuration and contracts. */
export const fixtures = fileURLToPath(new URL("../../../../test/e2e/fixtures", import.meta.url))

export interface Around {
  /** The folder of the fixtures if not given. */
  readonly cwd?: string
  /** A variable that is undefined is not set. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly stdin?: string
  /** Stdout is a terminal. */
  readonly terminal?: boolean
}

/** Sets something of the process, and gives what sets it back. */
const changed = <A extends object, Name extends keyof A>(object: A, name: Name, value: A[Name]) => {
  const before = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, { configurable: true, enumerable: true, writable: true, value })
  return () => {
    if (before === undefined) delete object[name]
    else Object.defineProperty(object, name, before)
  }
}

/** One project for one test. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), "fermata-project-"))
  readonly db = join(this.folder, "fermata.db")
  private readonly log = join(this.folder, "log")
  /** The command line that was typed last. A process has one stdout, so they follow each other. */
  private last: Promise<unknown> = Promise.resolve()

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** What the bodies of steps did, in order. */
  get bodies(): ReadonlyArray<string> {
    return existsSync(this.log) ? readFileSync(this.log, "utf8").trimEnd().split("\n") : []
  }

  /** Runs a command line to its end. */
  readonly fermata = (...args: ReadonlyArray<string>): Promise<Outcome> => this.type(args)

  /** The same, with something around it that is not as it mostly is. */
  readonly type = (args: ReadonlyArray<string>, around: Around = {}): Promise<Outcome> => {
    const typed = this.last.then(() => this.run(args, around))
    this.last = typed.catch(() => undefined)
    return typed
  }

  private async run(
    args: ReadonlyArray<string>,
    { cwd = fixtures, env = {}, stdin = "", terminal = false }: Around
  ): Promise<Outcome> {
    const said = { stdout: "", stderr: "" }
    const hear = (stream: keyof typeof said) =>
      changed(
        process[stream],
        "write",
        ((text: string | Uint8Array) => {
          said[stream] += typeof text === "string" ? text : Buffer.from(text).toString()
          return true
        }) as typeof process.stdout.write
      )
    const { exitCode } = process
    const place = process.cwd()
    const variables = { NO_COLOR: "1", FERMATA_DB: this.db, FERMATA_AS: "tester", FIXTURE_LOG: this.log, ...env }
    const before = Object.keys(variables).map((name) => [name, process.env[name]] as const)
    const set = (name: string, value: string | undefined) => {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    const restore = [
      hear("stdout"),
      hear("stderr"),
      changed(process.stdout, "isTTY", terminal),
      changed(process, "stdin", Readable.from([Buffer.from(stdin)]) as unknown as typeof process.stdin),
      () => before.forEach(([name, value]) => set(name, value)),
      () => process.chdir(place),
      () => repeat([]),
      () => void (process.exitCode = exitCode)
    ]
    try {
      for (const [name, value] of Object.entries(variables)) set(name, value)
      process.chdir(cwd)
      process.exitCode = undefined
      const exit = await Effect.runPromiseExit(program(args, "0.0.0"))
      if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
      return outcomeOf(Number(process.exitCode ?? 0), said.stdout, said.stderr)
    } finally {
      for (const back of restore) back()
    }
  }
}
