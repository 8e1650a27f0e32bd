/**
 * Work that could hold a process up, in a thread of its own: a search, a page, a
 * document from outside. It ends at its deadline whatever it does, has bounded
 * memory, and sees nothing of the environment but where programs are.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Worker } from "node:worker_threads"
import type { Answer } from "./Served.ts"

/** The work came to no result. */
export class ThreadFailed extends Data.TaggedError("ThreadFailed")<{ readonly problem: string }> {}

/** Carries a job out in the thread of a module, which is gone when this ends or is interrupted. */
export const run = <Job, Result>(
  module: URL,
  deadline: Duration.Input,
  job: Job
): Effect.Effect<Result, ThreadFailed> =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      new Worker(module, {
        workerData: job,
        execArgv: [],
        env: { PATH: process.env["PATH"] },
        resourceLimits: { maxOldGenerationSizeMb: 512 },
        stdout: true,
        stderr: true
      })
    ),
    (worker) =>
      Effect.callback<Result, ThreadFailed>((resume) => {
        const fail = (problem: string) => resume(Effect.fail(new ThreadFailed({ problem })))
        worker.once(
          "message",
          (answer: Answer<Result>) => "result" in answer ? resume(Effect.succeed(answer.result)) : fail(answer.problem)
        )
        worker.once(
          "error",
          (error) =>
            fail("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "takes too much memory" : error.message)
        )
        worker.once("exit", () => fail("ended without a result"))
      }),
    (worker) => Effect.promise(() => worker.terminate())
  ).pipe(Effect.timeoutOrElse({
    duration: deadline,
    orElse: () =>
      Effect.fail(
        new ThreadFailed({ problem: `is not done after ${Duration.format(Duration.fromInputUnsafe(deadline))}` })
      )
  }))
