import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { rolldown } from "rolldown"
import type { Case } from "./cases.ts"
import { figure } from "./measure.ts"

const root = join(import.meta.dirname, "..")

/** Unpacks the packages as they are published into a folder, whose path this returns; what they depend on is that of this repository. */
export const install = (folder: string): string => {
  const installed = join(folder, "installed")
  if (existsSync(installed)) return installed
  const run = (program: string, ...args: ReadonlyArray<string>) => {
    const { status, stderr } = spawnSync(program, args, { cwd: root, encoding: "utf8" })
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`)
  }
  const tarballs = join(folder, "tarballs")
  run(process.execPath, "scripts/pack.ts", "--out", tarballs)
  const modules = join(installed, "node_modules")
  for (const name of readdirSync(tarballs)) {
    const target = join(modules, "@fermata", name.replace(/^fermata-(.*)-\d+\.\d+\.\d+\.tgz$/, "$1"))
    mkdirSync(target, { recursive: true })
    run("tar", "-xzf", join(tarballs, name), "-C", target, "--strip-components=1")
    const { dependencies } = JSON.parse(readFileSync(join(target, "package.json"), "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>
    }
    for (const dependency of Object.keys(dependencies)) {
      if (dependency.startsWith("@fermata/")) continue
      const link = join(modules, dependency)
      mkdirSync(dirname(link), { recursive: true })
      try {
        symlinkSync(join(root, "node_modules", dependency), link)
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause
      }
    }
  }
  return installed
}

/** Compiles a program of this folder into one file beside installed packages, as a user's would be. */
export const compile = async (program: string, installed: string): Promise<string> => {
  const build = await rolldown({ input: join(import.meta.dirname, program), platform: "node", external: /^[^./]/ })
  const file = join(installed, program.replace(/\.ts$/, ".mjs"))
  await build.write({ file, format: "esm" })
  return file
}

const tellTime = `data:text/javascript,${
  encodeURIComponent(
    `import { writeSync } from "node:fs"; process.on("exit", () => { const { user, system } = process.cpuUsage(); writeSync(3, String(user + system)) })`
  )
}`

/** User and system time of a process, in ms. */
const processorTime = (cwd: string, ...args: ReadonlyArray<string>): number => {
  const { output, status } = spawnSync(process.execPath, ["--import", tellTime, ...args], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, FERMATA_DB: join(cwd, "command.db") },
    stdio: ["ignore", "ignore", "ignore", "pipe"]
  })
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${status}`)
  return Number(output[3]) / 1_000
}

/** What a command costs before it does anything: processor time of the published package, beside that of a bare Node. */
export const command: Case = async ({ folder, rounds }) => {
  const bin = join(install(folder), "node_modules", "@fermata", "cli", "dist", "bin.js")
  const budgetMs = 250
  const greet = join(root, "test", "packed", "greet.json")
  for (const name of ["Ada", "Bob", "Cy"]) processorTime(folder, bin, "run", greet, "--input", JSON.stringify({ name }))
  return [["--help"], ["runs", "ls"]].map((args) => {
    // The first start fills the cache of compiled modules.
    const times = Array.from({ length: rounds + 1 }, () => ({
      ms: processorTime(folder, bin, ...args),
      node: processorTime(folder, "-e", "0")
    })).slice(1)
    const best = (of: "ms" | "node") => Math.min(...times.map((time) => time[of]))
    return figure(
      `processor time of fermata ${args.join(" ")}`,
      "0.25 s",
      "of 0.25 s",
      times.map(({ ms }) => ms / budgetMs),
      { kind: "at most", value: 1 },
      {
        ms: best("ms"),
        "node -e 0 ms": best("node")
      }
    )
  })
}
