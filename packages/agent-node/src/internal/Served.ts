/** The side of a thread that works; it loads nothing of what waits for it, so that it begins at once. */
import type { ChildProcess } from "node:child_process"
import { parentPort, workerData } from "node:worker_threads"

/** What comes of a job. */
export type Answer<Result> = { readonly result: Result } | { readonly problem: string }

/**
 * What a thread is given: its job, and one number that it has in common with whoever
 * waits for it: the id of the process that helps it, which does not end with it.
 * Nobody ends the thread while it starts one, and it starts none once it is to end.
 */
export interface Given<Job> {
  readonly job: Job
  readonly helper: Int32Array
}

/** No process helps; one is being started; none is started any more. */
export const states = { none: 0, starting: -1, ending: -2 } as const

/** Starts the one process that helps this thread. */
export const start = (spawn: () => ChildProcess): ChildProcess => {
  if (Atomics.compareExchange(helper, 0, states.none, states.starting) !== states.none) {
    throw new Error("another process helps already, or the work is to end")
  }
  let pid: number = states.none
  try {
    const child = spawn()
    pid = child.pid ?? states.none
    return child
  } finally {
    Atomics.store(helper, 0, pid)
  }
}

/** Says that it has ended. */
export const ended = (pid: number): void => void Atomics.compareExchange(helper, 0, pid, states.none)

/** Does the job of this thread, and gives what comes of it. What is thrown is told by its message. */
export const serve = async <Job, Result>(work: (job: Job) => Result | Promise<Result>): Promise<void> => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(await answer(work))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const helper: Int32Array = (workerData as Given<unknown> | null)?.helper ?? new Int32Array(1)

const answer = async <Job, Result>(work: (job: Job) => Result | Promise<Result>): Promise<Answer<Result>> => {
  try {
    return { result: await work((workerData as Given<Job>).job) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
