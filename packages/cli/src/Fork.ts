/**
 * Forks a run and follows the fork: what `fermata runs fork` does.
 */
import type { ForkOptions } from "@fermata/core/RunStart"
import * as Effect from "effect/Effect"
import { followAndAsk } from "./Ask.ts"
import { CommandFailed } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import type { Globals } from "./Globals.ts"
import type { Operator } from "./Operator.ts"
import { document, err, line, note } from "./Output.ts"
import { report } from "./Report.ts"
import * as Stale from "./Stale.ts"
import * as Words from "./Words.ts"

/** Stores the fork; unless `detach`, works on it here until it is over or waits for somebody. */
export const forkAndFollow = (
  operator: Operator,
  globals: Globals,
  run: string,
  options: ForkOptions,
  detach: boolean
) =>
  Effect.gen(function*() {
    const original = yield* operator.refine(operator.runs.find(run))
    // Where the code is at hand, a fork that it cannot replay is refused.
    if (operator.here !== undefined) yield* operator.here.serve(original.workflow)
    const stale = options.set === undefined
      ? []
      : yield* Stale.of(operator, yield* operator.refine(operator.runs.show(original.id)), options)
    const staleTexts = stale.map((one) => Stale.textOf(original.id, options, one))
    const forked = yield* Effect.mapError(
      operator.refine(operator.runs.fork(original.id, options)),
      // What is shared and was made from the old output is why it cannot be replayed with the new one.
      (failure) =>
        new CommandFailed({
          ...failure,
          message: failure.message,
          details: [...(failure.details ?? []), ...staleTexts]
        })
    )
    yield* note(
      `fork ${err.bold(forked.runId)}  ${Words.definition(original)}  shares ${
        Words.count(forked.shared, "entry", "entries")
      } of run ${original.id}, before step ${forked.step}`
    )
    for (const text of staleTexts) yield* note(`  ${err.yellow("note:")} ${text}`)
    const compare = Commands.compare(original.id, forked.runId)
    if (detach) {
      yield* note(`  it waits for a worker; to compare the two: ${compare}`)
      return yield* globals.json
        ? document({ ...forked, ...(stale.length === 0 ? {} : { stale }) })
        : line(forked.runId)
    }
    const followed = yield* followAndAsk(operator, globals, forked.runId, { from: forked.shared + 1, work: "here" })
    yield* report(followed, { globals, joined: false })
    yield* note(`  to compare the two: ${err.bold(compare)}`)
  })
