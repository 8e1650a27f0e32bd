/**
 * Work that could hold a process up, in a thread of its own: a search, a page, a
 * document from outside. It ends at its deadline whatever it does, has bounded
 * memory, and sees nothing of the environment but where programs are. Few threads
 * are there at a time, since each may take all the memory that one may. The processes that help it are gone with it.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { setImmediate } from "node:timers/promises"
import { Worker } from "node:worker_threads"
import { type Answer, type Given, states } from "./Served.ts"

/** Threads at a time; who comes later waits for a place. */
const room = Semaphore.makeUnsafe(4)

/** Bytes of memory that a thread may have by default, also outside of the heap, where buffers are. */
const mostMemory = 512 * 1024 ** 2

/** The work came to no result. */
export class ThreadFailed extends Data.TaggedError("ThreadFailed")<{ readonly problem: string }> {}

/** Carries a job out in the thread of a module, which is gone when this ends or is interrupted. */
export const run = <Job, Result>(
  module: URL,
  deadline: Duration.Input,
  job: Job,
  memory: number = mostMemory
): Effect.Effect<Result, ThreadFailed> => {
  const helper = new Int32Array(new SharedArrayBuffer(4))
  return room.withPermit(
    Effect.acquireUseRelease(
      Effect.sync(() =>
        new Worker(module, {
          workerData: { job, helper } satisfies Given<Job>,
          execArgv: [],
          env: { PATH: process.env["PATH"] },
          resourceLimits: { maxOldGenerationSizeMb: memory / 1024 ** 2 },
          stdout: true,
          stderr: true
        })
      ),
      (worker) =>
        Effect.raceFirst(
          watch(worker, memory),
          Effect.callback<Result, ThreadFailed>((resume) => {
            const fail = (problem: string) => resume(Effect.fail(new ThreadFailed({ problem })))
            worker.on("message", (said: Answer<Result>) =>
              "result" in said ? resume(Effect.succeed(said.result)) : fail(said.problem))
            worker.once(
              "error",
              (error) =>
                fail("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY" ? tooMuch : error.message)
            )
            worker.once("exit", () => fail("ended without a result"))
          })
        ),
      (worker) =>
        Effect.promise(async () => {
          await end(helper, worker)
          await worker.terminate()
        })
    ).pipe(Effect.timeoutOrElse({
      duration: deadline,
      orElse: () =>
        Effect.fail(
          new ThreadFailed({ problem: `is not done after ${Duration.format(Duration.fromInputUnsafe(deadline))}` })
        )
    }))
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const tooMuch = "takes too much memory"

/** Ends the process that helps a thread, and lets it start no other. One that it is starting at this moment is waited for. */
const end = async (helper: Int32Array, worker: Worker): Promise<void> => {
  let pid = Atomics.load(helper, 0)
  while (pid === states.starting || Atomics.compareExchange(helper, 0, pid, states.ending) !== pid) {
    // A thread that is gone starts nothing.
    if (worker.threadId === -1) return
    // oxlint-disable-next-line no-await-in-loop
    await setImmediate()
    pid = Atomics.load(helper, 0)
  }
  if (pid <= 0) return
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended by itself.
  }
}

/** Looks again and again at what a thread takes, also while it computes, and ends where that is too much. */
const watch = (worker: Worker, memory: number): Effect.Effect<never, ThreadFailed> =>
  Effect.gen(function*() {
    for (;;) {
      yield* Effect.sleep(50)
      // One that has not begun yet tells nothing, and neither does one that has ended.
      const held = yield* Effect.match(Effect.tryPromise(() => worker.getHeapStatistics()), {
        onSuccess: ({ external_memory, used_heap_size }) => external_memory + used_heap_size,
        onFailure: () => 0
      })
      if (held > memory) return yield* new ThreadFailed({ problem: tooMuch })
    }
  })
