/** What the fences start: commands, and one run of the compiler for all of them. */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { constants } from "node:os"
import { join, relative } from "node:path"
import { root } from "./Fences.ts"
import type { Workplace } from "./Workplace.ts"

export interface Outcome {
  /** Exit code, or 128 and the number of the signal that ended it. */
  readonly code: number
  /** stdout and stderr as they came. */
  readonly output: string
}

/** Runs a command of the workplace to its end. */
export const run = (
  { env }: Workplace,
  command: string,
  args: ReadonlyArray<string>,
  cwd: string
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (output += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (output += text))
    child.on("error", reject)
    child.on("close", (code, signal) => resolve({ code: code ?? 128 + constants.signals[signal!], output }))
  })

/** The diagnostics of all files, in one run of the compiler, by file name. */
export const diagnose = async (
  workplace: Workplace,
  files: ReadonlyArray<string>
): Promise<ReadonlyMap<string, string>> => {
  const config = join(workplace.folder, "tsconfig.json")
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, "test", "tsconfig.json"),
      compilerOptions: { rootDir: root, incremental: false, tsBuildInfoFile: null },
      include: [],
      references: [],
      files
    })
  )
  const compiler = join(root, "node_modules/typescript/bin/tsc")
  const { output } = await run(workplace, process.execPath, [compiler, "-p", config, "--pretty", "false"], root)
  const found = new Map<string, string>(files.map((file) => [file, ""]))
  let current: string | undefined
  for (const line of output.split("\n")) {
    const head = /^(\S.*?)\((\d+),\d+\): error /.exec(line)
    if (head !== null) current = files.find((file) => relative(root, file) === head[1])
    if (current !== undefined && line !== "") {
      found.set(current, `${found.get(current)}${line.replace(relative(root, current), "line ")}\n`)
    }
  }
  if (!/\berror TS/.test(output) && output.trim() !== "") throw new Error(`the compiler did not work:\n${output}`)
  return found
}
