/**
 * The same workloads on Fermata and on its peers: `npm run bench:peers
 * [-- --json] [-- --rounds 3] [-- --minutes 10] [-- --scale 1] [-- --only NAME]
 * [-- --workload W2]`.
 *
 * Every measurement is a process of its own, and each round asks all contenders
 * for one workload after the other, so that what else the machine does falls on
 * all of them alike. A round that would end after `--minutes` is not begun,
 * except for the first. With all contenders and workloads, it writes RESULTS.md.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { wallClock } from "./contender.ts"
import { contenders, type Entry, floorOf } from "./contenders.ts"
import { markdown, type Reading } from "./report.ts"
import { type Server, servers } from "./servers.ts"
import { longOf, type Readings, sizes } from "./workloads.ts"

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    minutes: { type: "string", default: "10" },
    scale: { type: "string", default: "1" },
    only: { type: "string", multiple: true },
    workload: { type: "string", multiple: true }
  }
})
const here = import.meta.dirname
const say = (line: string) => process.stderr.write(`${line}\n`)
const refuse = (message: string): never => {
  say(message)
  process.exit(2)
}
const known = (what: string, wanted: ReadonlyArray<string> | undefined, all: ReadonlyArray<string>) => {
  const wrong = wanted?.find((name) => !all.includes(name))
  if (wrong !== undefined) refuse(`--${what} ${wrong}: there is ${all.join(", ")}`)
  return all.filter((name) => wanted === undefined || wanted.includes(name))
}
const workloads = known("workload", values.workload, ["W1", "W2", "W3", "W4", "W5", "W6"])
const names = known("only", values.only, contenders.map(({ name }) => name))
const rounds = Number(values.rounds)
if (!Number.isInteger(rounds) || rounds < 1) refuse(`--rounds ${values.rounds}: a whole number from 1 on is wanted`)
const minutes = Number(values.minutes)
if (!(minutes > 0)) refuse(`--minutes ${values.minutes}: a number above 0 is wanted`)
const scale = Number(values.scale)
if (!(scale >= 0.1 && scale <= 10)) refuse(`--scale ${values.scale}: a number from 0.1 to 10 is wanted`)
process.env.PEERS_SCALE = values.scale
/** What was asked for, and the floors that it is held against. */
const wanted = contenders.filter(({ name }) =>
  names.includes(name) || contenders.some((other) => names.includes(other.name) && floorOf[other.durability] === name)
)

const install = () => {
  const [installed, lock] = [join(here, "node_modules/.package-lock.json"), join(here, "package-lock.json")]
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  say("installing the peers …")
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: here, stdio: ["ignore", 2, 2] })
  if (status !== 0) say("npm ci in bench/peers has failed: contenders that need it are left out")
}

type Result = { readonly readings: Readings } | { readonly error: string; readonly signal?: NodeJS.Signals | null }
const limitMs = 120_000

const start = (entry: Entry, workload: string, folder: string, server: string, env: NodeJS.ProcessEnv = {}) =>
  new Promise<Result>((resolve) => {
    const child = spawn(process.execPath, [
      "--no-warnings",
      join(here, "child.ts"),
      entry.name,
      workload,
      folder,
      server
    ], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    let err = ""
    child.stdout.on("data", (data) => out = (out + data).slice(-10_000))
    child.stderr.on("data", (data) => err = (err + data).slice(-2_000))
    const timer = setTimeout(() => {
      resolve({ error: `not done within ${limitMs / 1_000} seconds` })
      child.kill("SIGKILL")
    }, limitMs)
    child.once("close", (code, signal) => {
      clearTimeout(timer)
      const last = out.trimEnd().split("\n").at(-1) ?? ""
      resolve(
        last.startsWith("{")
          ? JSON.parse(last) as Result
          : { error: `ended with ${signal ?? code}: ${err.trim().slice(-300)}`, signal }
      )
    })
  })

/** Lets the process of a long run die in its middle, and looks at what a new one does. */
const crash = async (entry: Entry, folder: string, server: string): Promise<Result> => {
  const log = `${folder}.log`
  const steps = () => readFileSync(log, "utf8").split("\n").slice(0, -1).map((line) => line.split(" ").map(Number))
  const long = longOf(entry, "W5")
  const first = await start(entry, "W5-killed", folder, server, {
    PEERS_LOG: log,
    PEERS_KILL_AT: `${Math.floor(long / 2)}`
  })
  if (!("error" in first) || first.signal !== "SIGKILL") return first
  const before = steps()
  const reached = Math.max(...before.map(([step]) => step!))
  const startedAt = wallClock()
  const second = await start(entry, "W5-again", folder, server, { PEERS_LOG: log })
  if ("error" in second) return second
  const all = steps()
  const fresh = all.slice(before.length).find(([step]) => step! > reached)
  const distinct = new Set(all.map(([step]) => step)).size
  if (distinct !== long || fresh === undefined) return { error: `${distinct} of ${long} steps ran` }
  return { readings: { recoverMs: fresh[1]! - startedAt, again: all.length - distinct } }
}

const running = new Map<string, Server | Error>()
const serverOf = async (name: string): Promise<string> => {
  if (!running.has(name)) {
    running.set(
      name,
      await servers[name]!().catch((error: unknown) => error instanceof Error ? error : new Error(String(error)))
    )
  }
  const server = running.get(name)!
  if (server instanceof Error) throw server
  return server.fresh()
}

const scratch = mkdtempSync(join(tmpdir(), "fermata-peers-"))
const measure = async (entry: Entry, workload: string): Promise<Result> => {
  if (interrupted) throw new Error("interrupted")
  const folder = mkdtempSync(join(scratch, `${entry.name}-`))
  try {
    const server = entry.server === undefined ? "" : await serverOf(entry.server)
    if (workload === "W5") return await crash(entry, folder, server)
    const startedAt = wallClock()
    const result = await start(entry, workload, folder, server)
    return workload === "W6" && "readings" in result
      ? { readings: { startMs: result.readings.doneAt! - startedAt } }
      : result
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
    rmSync(`${folder}.log`, { force: true })
  }
}

const readings: Array<Reading> = []
const leftOut: Array<{ readonly title: string; readonly reason: string }> = []
const began = new Date()
let done = 0
let interrupted = false
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted = true)
const report = () =>
  markdown({ readings, leftOut, rounds: done, began, minutes: (Date.now() - began.getTime()) / 60_000 })
try {
  install()
  const able: Array<Entry> = []
  for (const entry of wanted) {
    const probe = await measure(entry, "W6") // also warms the caches of the disk
    if ("readings" in probe) able.push(entry)
    else {
      leftOut.push({ title: entry.title, reason: probe.error.split("\n")[0]!.replaceAll(join(here, "../../"), "") })
      say(`${entry.name} is left out: ${probe.error}`)
    }
  }
  const probed = Date.now()
  for (let round = 0; round < rounds; round++) {
    const each = round === 0 ? 0 : (Date.now() - probed) / round
    if (round > 0 && Date.now() + each > began.getTime() + minutes * 60_000) {
      say(`round ${round + 1} would end after ${minutes} minutes: not begun`)
      break
    }
    for (const workload of workloads) {
      for (const entry of able) {
        if (workload === "W5" && entry.durability === "none") continue
        if (entry.only !== undefined && !entry.only.includes(workload)) continue
        const result = await measure(entry, workload)
        readings.push({ round, workload, contender: entry.name, load: loadavg()[0]!, ...result })
        say(`round ${round + 1} ${workload} ${entry.name} ${JSON.stringify(result)}`)
      }
    }
    done++
    if (values.only === undefined && values.workload === undefined) writeFileSync(join(here, "RESULTS.md"), report())
  }
} finally {
  for (const server of running.values()) if (!(server instanceof Error)) await server.stop()
  rmSync(scratch, { recursive: true, force: true })
}

process.stdout.write(
  values.json
    ? `${
      JSON.stringify(
        { node: process.version, date: began.toISOString(), rounds: done, sizes: sizes(), leftOut, readings },
        null,
        2
      )
    }\n`
    : report()
)
