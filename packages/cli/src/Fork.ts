/**
 * Forks a run and follows the fork: what `fermata runs fork` does.
 */
import type { ForkOptions } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import { followAndAsk } from "./Ask.ts"
import type { Globals } from "./Globals.ts"
import type { Host } from "./Host.ts"
import { fermata, quoted } from "./Invocation.ts"
import { document, err, line, note, plain } from "./Output.ts"
import { report } from "./Report.ts"
import * as Words from "./Words.ts"

/** Stores the fork; unless `detach`, works on it here until it is over or waits for somebody. */
export const forkAndFollow = (host: Host, globals: Globals, run: string, options: ForkOptions, detach: boolean) =>
  Effect.gen(function*() {
    const original = yield* host.refine(host.runs.find(run))
    // Where the code is at hand, a fork that it cannot replay is refused.
    yield* host.serve(original.workflow)
    const forked = yield* host.refine(host.runs.fork(original.id, options))
    yield* note(`fork ${err.bold(forked.runId)}  ${plain(Words.definition(original))}  shares ${
      Words.count(forked.shared, "entry", "entries")
    } of run ${original.id}, before step ${plain(forked.step)}`)
    const compare = fermata(`runs diff ${quoted(original.id)} ${quoted(forked.runId)}`)
    if (detach) {
      yield* note(`  it waits for a worker; to compare the two: ${compare}`)
      return yield* globals.json ? document(forked) : line(forked.runId)
    }
    const followed = yield* followAndAsk(host, globals, forked.runId, { from: forked.shared + 1, work: "here" })
    yield* report(followed, { globals, joined: false })
    yield* note(`  to compare the two: ${err.bold(compare)}`)
  })
