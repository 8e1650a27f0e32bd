import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { refused } from "../../CommandFailed.ts"
import { document, item, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs transcript` */
export const commandRunsTranscript = Command.make(
  "transcript",
  {
    run: Arguments.run,
    out: Arguments.text(
      "out",
      "FOLDER",
      "Write it to files there, with those of the runs below, a folder for each run"
    ),
    follow: Flag.Boolean("follow").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Go on until the run is over: what is recorded is in the files at once"),
      Flag.withDefault(false)
    )
  },
  ({ follow, out, run }) =>
    Effect.gen(function*() {
      if (follow && Option.isNone(out)) {
        return yield* refused(
          "InvalidValue",
          "--follow needs --out FOLDER: lines of before may change as a run goes on",
          [
            "to see what happens as it happens, use runs tail"
          ]
        )
      }
      yield* withOperator({ command: "runs transcript", readOnly: true, existing: true }, (operator, { json }) =>
        Effect.gen(function*() {
          if (Option.isNone(out)) {
            const { linesOf } = yield* Effect.promise(() =>
              import("@fermata/agent/Transcript")
            )
            return yield* Effect.forEach(linesOf(yield* operator.refine(operator.runs.show(run))), item, {
              discard: true
            })
          }
          const { save } = yield* Effect.promise(() => import("../../TranscriptFiles.ts"))
          const { count } = yield* Effect.promise(() => import("../../Words.ts"))
          let lines = -1
          const now = Effect.gen(function*() {
            const written = yield* save(operator, run, out.value)
            if (written.lines !== lines && !json) {
              yield* note(`${count(written.lines, "line")} of ${count(written.runs, "run")} in ${out.value}`)
            }
            lines = written.lines
            return written
          })
          if (follow) yield* operator.refine(Stream.runForEach(operator.runs.follow(run), () => now))
          const written = yield* now
          if (json) yield* document({ folder: out.value, ...written })
        }))
    })
).pipe(
  Command.withDescription("Print what was said in a run of an agent, or write it to files"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs transcript 1f0c", description: "Answers, calls, questions and runs below, as NDJSON" },
    {
      command: "fermata runs transcript 1f0c --out transcripts --follow",
      description: "Files that grow with the run, for whoever has no engine at hand"
    }
  ])
)
