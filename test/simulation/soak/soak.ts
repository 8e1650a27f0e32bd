/**
 * A load on one database by several processes, some of which are killed at random:
 * `npm run soak -- [--hours N | --minutes N] [--seed S] [--load L] [--kill-every SECONDS] [--out FOLDER] [--fault NAME]`.
 *
 * Prints a report, and leaves it in the folder as `report.md`, `report.json` and
 * `plot.svg`. Exits with 1 where something that was acknowledged is not so, where
 * a process ended by itself or, from an hour on, where memory, handles or latency rise.
 */
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { BadUsage, type Ended, ended, exit, optionsOf, progress, whole } from "../Command.ts"
import { audit, type Audited } from "./audit/Audit.ts"
import { Schedules } from "./audit/Schedules.ts"
import { chance } from "./Chance.ts"
import { Commits } from "./check/Streams.ts"
import { type Api, api, insist } from "./clients/Api.ts"
import { follow } from "./clients/Follow.ts"
import { left, now, pause, type Setting } from "./Setting.ts"
import { Cast, type Role } from "./stage/Cast.ts"
import { type Files, look } from "./stage/Measures.ts"
import { event as hookEvent, Receiver, secret } from "./stage/Receiver.ts"
import { decisiveMinutes, report } from "./stage/Report.ts"

/** How a soak is called. */
export const usage =
  "npm run soak -- [--hours N | --minutes N] [--seed S] [--load L] [--kill-every SECONDS] [--out FOLDER] [--fault NAME]"

/** Runs a soak to its end. `--minutes 2` where nothing is said. */
export const soak = (args: ReadonlyArray<string>): Promise<Ended> =>
  ended(usage, async () => {
    const options = optionsOf(args, ["hours", "minutes", "seed", "load", "kill-every", "out", "fault"])
    if (options.hours !== undefined && options.minutes !== undefined) {
      throw new BadUsage("--hours and --minutes exclude each other")
    }
    const minutes = options.hours === undefined
      ? positive("minutes", options.minutes ?? "2")
      : positive("hours", options.hours) * 60
    const seed = whole("seed", options.seed ?? String(1 + Math.floor(Math.random() * 1e9)))
    const load = positive("load", options.load ?? "1")
    const killEverySeconds = positive("kill-every", options["kill-every"] ?? "10")
    const folder = folderFor(options.out)
    const again = `npm run soak -- --minutes ${minutes} --seed ${seed} --load ${load} --kill-every ${killEverySeconds}`
    return run({ minutes, seed, load, killEveryMs: killEverySeconds * 1000, folder, again, fault: options.fault })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How long the scenes of a round take. */
const roundMs = 20_000

/** How long runs that have ended are kept: for longer than an audit may be behind, in ms. */
const keptMs = 30 * 60_000

/** When a webhook is sent again that was not taken, in ms. */
const retryMs = [0, 500, 1_000, 2_000, 5_000, 10_000, 10_000, 10_000]

/** How long a dead process owns its runs at most where nobody sees that it is dead, in ms. */
const leaseMs = 20_000

const bin = join(import.meta.dirname, "../../../packages/cli/src/bin.ts")
const config = join(import.meta.dirname, "world/fermata.config.ts")
const client = join(import.meta.dirname, "clients/Client.ts")
const probe = pathToFileURL(join(import.meta.dirname, "world/Probe.ts")).href
const faulty = pathToFileURL(join(import.meta.dirname, "world/Fault.ts")).href

/** Who asks, and what each may do. */
const callers = {
  ops: ["read", "operate"],
  ann: ["read", "approve"],
  bob: ["read", "approve"],
  cy: ["read", "approve"],
  eve: ["read", "approve"],
  /** A worker of tasks. */
  hand: ["read", "worker"]
} as const

interface Options {
  readonly minutes: number
  readonly seed: number
  readonly load: number
  readonly killEveryMs: number
  readonly folder: string
  readonly again: string
  /** What is put into every server and worker, to see that it is seen. */
  readonly fault: string | undefined
}

const run = async ({ again, fault, folder, killEveryMs, load, minutes, seed }: Options): Promise<Ended> => {
  for (const name of ["logs", "measures", "history", "ledger"]) mkdirSync(join(folder, name))
  const db = join(folder, "soak.db")
  const ports = [await freePort(), await freePort()]
  const servers = ports.map((port) => `http://127.0.0.1:${port}`)
  const receiver = new Receiver(seed)
  const hooks = await receiver.listen()
  const rounds = Math.ceil(minutes * 60_000 / roundMs)
  const lookMs = Math.min(60_000, Math.max(2_000, minutes * 60_000 / 120))
  const env: Record<string, string> = {
    SOAK_FOLDER: folder,
    SOAK_LOOK_MS: String(Math.round(lookMs)),
    FERMATA_DB: db,
    SOAK_RECEIVER: hooks,
    SOAK_HOOK: secret,
    NODE_OPTIONS: `--import=${probe} --import=${faulty}`,
    ...(fault === undefined ? {} : { SOAK_FAULT: fault })
  }
  const { stdout } = await promisify(execFile)(process.execPath, [
    bin,
    "token",
    "create",
    "root",
    ...["read", "operate", "approve", "admin"].flatMap((scope) => ["--scope", scope]),
    "--json"
  ], { env: { ...process.env, FERMATA_DB: db } })
  const root = (JSON.parse(stdout) as { readonly token: string }).token

  const command = (name: string, ends: Role["ends"], ...args: ReadonlyArray<string>): Role => ({
    name,
    ends,
    args: [bin, ...args, "--config", config, "--lease", String(leaseMs)]
  })
  const both = ["SIGKILL", "SIGKILL", "SIGKILL", "SIGTERM"] as const
  const hosts = [
    command("server", [], "serve", "--port", String(ports[0])),
    command("server-mortal", both, "serve", "--port", String(ports[1])),
    command("worker", [], "worker"),
    command("worker-mortal", both, "worker")
  ]
  const clients = ["client-one", "client-two"].map((name): Role => ({
    name,
    ends: ["SIGKILL"],
    args: [client],
    isFinite: true
  }))

  const cast = new Cast({ folder, seed, env, killEveryMs })
  const leave = () => cast.leave()
  process.once("exit", leave)
  const over = new AbortController()
  try {
    cast.start(hosts[0]!)
    const beginning = { servers: [servers[0]!], tokens: { root } }
    const tokens: Record<string, string> = { root }
    const asRoot = api(beginning, chance(seed, "tokens"))
    if (await insist(asRoot, { path: "/heartbeat", as: "root" }, 60_000) === undefined) {
      throw new Error(`the server does not answer: ${cast.problems.join()}`)
    }
    for (const [name, scopes] of Object.entries(callers)) {
      const { body } = await asRoot({ method: "POST", path: "/tokens", as: "root", body: { name, scopes } })
      tokens[name] = body["token"] as string
    }
    for (const host of hosts.slice(1)) cast.start(host)
    const other = api({ servers: [servers[1]!], tokens }, chance(seed, "tokens"))
    if (await insist(other, { path: "/heartbeat" }, 60_000) === undefined) {
      throw new Error(`a server does not answer: ${cast.problems.join()}`)
    }

    const setting: Setting = {
      seed,
      folder,
      servers,
      tokens,
      startedAt: now() + 2e9,
      roundMs,
      rounds,
      load
    }
    const beganAt = Date.now() + 2_000
    cast.startedAt = setting.startedAt
    env["SOAK"] = JSON.stringify(setting)
    const commits = new Commits()
    const listening = follow({
      setting,
      chance: chance(seed, "listener"),
      path: "/stream",
      // A place that no store has: the first word is where to begin.
      after: "0",
      stop: over.signal,
      heard: ({ data, event }) => {
        if (event === "message") {
          const { entries, position, run } = data as unknown as Commit
          commits.tell(run.id, position, entries)
        } else if (event === "refused") commits.problems.push("the stream of all runs was refused")
        return event !== "refused"
      }
    })
    await told(asRoot, { url: `${hooks}/`, events: [hookEvent], secret: { secret: "SOAK_HOOK" }, retryMs })
    const schedules = new Schedules()
    await schedules.put(api(setting, chance(seed, "schedules")))
    await insist(asRoot, { method: "PUT", path: "/retention/rules", as: "root", body: { maxAgeMs: keptMs } }, 30_000)
    for (const role of clients) cast.start(role)

    const files: Array<Files> = []
    const looking = setInterval(() => files.push(look(db)), lookMs)
    const killingOver = new AbortController()
    const killing = cast.killing([...hosts, ...clients], killingOver.signal)
    const audited: Array<Audited> = []
    for (let round = 0; round < rounds; round++) {
      await pause(left(setting, round))
      if (round === rounds - 1) killingOver.abort()
      progress(`round ${round + 1} of ${rounds}, ${cast.ended.length} ended, ${problemsOf(audited).length} problems`)
      audited.push(await audit({ setting, db, cast, commits, schedules, receiver, patienceMs: 4 * leaseMs }, round))
    }
    await killing
    clearInterval(looking)
    files.push(look(db))
    over.abort()
    await listening
    const problems = [...cast.problems, ...commits.problems, ...receiver.problems, ...problemsOf(audited)]
    await cast.close()

    const { json, page, plot, rising } = report({
      seed,
      load,
      minutes,
      roundMs,
      folder,
      again,
      beganAt,
      rounds: audited,
      files,
      ended: cast.ended,
      steady: { server: "server-1", worker: "worker-1" },
      problems
    })
    writeFileSync(join(folder, "report.md"), page)
    writeFileSync(join(folder, "report.json"), `${JSON.stringify(json, null, 2)}\n`)
    writeFileSync(join(folder, "plot.svg"), plot)
    const isFaulty = problems.length > 0 || (minutes >= decisiveMinutes && rising.length > 0)
    if (!isFaulty) {
      for (const name of readdirSync(folder)) {
        if (!/^(report|plot)\b/.test(name)) rmSync(join(folder, name), { recursive: true })
      }
    }
    return {
      status: isFaulty ? 1 : 0,
      stdout: `${page}\n${isFaulty ? "Everything" : "The report"} is in ${folder}\n`,
      stderr: ""
    }
  } finally {
    over.abort()
    receiver.close()
    await cast.close()
    process.off("exit", leave)
  }
}

/** What the stream of all runs tells of a commit. */
interface Commit {
  readonly position: string
  readonly run: { readonly id: string }
  readonly entries?: readonly [number, number]
}

/** Has somebody told of events. */
const told = async (ask: Api, endpoint: object): Promise<void> => {
  const replied = await insist(ask, { method: "PUT", path: "/webhooks/soak", as: "root", body: endpoint }, 30_000)
  if (replied?.problem !== undefined || replied === undefined) {
    throw new Error(`the endpoint is answered ${JSON.stringify(replied?.body)}`)
  }
}

const problemsOf = (rounds: ReadonlyArray<Audited>): ReadonlyArray<string> =>
  rounds.flatMap(({ problems, round }) => problems.map((problem) => `round ${round}: ${problem}`))

const positive = (name: string, text: string): number => {
  if (/^\d{1,6}(\.\d{1,4})?$/.test(text) && Number(text) > 0) return Number(text)
  throw new BadUsage(`--${name} is "${text}"; it must be a number above 0`)
}

/** An empty folder. */
const folderFor = (out: string | undefined): string => {
  if (out === undefined) return mkdtempSync(join(tmpdir(), "fermata-soak-"))
  const folder = resolve(out)
  mkdirSync(folder, { recursive: true })
  if (readdirSync(folder).length > 0) throw new BadUsage(`--out: ${folder} is not empty; name a folder that is new`)
  return folder
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number }
      server.close(() => resolve(port))
    })
  })

if (import.meta.main) exit(await soak(process.argv.slice(2)))
