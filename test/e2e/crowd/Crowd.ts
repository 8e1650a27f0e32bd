/**
 * A crowd of processes on one file: workers that are killed and come again, and
 * people who start, signal, answer, cancel, emit and look, some of whom are
 * killed in the middle of it. Notes what was acknowledged and what was said.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"

export interface Settings {
  readonly command: ReadonlyArray<string>
  readonly folder: string
  readonly db: string
  readonly lines: string
  /** What all people do together, in commands. */
  readonly acts: number
  readonly workers: number
  readonly people: number
}

interface Said {
  readonly args: ReadonlyArray<string>
  readonly code: number | null
  readonly killed: boolean
  readonly stdout: string
  readonly stderr: string
}

export interface Tale {
  /** Ids of runs whose start was acknowledged, with the ids of their jobs. */
  readonly jobs: ReadonlyMap<string, string>
  /** Orders that were accepted. */
  readonly orders: ReadonlyArray<string>
  readonly cancelled: ReadonlySet<string>
  readonly said: ReadonlyArray<Said>
  /** Workers that were killed. */
  readonly kills: number
  /** The worker that did what was left, and ended by itself. */
  readonly last: Said
}

export const crowd = async ({ acts, command, db, folder, lines, people, workers }: Settings): Promise<Tale> => {
  const [program, ...before] = command
  const env = { ...process.env, NO_COLOR: "1", FERMATA_DB: db, FERMATA_AS: "tester", CROWD_LINES: lines }
  const said: Array<Said> = []
  const jobs = new Map<string, string>()
  const orders: Array<string> = []
  const cancelled = new Set<string>()
  const alive = new Set<ChildProcess>()
  const working = new Set<ChildProcess>()
  let kills = 0
  let count = 0
  let last: Said

  const run = (
    ...args: ReadonlyArray<string>
  ): { readonly child: ChildProcess; readonly ended: Promise<Said> } => {
    const child = spawn(program!, [...before, ...args, "--lease", "2000"], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"]
    })
    alive.add(child)
    let stdout = ""
    let stderr = ""
    child.stdout!.setEncoding("utf8").on("data", (text: string) => stdout += text)
    child.stderr!.setEncoding("utf8").on("data", (text: string) => stderr += text)
    const ended = new Promise<Said>((resolve, reject) => {
      child.once("error", reject)
      child.once("close", (code, signal) => {
        alive.delete(child)
        const what = { args, code, killed: signal === "SIGKILL", stdout, stderr }
        said.push(what)
        resolve(what)
      })
    })
    return { child, ended }
  }

  let left = acts
  const over = new AbortController()
  const any = <A>(list: ReadonlyArray<A>): A | undefined => list[Math.floor(Math.random() * list.length)]

  const worker = async () => {
    while (!over.signal.aborted) {
      const { child, ended } = run("worker")
      // In the middle of its work: when it has told of some runs.
      let tellings = Math.ceil(Math.random() * 12)
      child.stdout!.on("data", () => {
        if (--tellings > 0 || over.signal.aborted) return
        kills++
        child.kill("SIGKILL")
      })
      working.add(child)
      await ended
      working.delete(child)
    }
  }

  const person = async () => {
    while (left-- > 0) {
      const id = `j${++count}`
      const runId = any([...jobs.keys()])
      const chance = Math.random()
      const acts: ReadonlyArray<
        readonly [weight: number, args: ReadonlyArray<string>, acknowledged?: (said: Said) => void]
      > = [
        [0.4, ["run", "job", "--detach", "--json", "--input", JSON.stringify({ id })], ({ stdout }) => {
          jobs.set((JSON.parse(stdout) as { readonly runId: string }).runId, id)
        }],
        [0.2, ["emit", "order.placed", "--data", JSON.stringify({ id })], () => void orders.push(id)],
        ...(runId === undefined ? [] : [
          [0.15, ["signal", runId, "go", "--no-wait"]],
          [0.1, ["approve", runId, "--no-wait"]],
          [0.05, ["runs", "cancel", runId, "--no-wait"], () => void cancelled.add(runId)],
          [0.05, ["runs", "show", runId, "--json"]]
        ] as const),
        [1, ["runs", "ls", "--json"]]
      ]
      let sum = 0
      const [, args, acknowledged] = acts.find(([weight]) => (sum += weight) > chance)!
      const { child, ended } = run(...args)
      if (Math.random() < 0.15) setTimeout(() => child.kill("SIGKILL"), Math.random() * 1_500)
      const what = await ended
      if (what.code === 0) acknowledged?.(what)
    }
  }

  try {
    const work = Promise.all(Array.from({ length: workers }, worker))
    await Promise.all(Array.from({ length: people }, person))
    over.abort()
    for (const child of working) child.kill("SIGTERM")
    await work
    last = await run("worker", "--until-idle").ended
  } finally {
    for (const child of alive) child.kill("SIGKILL")
  }
  return { jobs, orders, cancelled, said, kills, last }
}

export const command = [process.execPath, join(import.meta.dirname, "../../../packages/cli/src/bin.ts")]
