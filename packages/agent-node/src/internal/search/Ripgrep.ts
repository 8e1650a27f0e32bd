/**
 * ripgrep, where there is one: asked which of many files may have a match, so that
 * the others need not be read. What a match is, is never its word.
 */
import { spawn } from "node:child_process"
import * as Served from "../Served.ts"
import { widened } from "./Expression.ts"

/** The program: that of the optional package, or else the one that the machine has. */
export const found = async (): Promise<string> => {
  try {
    return (await import("@vscode/ripgrep")).rgPath
  } catch {
    return "rg"
  }
}

/** The files that may have a match, in their order. All of them where ripgrep is not there, or has no word for the expression. */
export const candidates = async (
  program: string,
  root: string,
  names: ReadonlyArray<string>,
  expression: RegExp,
  multiline: boolean
): Promise<ReadonlyArray<string>> => {
  const wide = widened(expression, multiline)
  if (wide === undefined) return names
  const found: Array<string> = []
  for (const batch of batches(names)) {
    // oxlint-disable-next-line no-await-in-loop -- One process at a time.
    found.push(...await ask(program, root, batch, wide, multiline))
  }
  return found
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Characters of the names that are handed over at a time: a command line has an end. */
const most = process.platform === "win32" ? 20_000 : 100_000

const batches = (names: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const all: Array<Array<string>> = []
  let size = most
  for (const name of names) {
    size += name.length * 3 + 16
    if (size > most) {
      all.push([])
      size = name.length * 3 + 16
    }
    all.at(-1)!.push(name)
  }
  return all
}

/** Asked in a process of its own, which the thread tells of, so that it ends with the search. */
const ask = (
  program: string,
  root: string,
  names: ReadonlyArray<string>,
  pattern: string,
  multiline: boolean
): Promise<ReadonlyArray<string>> =>
  new Promise((resolve) => {
    const words = [
      "--no-config",
      "--no-ignore",
      "--hidden",
      "--text",
      "--files-with-matches",
      "--null",
      ...(multiline ? ["--multiline", "--multiline-dotall"] : []),
      "--regexp",
      pattern,
      "--",
      ...names.map((name) => `./${name}`)
    ]
    const child = Served.start(() =>
      spawn(program, words, { cwd: root, timeout: 20_000, killSignal: "SIGKILL", stdio: ["ignore", "pipe", "ignore"] })
    )
    const { pid } = child
    const said: Array<Buffer> = []
    child.stdout?.on("data", (part: Buffer) => said.push(part))
    child.once("error", () => resolve(names))
    child.once("close", (status) => {
      if (pid !== undefined) Served.ended(pid)
      // It ends with 1 where there is no match, and with 2 where it could not look at all.
      if (status !== 0 && status !== 1) return resolve(names)
      const hits = new Set(Buffer.concat(said).toString("utf8").split("\0").map((name) => name.slice(2)))
      resolve(names.filter((name) => hits.has(name)))
    })
  })
