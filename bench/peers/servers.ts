/** Servers that some contenders need, on 127.0.0.1, with their data in a temporary folder. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { sleep } from "./contender.ts"

export interface Server {
  /** What the contender is told, for data of its own that no one has used. */
  readonly fresh: () => Promise<string>
  readonly stop: () => Promise<void>
}

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))
      )
    })
  })

const end = (process: ChildProcess, signal: NodeJS.Signals) =>
  new Promise<void>((resolve) => {
    if (process.exitCode !== null || process.signalCode !== null) return resolve()
    process.once("exit", () => resolve())
    process.kill(signal)
  })

const untilReady = async (what: string, process: ChildProcess, ready: () => boolean | Promise<boolean>) => {
  for (let tries = 0; tries < 600; tries++) {
    if (process.exitCode !== null) throw new Error(`${what} ended with ${process.exitCode} while it started`)
    if (await ready()) return
    await sleep(50)
  }
  throw new Error(`${what} did not start within 30 seconds`)
}

/** The newest PostgreSQL in PATH or where Debian puts it. */
const postgresFolder = (): string => {
  const debian = "/usr/lib/postgresql"
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env.PATH ?? "").split(delimiter)
  ]
  const found = folders.find((folder) =>
    ["initdb", "postgres", "psql"].every((program) => existsSync(join(folder, program)))
  )
  if (found === undefined) {
    throw new Error(
      `initdb, postgres and psql are in no folder of PATH nor in ${debian}/*/bin; on Debian: apt-get install postgresql`
    )
  }
  return found
}

const psql = (url: string, sql: string) =>
  execFileSync(join(postgresFolder(), "psql"), ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", sql], {
    encoding: "utf8",
    stdio: "pipe"
  })

/** Bytes of all tables and indexes of a database. */
export const databaseBytes = (url: string): number =>
  Number(psql(
    url,
    `SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')`
  ))

const postgres = async (): Promise<Server> => {
  const programs = postgresFolder()
  const folder = mkdtempSync(join(tmpdir(), "fermata-peers-postgres-"))
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }))
  // PostgreSQL refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: id("-u"), gid: id("-g") } : {}
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
  execFileSync(join(programs, "initdb"), [
    "-D",
    folder,
    "-U",
    "bench",
    "-A",
    "trust",
    "-E",
    "UTF8",
    "--locale=C",
    "--no-sync"
  ], {
    ...user,
    cwd: folder,
    stdio: "pipe"
  })
  const port = await freePort()
  const process_ = spawn(join(programs, "postgres"), ["-D", folder, "-h", "127.0.0.1", "-p", `${port}`, "-k", folder], {
    ...user,
    cwd: folder,
    stdio: "ignore"
  })
  const url = (database: string) => `postgresql://bench@127.0.0.1:${port}/${database}`
  const stop = async () => {
    await end(process_, "SIGINT")
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await untilReady("PostgreSQL", process_, () => {
      try {
        return psql(url("postgres"), "SELECT 1").trim() === "1"
      } catch {
        return false
      }
    })
  } catch (error) {
    await stop()
    throw error
  }
  let number = 0
  return {
    fresh: async () => {
      if (number > 0) psql(url("postgres"), `DROP DATABASE peers_${number} WITH (FORCE)`)
      psql(url("postgres"), `CREATE DATABASE peers_${++number}`)
      return url(`peers_${number}`)
    },
    stop
  }
}

export interface RestateAddress {
  readonly folder: string
  readonly admin: string
  readonly ingress: string
  readonly endpointPort: number
}

/** Restate's server is a binary in an npm package, one for each kind of machine. */
const restate = async (): Promise<Server> => {
  const platform = `@restatedev/restate-server-${process.platform}-${process.arch}`
  const binary = createRequire(import.meta.url).resolve(`${platform}/bin/restate-server`)
  let running: { readonly process: ChildProcess; readonly folder: string } | undefined
  const stop = async () => {
    if (running === undefined) return
    await end(running.process, "SIGKILL")
    rmSync(running.folder, { recursive: true, force: true })
    running = undefined
  }
  return {
    fresh: async () => {
      await stop()
      const folder = mkdtempSync(join(tmpdir(), "fermata-peers-restate-"))
      const [ingressPort, adminPort, nodePort, endpointPort] = [
        await freePort(),
        await freePort(),
        await freePort(),
        await freePort()
      ]
      const server = spawn(binary, [
        "--base-dir",
        folder,
        "--no-logo",
        "--listen-mode",
        "tcp",
        "--bind-ip",
        "127.0.0.1",
        "--node-name",
        "bench"
      ], {
        stdio: "ignore",
        env: {
          ...process.env,
          RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingressPort}`,
          RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${adminPort}`,
          RESTATE_BIND_ADDRESS: `127.0.0.1:${nodePort}`,
          RESTATE_CLUSTER_NAME: `bench-${nodePort}`,
          RESTATE_DISABLE_TELEMETRY: "true",
          RUST_LOG: "warn"
        }
      })
      running = { process: server, folder }
      const address: RestateAddress = {
        folder,
        admin: `http://127.0.0.1:${adminPort}`,
        ingress: `http://127.0.0.1:${ingressPort}`,
        endpointPort
      }
      const answers = async (url: string) => (await fetch(url).catch(() => undefined))?.ok === true
      await untilReady(
        "Restate",
        server,
        async () => await answers(`${address.admin}/health`) && await answers(`${address.ingress}/restate/health`)
      )
      return JSON.stringify(address)
    },
    stop
  }
}

export const servers: Readonly<Record<string, () => Promise<Server>>> = { postgres, restate }
