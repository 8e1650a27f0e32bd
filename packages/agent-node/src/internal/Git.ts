/**
 * Programs that the configuration of a repository names, kept from running where
 * a command only means to look: `git status` would start a monitor of files, a
 * filter of a file, a hook or a pager that whoever made the repository wrote down.
 * Git takes values from its environment before those of any file.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"

/** Variables for the commands in a workspace. */
export const environmentOf = async (
  root: string,
  environment: Readonly<Record<string, string>>
): Promise<Readonly<Record<string, string>>> => {
  const named = existsSync(join(root, ".git")) ? await namesIn(root, environment) : []
  const values = [...always, ...named.flatMap((name) => insteadOf(name))]
  return {
    GIT_PAGER: "cat",
    // What is refreshed on the way has a hook of its own.
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_COUNT: String(values.length),
    ...Object.fromEntries(
      values.flatMap(([name, value], at) => [[`GIT_CONFIG_KEY_${at}`, name], [`GIT_CONFIG_VALUE_${at}`, value]])
    )
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const always: ReadonlyArray<readonly [name: string, value: string]> = [
  ["core.fsmonitor", "false"],
  ["core.pager", "cat"]
]

/** A driver that is empty is none; a program that must be one fails, so that it is told what was not run. */
const insteadOf = (name: string): ReadonlyArray<readonly [string, string]> => {
  if (/^filter\..*\.(clean|smudge|process)$/s.test(name)) return [[name, ""]]
  if (/^filter\..*\.required$/s.test(name)) return [[name, "false"]]
  if (/^diff\..*\.textconv$/s.test(name)) return [[name, "cat"]]
  return name === "diff.external" || /^diff\..*\.command$/s.test(name) || name === "gpg.program" ||
      /^gpg\..*\.program$/s.test(name) || name.startsWith("pager.")
    ? [[name, "false"]]
    : []
}

/** The names that are set, where Git reads them from; reading them runs nothing. */
const namesIn = (cwd: string, env: Readonly<Record<string, string>>): Promise<ReadonlyArray<string>> =>
  new Promise((resolve) => {
    execFile(
      "git",
      ["config", "--includes", "--name-only", "--null", "--list"],
      { cwd, env, encoding: "utf8", timeout: 5_000, maxBuffer: 1_000_000 },
      (error, stdout) => resolve(error === null ? [...new Set(stdout.split("\0").filter((name) => name !== ""))] : [])
    )
  })
