/** The programs of the machine that keep commands apart and within limits, looked for once. */
import { execFile } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { join } from "node:path"
import type { Limits } from "./Limits.ts"

/** What there is, or what is missing. */
export type Found =
  | { readonly bubblewrap: string; readonly prlimit: string }
  | { readonly problem: string; readonly prlimit: string | undefined }

/** Looks for them in the folders of a `PATH`, and whether they do what they are for. */
export const find = async (path: string): Promise<Found> => {
  const prlimit = programOf("prlimit", path)
  const missing = (problem: string): Found => ({ problem, prlimit })
  if (process.platform !== "linux") return missing(`bubblewrap needs Linux, and this is ${process.platform}`)
  const bubblewrap = programOf("bwrap", path)
  if (bubblewrap === undefined) {
    return missing(
      "there is no bubblewrap (bwrap) on it. Install the package bubblewrap, such as by apt-get install bubblewrap, dnf install bubblewrap or apk add bubblewrap"
    )
  }
  if (prlimit === undefined) return missing("there is no prlimit on it. Install the package util-linux")
  const version = /(\d+)\.(\d+)/.exec((await outputOf(bubblewrap, ["--version"])).text)
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)]
  if (major === 0 && minor < oldest) {
    return missing(`${bubblewrap} is version ${version?.[0] ?? "?"}, and 0.${oldest} is the least`)
  }
  const trial = await outputOf(bubblewrap, ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", prlimit])
  return trial.isGood
    ? { bubblewrap, prlimit }
    : missing(
      `${bubblewrap} does not work: ${trial.text.trim()}. Such as Ubuntu since 24.04 does not let users have namespaces of their own unless a profile of AppArmor for bwrap says so`
    )
}

/** The words of a command that keeps each of its processes within limits. Those of all of them together are watched. */
export const limited = (
  prlimit: string | undefined,
  { cpuSeconds, fileSize, memory, processes }: Limits,
  command: ReadonlyArray<string>
): ReadonlyArray<string> =>
  prlimit === undefined ? command : [
    prlimit,
    "--core=0",
    // Of memory that is written to: V8 reserves far more than it ever uses.
    `--data=${memory}`,
    `--fsize=${fileSize}`,
    `--cpu=${cpuSeconds}`,
    // The kernel counts threads, and does not count those of root.
    `--nproc=${processes * 16}`,
    "--",
    ...command
  ]

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The minor version that has `--json-status-fd` and `--size`. */
const oldest = 5

const programOf = (name: string, path: string): string | undefined =>
  path.split(":").filter((folder) => folder.startsWith("/")).map((folder) => join(folder, name)).find((program) => {
    try {
      accessSync(program, constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const outputOf = (
  program: string,
  args: ReadonlyArray<string>
): Promise<{ readonly isGood: boolean; readonly text: string }> =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: 10_000, env: {} }, (error, stdout, stderr) =>
      resolve({ isGood: error === null, text: `${stdout}${stderr}` }))
  })
