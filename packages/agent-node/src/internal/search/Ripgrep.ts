/**
 * ripgrep, where there is one: asked which of many files may have a match, so that
 * the others need not be read. What a match is, is never its word.
 */
import { spawnSync } from "node:child_process"
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
export const candidates = (
  program: string,
  root: string,
  names: ReadonlyArray<string>,
  expression: RegExp,
  multiline: boolean
): ReadonlyArray<string> => {
  const wide = widened(expression, multiline)
  return wide === undefined ? names : batches(names).flatMap((batch) => ask(program, root, batch, wide, multiline))
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

const ask = (
  program: string,
  root: string,
  names: ReadonlyArray<string>,
  pattern: string,
  multiline: boolean
): ReadonlyArray<string> => {
  const { error, status, stdout } = spawnSync(program, [
    "--no-config",
    "--no-ignore",
    "--hidden",
    "--text",
    "--files-with-matches",
    "--null",
    ...(multiline ? ["--multiline", "--multiline-dotall"] : ["--crlf"]),
    "--regexp",
    pattern,
    "--",
    ...names.map((name) => `./${name}`)
  ], { cwd: root, encoding: "utf8", maxBuffer: 10_000_000, timeout: 20_000, stdio: ["ignore", "pipe", "ignore"] })
  // It ends with 1 where there is no match, and with 2 where it could not look at all.
  if (error !== undefined || (status !== 0 && status !== 1)) return names
  const hits = new Set(stdout.split("\0").map((name) => name.slice(2)))
  return names.filter((name) => hits.has(name))
}
