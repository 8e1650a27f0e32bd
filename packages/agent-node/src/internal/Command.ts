/** One command, from its start to the end of all that it has started. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { constants } from "node:os"
import type { Readable, Writable } from "node:stream"
import * as Bubblewrap from "./Bubblewrap.ts"
import type { Limits } from "./Limits.ts"
import * as Processes from "./Processes.ts"

/** What is run. */
export interface Command {
  /** The program and its words. */
  readonly program: ReadonlyArray<string>
  /** What bubblewrap is told, where it is the program. */
  readonly view: ReadonlyArray<string> | undefined
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly stdin: string | Uint8Array | undefined
  readonly stdout: (chunk: Uint8Array) => void
  readonly stderr: (chunk: Uint8Array) => void
  readonly timeoutMs: number
  readonly limits: Limits
}

/** How it has ended. */
export type Ended =
  | { readonly problem: string }
  | {
    /** Whether it came to the command itself. */
    readonly begun: boolean
    readonly exitCode: number
    readonly signal?: string
    readonly timedOut: boolean
    readonly exceeded?: string
  }

/** The descriptors from which bubblewrap reads, and on which it says how the command ended. */
export const descriptors = { view: 3, passwd: 4, status: 5 } as const

/** Runs it. When this ends, in whatever way, nothing of it is left. */
export const run = (command: Command): Effect.Effect<Ended> =>
  Effect.scoped(Effect.gen(function*() {
    const started = yield* start(command)
    const over = yield* Effect.raceAllFirst([
      Effect.as(Deferred.await(started.exited), {}),
      Effect.as(Effect.sleep(command.timeoutMs), { timedOut: true }),
      Effect.map(watch(started.child, command.limits), (exceeded) => ({ exceeded }))
    ])
    const { problem, ...exit } = yield* started.stop
    return problem === undefined ? { timedOut: false, ...exit, ...over } : { problem }
  }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Exit {
  readonly problem?: string
  readonly begun: boolean
  readonly exitCode: number
  readonly signal?: string
}

interface Started {
  readonly child: ChildProcess
  readonly exited: Deferred.Deferred<void>
  /** Kills what is left, and gives how it ended. */
  readonly stop: Effect.Effect<Exit>
}

const start = (command: Command): Effect.Effect<Started, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(() => begin(command)), ({ stop }) => stop)

const begin = ({ cwd, env, program, stderr, stdin, stdout, view }: Command): Started => {
  const exited = Deferred.makeUnsafe<void>()
  const closed = Deferred.makeUnsafe<void>()
  let exit: Exit = { begun: true, exitCode: 0 }
  let status = ""
  let isOver = false
  const child = spawn(program[0]!, program.slice(1), {
    cwd,
    env,
    // A group of its own, so that it can be killed as one.
    detached: true,
    stdio: [
      stdin === undefined ? "ignore" : "pipe",
      "pipe",
      "pipe",
      ...(view === undefined ? [] : ["pipe", "pipe", "pipe"] as const)
    ]
  })
  child.on("error", (error) => {
    exit = { ...exit, problem: error.message }
    Deferred.doneUnsafe(exited, Effect.void)
    Deferred.doneUnsafe(closed, Effect.void)
  })
  child.on("exit", (code, signal) => {
    isOver = true
    exit = code === null ? { ...exit, ...endedBy(signal ?? "SIGKILL") } : { ...exit, exitCode: code }
    Deferred.doneUnsafe(exited, Effect.void)
  })
  child.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
  child.stdout?.on("data", stdout)
  child.stderr?.on("data", stderr)
  give(child.stdin, stdin)
  if (view !== undefined) {
    give(child.stdio[descriptors.view], view.map((word) => `${word}\0`).join(""))
    give(child.stdio[descriptors.passwd], Bubblewrap.passwd)
    const told = (child.stdio as ReadonlyArray<unknown>)[descriptors.status] as Readable | undefined
    told?.on("data", (chunk) => status += String(chunk))
  }
  const stop = Effect.gen(function*() {
    if (child.pid === undefined) return exit
    // In bubblewrap nothing outlives the command; without it, its group may.
    if (!isOver) Processes.kill(child.pid)
    else if (view === undefined) Processes.killGroup(child.pid)
    yield* Deferred.await(exited)
    // Who has got away may hold the streams open.
    yield* Effect.raceFirst(Deferred.await(closed), Effect.sleep(2_000))
    for (const stream of child.stdio) stream?.destroy()
    return view === undefined || status.includes("child-pid") ? exit : { ...exit, begun: false }
  })
  return { child, exited, stop: Effect.uninterruptible(stop) }
}

/** Writes all of it to a stream. Whoever does not read to its end is free not to. */
const give = (stream: Readable | Writable | null | undefined, content: string | Uint8Array | undefined): void => {
  if (stream === null || stream === undefined || content === undefined) return
  stream.on("error", () => {})
  ;(stream as Writable).end(content)
}

const endedBy = (signal: NodeJS.Signals): Pick<Exit, "exitCode" | "signal"> => ({
  exitCode: 128 + constants.signals[signal],
  signal
})

/** Looks again and again at what a command and all that it has started take, and ends with the limit that is exceeded. */
const watch = (child: ChildProcess, { memory, processes }: Limits): Effect.Effect<string> =>
  Effect.gen(function*() {
    for (;;) {
      yield* Effect.sleep(100)
      const all = Processes.below(child.pid ?? 0)
      const held = all.reduce((sum, { memory }) => sum + memory, 0)
      if (all.length > processes) return `it had ${all.length} processes, and ${processes} is the most`
      if (held > memory) return `it held ${held} bytes of memory, and ${memory} is the most`
    }
  })
