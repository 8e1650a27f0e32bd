/** The side of a thread that works; it loads nothing of what waits for it, so that it begins at once. */
import { parentPort, workerData } from "node:worker_threads"

/** What comes of a job. */
export type Answer<Result> = { readonly result: Result } | { readonly problem: string }

/** A process that works for the thread, which does not end with it. */
export type Helper = { readonly began: number } | { readonly ended: number }

/** Says that a process works for this thread, or that it has ended. */
export const tell = (helper: Helper): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(helper)
}

/** Does the job of this thread, and gives what comes of it. What is thrown is told by its message. */
export const serve = async <Job, Result>(work: (job: Job) => Result | Promise<Result>): Promise<void> => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(await answer(work))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const answer = async <Job, Result>(work: (job: Job) => Result | Promise<Result>): Promise<Answer<Result>> => {
  try {
    return { result: await work(workerData as Job) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
