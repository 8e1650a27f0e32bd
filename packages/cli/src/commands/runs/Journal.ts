import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { item, line, out } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs journal` */
export const commandRunsJournal = Command.make(
  "journal",
  {
    run: Arguments.run,
    from: Flag.Int("from").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("Begin with the entry of this number; default 0"),
      Flag.filter((from) => from >= 0, (from) => `expected a whole number from 0, found ${from}`),
      Flag.withDefault(0)
    )
  },
  ({ from, run }) =>
    withOperator(
      { command: "runs journal", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const entries = yield* operator.refine(operator.runs.journal(run, from))
          if (json) return yield* Effect.forEach(entries, item, { discard: true })
          const Words = yield* Effect.promise(() => import("../../Words.ts"))
          for (const { _tag, at, blobs: _blobs, epoch: _epoch, seq, ...rest } of entries) {
            const data = Object.keys(rest).length === 0 ? "" : `  ${JSON.stringify(rest)}`
            yield* line(`${out.dim(String(seq).padStart(5))}  ${out.dim(Words.iso(at))}  ${_tag}${data}`)
          }
        })
    )
).pipe(
  Command.withDescription("Print the journal of a run"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs journal 1f0c --from 10", description: "The entries from number 10 on" },
    { command: "fermata runs journal 1f0c --json", description: "The entries as NDJSON" }
  ])
)
