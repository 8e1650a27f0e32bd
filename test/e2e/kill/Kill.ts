/**
 * Kills the command at random moments of runs, lets a worker finish them, and
 * counts body runs by lines in a file that the database knows nothing of.
 */
import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import { Lines } from "../support/Lines.ts"

export interface Settings {
  /** The command, ready to be given arguments. */
  readonly command: ReadonlyArray<string>
  readonly config: string
  /** An empty folder for the database and the lines. */
  readonly folder: string
  readonly kills: number
  readonly steps: number
  readonly leaseMs: number
}

export interface Tally {
  readonly statuses: Readonly<Record<string, string>>
  /** Runs that the kill found in the middle: some but not all bodies had run. */
  readonly interrupted: number
  /** Steps whose body never ran, by run. */
  readonly missing: Readonly<Record<string, number>>
  /** Steps whose body ran more than once, by run, with how often. */
  readonly repeated: Readonly<Record<string, ReadonlyArray<number>>>
  /** What the worker said. */
  readonly worker: string
}

export const kill = async ({ command, config, folder, kills, leaseMs, steps }: Settings): Promise<Tally> => {
  const lines = new Lines(join(folder, "lines.txt"))
  const common = ["--config", config, "--db", join(folder, "fermata.db"), "--lease", String(leaseMs)]
  const env = { ...process.env, KILL_LINES: lines.file }
  const [program, ...before] = command
  let interrupted = 0
  for (let round = 0; round < kills; round++) {
    const id = `run-${round}`
    const child = spawn(program!, [...before, "run", "count", "--input", JSON.stringify({ id, steps }), ...common], {
      env,
      stdio: "ignore"
    })
    const ended = new Promise((resolve) => child.once("exit", resolve))
    const counts = (line: string) => line.startsWith(`${id} `)
    // Killed once a random number of bodies have run: the moment is as random as the machine.
    const after = 1 + Math.floor(Math.random() * (steps - 2))
    await lines.reach(after, { counts, instead: ended })
    child.kill("SIGKILL")
    await ended
    if (lines.all.filter(counts).length < steps) interrupted++
  }
  const run = (...args: ReadonlyArray<string>) => {
    const { status, stderr, stdout } = spawnSync(program!, [...before, ...args, ...common], {
      env,
      encoding: "utf8",
      input: ""
    })
    if (status !== 0) throw new Error(`fermata ${args.join(" ")} ended with ${status}\n${stdout}${stderr}`)
    return { stdout, stderr }
  }
  const worker = run("worker", "--until-idle")
  const statuses: Record<string, string> = {}
  for (const line of run("runs", "ls", "--limit", "1000", "--json").stdout.trim().split("\n")) {
    const row = JSON.parse(line) as { readonly runId: string; readonly status: string }
    statuses[row.runId] = row.status
  }
  const counts = new Map<string, Map<number, number>>()
  for (const line of lines.all) {
    const [id, index] = line.split(" ") as [string, string]
    const steps = counts.get(id) ?? new Map<number, number>()
    counts.set(id, steps.set(Number(index), (steps.get(Number(index)) ?? 0) + 1))
  }
  const missing: Record<string, number> = {}
  const repeated: Record<string, ReadonlyArray<number>> = {}
  for (let round = 0; round < kills; round++) {
    const bodies = counts.get(`run-${round}`) ?? new Map<number, number>()
    missing[`run-${round}`] = steps - bodies.size
    repeated[`run-${round}`] = [...bodies.values()].filter((count) => count > 1)
  }
  return { statuses, interrupted, missing, repeated, worker: worker.stdout + worker.stderr }
}

/** What is wrong with a tally; nothing when every promise held. */
export const problems = (tally: Tally, kills: number): ReadonlyArray<string> => {
  const found: Array<string> = []
  const ends = Object.values(tally.statuses)
  if (ends.length !== kills) found.push(`${ends.length} runs are on record, not ${kills}`)
  if (ends.some((status) => status !== "completed")) found.push(`not every run is completed: ${ends.join(", ")}`)
  if (tally.interrupted < kills / 2) found.push(`only ${tally.interrupted} kills came in the middle of a run`)
  for (const [run, count] of Object.entries(tally.missing)) {
    if (count > 0) found.push(`${run}: ${count} bodies never ran`)
  }
  for (const [run, counts] of Object.entries(tally.repeated)) {
    if (counts.length > 1 || counts.some((count) => count > 2)) {
      found.push(`${run}: bodies ran again that were not in flight: ${counts.join(", ")}`)
    }
  }
  return found
}
