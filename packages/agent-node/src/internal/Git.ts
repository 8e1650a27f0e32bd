/**
 * Programs that the configuration of a repository names, kept from running where
 * a command only means to look: `git status` would start a monitor of files, a
 * filter of a file, a hook or a pager that whoever made the repository wrote down.
 * Git takes values from its environment before those of any file.
 */
import { execFile } from "node:child_process"

/**
 * Variables for the commands in a workspace with these repositories, each named by
 * its folder. Rejects where it cannot be known what one of them names.
 */
export const environmentOf = async (
  repositories: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>>
): Promise<Readonly<Record<string, string>>> => {
  const named = new Set<string>()
  for (const repository of repositories) {
    // oxlint-disable-next-line no-await-in-loop -- One process at a time.
    for (const name of await namesIn(repository, environment)) named.add(name)
  }
  const values = [...always, ...[...named].flatMap(insteadOf)]
  return {
    GIT_PAGER: "cat",
    // What is refreshed on the way has a hook of its own.
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    // An object that is missing would be asked for where the repository says, by the program that it says.
    GIT_NO_LAZY_FETCH: "1",
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
  ["core.pager", "cat"],
  // A folder among the files that looks like the inside of a repository is none, and so has no configuration.
  ["safe.bareRepository", "explicit"],
  ["protocol.ext.allow", "never"]
]

/** A driver or a helper that is empty is none; a program that must be one fails, so that it is told what was not run. */
const instead: ReadonlyArray<readonly [names: RegExp, value: string]> = [
  [/^filter\..*\.(clean|smudge|process)$|^credential\.(.*\.)?helper$|^core\.askpass$/s, ""],
  [/^diff\..*\.textconv$/s, "cat"],
  [/^core\.sshcommand$/, "ssh"],
  [/^core\.gitproxy$/, "none"],
  [/^remote\..*\.uploadpack$/s, "git-upload-pack"],
  [/^remote\..*\.receivepack$/s, "git-receive-pack"],
  [
    /^(filter\..*\.required|diff\.external|diff\..*\.command|gpg\.(.*\.)?program|pager\..*|core\.(alternaterefscommand|editor)|sequence\.editor)$/s,
    "false"
  ]
]

const insteadOf = (name: string): ReadonlyArray<readonly [string, string]> => {
  const found = instead.find(([names]) => names.test(name))
  return found === undefined ? [] : [[name, found[1]]]
}

/**
 * The names that are set, where Git reads them from; reading them runs nothing.
 * What Git itself cannot read names nothing; what is not read to its end may.
 */
const namesIn = (cwd: string, env: Readonly<Record<string, string>>): Promise<ReadonlyArray<string>> =>
  new Promise((resolve, reject) => {
    execFile(
      "git",
      ["config", "--includes", "--name-only", "--null", "--list"],
      { cwd, env, encoding: "utf8", timeout: 5_000, maxBuffer: 1_000_000 },
      (error, stdout) => {
        if (error === null) return resolve(stdout.split("\0").filter((name) => name !== ""))
        const isCut = error.killed === true || error.code === ("ERR_CHILD_PROCESS_STDIO_MAXBUFFER" as never)
        return isCut
          ? reject(new Error(`what the repository at ${cwd} configures takes too long to be read`))
          : resolve([])
      }
    )
  })
