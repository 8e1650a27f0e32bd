/**
 * Retries a failed run and follows the retry: what `fermata runs retry` does.
 */
import * as Effect from "effect/Effect"
import { followAndAsk } from "./Ask.ts"
import * as Commands from "./Commands.ts"
import type { Globals } from "./Globals.ts"
import type { Operator } from "./Operator.ts"
import { document, err, line, note } from "./Output.ts"
import { report } from "./Report.ts"
import * as Words from "./Words.ts"

/** Stores the retry; unless `detach`, works on it here until it is over or waits for somebody. */
export const retryAndFollow = (operator: Operator, globals: Globals, run: string, detach: boolean) =>
  Effect.gen(function*() {
    const original = yield* operator.refine(operator.runs.find(run))
    // Where the code is at hand, a retry that it cannot replay is refused.
    if (operator.here !== undefined) yield* operator.here.serve(original.workflow)
    const retried = yield* operator.refine(operator.runs.retry(original.id, { by: globals.as }))
    yield* note(
      retried.joined
        ? `run ${original.id} was retried before, by run ${err.bold(retried.runId)}`
        : `retry ${err.bold(retried.runId)}  ${Words.definition(original)}  shares ${
          Words.count(retried.shared, "entry", "entries")
        } of run ${original.id}${
          retried.step !== undefined
            ? `, and tries step ${retried.step} anew`
            : retried.child === undefined
            ? ""
            : `, and retries its child run ${retried.child}`
        }`
    )
    if (retried.after.length > 0) {
      yield* note(
        `  ${err.yellow("note:")} run ${original.id} has executed ${
          Words.list(retried.after)
        } because it had failed; what that did stands`
      )
    }
    if (detach) {
      yield* note("  it waits for a worker")
      return yield* globals.json ? document(retried) : line(retried.runId)
    }
    const followed = yield* followAndAsk(operator, globals, retried.runId, {
      from: retried.joined ? 0 : retried.shared + 1,
      work: "here"
    })
    yield* report(followed, { globals, joined: retried.joined })
    yield* note(`  to compare the two: ${err.bold(Commands.compare(original.id, retried.runId))}`)
  })
