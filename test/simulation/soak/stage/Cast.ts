/** The processes of a soak: started, ended at random, started again. Each life of one has a name of its own. */
import { type ChildProcess, spawn } from "node:child_process"
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { chance } from "../Chance.ts"
import { now, pause } from "../Setting.ts"

/** A part that one process after the other plays. */
export interface Role {
  readonly name: string
  readonly args: ReadonlyArray<string>
  /** How it may be ended at any moment; nothing for what lives as long as the soak. */
  readonly ends: ReadonlyArray<"SIGKILL" | "SIGTERM">
  /** Whether it ends by itself when its work is done. */
  readonly isFinite?: boolean
}

/** That a life was ended, and when: ms since the soak began, and ns of the monotonic clock. */
export interface Ended {
  readonly life: string
  readonly how: "SIGKILL" | "SIGTERM"
  readonly atMs: number
  readonly at: number
}

export interface CastOptions {
  readonly folder: string
  readonly seed: number
  readonly env: Readonly<Record<string, string>>
  readonly killEveryMs: number
}

/** The processes, and what became of them. */
export class Cast {
  readonly ended: Array<Ended> = []
  /** Processes that ended and were not told to. */
  readonly problems: Array<string> = []
  /** When the soak began, in ns of the monotonic clock. */
  startedAt = now()
  private readonly options: CastOptions
  private readonly playing = new Map<string, { readonly life: string; readonly process: ChildProcess }>()
  private readonly gone = new Set<string>()
  private readonly lives = new Map<string, number>()
  private closing = false

  constructor(options: CastOptions) {
    this.options = options
  }

  /** Starts the next life of a role. */
  start({ args, isFinite = false, name }: Role): void {
    if (this.closing) return
    const { env, folder } = this.options
    const count = (this.lives.get(name) ?? 0) + 1
    this.lives.set(name, count)
    const life = `${name}-${count}`
    const log = join(folder, "logs", `${life}.log`)
    const child = spawn(process.execPath, [...args], {
      env: { ...process.env, ...env, SOAK_LIFE: life, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"]
    })
    this.playing.set(name, { life, process: child })
    let logged = 0
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data: Buffer) => {
        appendFileSync(log, data)
        logged += data.length
        if (logged < mostLogged) return
        logged = 0
        renameSync(log, `${log}.before`)
      })
    }
    child.once("close", (code, signal) => {
      this.gone.add(life)
      if (this.playing.get(name)?.life === life) this.playing.delete(name)
      const told = this.ended.some((end) => end.life === life)
      if (!told && !this.closing && !(isFinite && code === 0)) {
        this.problems.push(`${life} ended by itself with ${signal ?? code}:\n${existsSync(log) ? tail(log) : ""}`)
      } else {
        rmSync(log, { force: true })
        // What it took is of no use: it did not live long enough for a slope.
        if (told) rmSync(join(folder, "measures", `${life}.ndjson`), { force: true })
      }
    })
  }

  /** Ends a role's life, and waits until it is gone. */
  async end(name: string, how: "SIGKILL" | "SIGTERM"): Promise<void> {
    const playing = this.playing.get(name)
    if (playing === undefined) return
    const at = now()
    const atMs = Math.round((at - this.startedAt) / 1e6)
    this.ended.push({ life: playing.life, how, at, atMs })
    appendFileSync(join(this.options.folder, "kills.ndjson"), `${JSON.stringify({ atMs, life: playing.life, how })}\n`)
    playing.process.kill(how)
    const patience = Date.now() + 20_000
    while (!this.gone.has(playing.life)) {
      if (Date.now() > patience) {
        if (how === "SIGTERM") this.problems.push(`${playing.life} did not end within 20 s of being told to`)
        playing.process.kill("SIGKILL")
        break
      }
      await pause(20)
    }
  }

  /** Ends one of these after the other at random moments, and starts it again a moment later, until it is over. */
  async killing(roles: ReadonlyArray<Role>, over: AbortSignal): Promise<void> {
    const luck = chance(this.options.seed, "kills")
    const mortal = roles.filter(({ ends }) => ends.length > 0)
    while (!over.aborted) {
      await pause(luck.between(this.options.killEveryMs))
      if (over.aborted) break
      const role = luck.of(mortal)
      await this.end(role.name, luck.of(role.ends))
      await pause(luck.between(500))
      this.start(role)
    }
  }

  /** Whether a life is over, however it ended. */
  readonly isGone = (life: string): boolean => this.gone.has(life)

  /** Whether a life was ended by somebody here. */
  readonly wasEnded = (life: string): boolean => this.ended.some((end) => end.life === life)

  /** Ends everybody at once, and waits for nothing. */
  leave(): void {
    this.closing = true
    for (const { process } of this.playing.values()) process.kill("SIGKILL")
  }

  /** Ends everybody, and waits until they are gone. */
  async close(): Promise<void> {
    const lives = Array.from(this.playing.values(), ({ life }) => life)
    this.leave()
    while (!lives.every((life) => this.gone.has(life))) await pause(20)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Bytes of the log of a life; what comes before the last so many is dropped. */
const mostLogged = 5_000_000

const tail = (file: string): string => readFileSync(file, "utf8").slice(-2_000)
