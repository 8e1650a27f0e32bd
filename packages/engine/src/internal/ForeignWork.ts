/**
 * The body of a workflow has gone on by something that is not its run's: a
 * promise, a callback, a timer of JavaScript. No journal holds when that came,
 * so no replay could repeat what follows from it.
 */
import type { RunRow } from "../Backend.ts"

export class ForeignWork extends Error {
  override readonly name = "ForeignWork"
}

/** What people are told. */
export const foreignWork = (run: Pick<RunRow, "id" | "workflow">): string =>
  `the body of workflow "${run.workflow}" went on by asynchronous work of its own (such as Effect.promise, Effect.callback or a timer of JavaScript), ` +
  `which no journal holds and no replay repeats: put it into a step (run ${run.id})`
