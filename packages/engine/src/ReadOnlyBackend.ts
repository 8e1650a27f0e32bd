/**
 * A store that is only looked at: what an engine writes for itself goes nowhere,
 * and what would change a run is refused.
 */
import * as Effect from "effect/Effect"
import { type Answers, type Backend, type Op, StorageFailed } from "./Backend.ts"

/** The backend for reading. An engine on it takes up no run and sends nothing on. */
export const make = (backend: Backend): Backend => ({
  ...backend,
  write: (ops) =>
    Effect.suspend(() => {
      const changing = ops.find((op: Op) => nothing[op.op] === undefined)
      if (changing !== undefined) {
        return Effect.fail(new StorageFailed({ operation: changing.op, problem: "it was opened for reading only" }))
      }
      return Effect.succeed(ops.map((op: Op) => nothing[op.op]) as never)
    }),
  // What nobody may send on is not there to be sent.
  outbox: () => Effect.succeed([])
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Answers to operations that come by themselves, as if there were nothing to do. */
const nothing: { readonly [K in keyof Answers]?: Answers[K] } = {
  claim: { runs: [] },
  claimOne: { run: null },
  heartbeat: {},
  reap: { freed: 0 },
  retire: { freed: 0 },
  delivered: {},
  lease: { tasks: [], next: null },
  sweepTasks: { dropped: 0 },
  used: {},
  define: { result: "same", known: null }
}
