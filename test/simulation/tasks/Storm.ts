/** Many tasks in many lanes, done by workers of which some are killed, and what is to be true of them after it. */
import { type Backend, type EnqueueOp } from "@fermata/engine/Backend"
import * as SqliteBackend from "@fermata/host-node/SqliteBackend"
import { Effect } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"

export interface Settings {
  readonly tasks: number
  readonly lanes: number
  readonly workers: number
  /** Tasks that a worker does at a time; 8 when absent. */
  readonly concurrency?: number
  readonly kills: number
  readonly seed: number
  /** Told how many tasks have ended. */
  readonly told?: (ended: number) => void
}

export interface Outcome {
  readonly violations: ReadonlyArray<string>
  /** Attempts that a kill has cut off. */
  readonly lost: number
  readonly killed: number
  /**
   * How far the share of a lane was from that of another at most, as a part of it,
   * while all had tasks. A lane of which a dead worker has a task counts as one that
   * is at work until the lease is over, and others go before it: `all` has those too.
   */
  readonly unfairness: { readonly untouched: number; readonly all: number }
  readonly ms: number
}

/** Lives through one storm in a folder of its own. */
export const storm = async (settings: Settings): Promise<Outcome> => {
  const folder = mkdtempSync(join(tmpdir(), "fermata-task-storm-"))
  try {
    const db = join(folder, "fermata.db")
    const log = join(folder, "log")
    await Effect.runPromise(
      Effect.scoped(Effect.flatMap(SqliteBackend.make({ file: db }), (backend) => fill(backend, settings)))
    )
    const start = performance.now()
    const dead = await work(db, log, settings)
    return { ...examine(db, log, dead, settings), ms: Math.round(performance.now() - start) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How long (ms) a task is left to a worker that says nothing. */
const leaseMs = 2_000

const fill = Effect.fnUntraced(function*(backend: Backend, { lanes, tasks }: Settings) {
  const batch = 2_000
  for (let from = 0; from < tasks; from += batch) {
    yield* backend.write(
      Array.from({ length: Math.min(batch, tasks - from) }, (_, index) => taskOf(from + index, lanes))
    )
  }
})

const taskOf = (n: number, lanes: number): EnqueueOp => ({
  op: "enqueue",
  task: {
    id: `t${n}`,
    queue: "storm",
    kind: "storm",
    source: null,
    subject: null,
    priority: 0,
    notBefore: 0,
    lane: `lane ${n % lanes}`,
    adapter: "",
    profile: null,
    dedupe: null,
    payload: "null",
    maxAttempts: null,
    waiterRun: null,
    waiterStep: null
  },
  onDuplicate: "join",
  isLimited: true,
  now: Date.now()
})

/** Has workers do them all, and kills one now and then. Gives the process ids of those that were killed. */
const work = async (
  db: string,
  log: string,
  { concurrency = 8, kills, seed, told, tasks, workers }: Settings
): Promise<ReadonlySet<number>> => {
  const dead = new Set<number>()
  const random = randomOf(seed)
  const begin = (): ChildProcess =>
    fork(join(import.meta.dirname, "worker.ts"), [db, log, String(leaseMs), String(concurrency)])
  const living = Array.from({ length: workers }, begin)
  const reader = new DatabaseSync(db, { readOnly: true, timeout: 10_000 })
  try {
    const ended = reader.prepare("SELECT count(*) AS n FROM tasks INDEXED BY tasks_ended WHERE ended_at IS NOT NULL")
    let last = -1
    let since = performance.now()
    while (true) {
      await sleep(50)
      const done = Number(ended.get()!["n"])
      told?.(done)
      if (done >= tasks) return dead
      if (done !== last) {
        last = done
        since = performance.now()
      } else if (performance.now() - since > 60_000) {
        throw new Error(`no task has ended for a minute: ${done} of ${tasks}`)
      }
      // Kills are spread over the whole of the work.
      if (dead.size < kills && done > ((dead.size + random()) * tasks) / (kills + 1)) {
        const index = Math.floor(random() * living.length)
        const victim = living[index]!
        dead.add(victim.pid!)
        victim.kill("SIGKILL")
        living[index] = begin()
      }
    }
  } finally {
    reader.close()
    for (const worker of living) worker.kill("SIGKILL")
  }
}

const examine = (
  db: string,
  log: string,
  dead: ReadonlySet<number>,
  { lanes, tasks }: Settings
): Pick<Outcome, "killed" | "lost" | "unfairness" | "violations"> => {
  const violations: Array<string> = []
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n").filter((line) => line !== "") : []
  const killed = new Set<string>()
  const begun = new Map<string, Array<string>>()
  for (const line of lines) {
    const [what, id, attempt, owner] = line.split(" ")
    if (what === "worker" && dead.has(Number(attempt))) killed.add(id!)
    if (what === "begin") begun.set(id!, [...begun.get(id!) ?? [], `${attempt} ${owner}`])
  }
  const store = new DatabaseSync(db)
  const rows = store.prepare("SELECT key, id, status, attempts FROM tasks ORDER BY key").all()
  const attempts = new Map<number, Array<Record<string, unknown>>>()
  for (
    const row of store.prepare("SELECT task, attempt, owner, outcome FROM task_attempts ORDER BY task, attempt").all()
  ) {
    const task = Number(row["task"])
    attempts.set(task, [...attempts.get(task) ?? [], row])
  }
  if (rows.length !== tasks) violations.push(`there are ${rows.length} tasks of ${tasks}`)
  let lost = 0
  const touched = new Set<number>()
  for (const row of rows) {
    const id = String(row["id"])
    const own = attempts.get(Number(row["key"])) ?? []
    if (row["status"] !== "completed") violations.push(`task ${id} is ${String(row["status"])}`)
    const settled = own.filter(({ outcome }) => outcome === "completed").length
    if (settled !== 1) violations.push(`task ${id} was settled ${settled} times`)
    for (const { attempt, outcome, owner } of own) {
      if (outcome === "completed") continue
      lost++
      touched.add(laneOf(id, lanes))
      if (outcome !== "lost" || !killed.has(String(owner))) {
        violations.push(
          `attempt ${String(attempt)} of task ${id} by ${String(owner)} is ${String(outcome)}, and nobody killed it`
        )
      }
    }
    // A body that ran again was cut off by a kill: whoever had it before the last is dead.
    const bodies = begun.get(id) ?? []
    for (const body of bodies.slice(0, -1)) {
      const owner = body.split(" ")[1]!
      if (!killed.has(owner)) {
        violations.push(`the body of task ${id} ran again, and ${owner}, who had it, was not killed`)
      }
    }
    if (new Set(bodies).size !== bodies.length) violations.push(`an attempt of task ${id} ran twice`)
  }
  return {
    violations: violations.slice(0, 50),
    lost,
    killed: dead.size,
    unfairness: unfairnessOf(lines, lanes, tasks, touched)
  }
}

/** While every lane has tasks: how much more than the least served one the most served one has had. */
const unfairnessOf = (
  lines: ReadonlyArray<string>,
  lanes: number,
  tasks: number,
  touched: ReadonlySet<number>
): Outcome["unfairness"] => {
  const shares = new Map<number, number>()
  const seen = new Set<string>()
  for (const line of lines) {
    const [what, id] = line.split(" ")
    if (what !== "begin" || seen.has(id!)) continue
    seen.add(id!)
    const lane = laneOf(id!, lanes)
    shares.set(lane, (shares.get(lane) ?? 0) + 1)
    if (seen.size >= tasks * 0.8) break
  }
  const all = Array.from({ length: lanes }, (_, lane) => lane)
  const spread = (some: ReadonlyArray<number>): number => {
    const counts = some.map((lane) => shares.get(lane) ?? 0)
    const most = Math.max(0, ...counts)
    return most === 0 ? 1 : (most - Math.min(...counts)) / most
  }
  return { untouched: spread(all.filter((lane) => !touched.has(lane))), all: spread(all) }
}

/** Which lane a task of this id is in. */
const laneOf = (id: string, lanes: number): number => Number(id.slice(1)) % lanes

/** Numbers from 0 to 1, the same for the same seed. */
const randomOf = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
