import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { exitCodes, refused } from "../CommandFailed.ts"
import { document, exitWith, line } from "../Output.ts"
import { withHost } from "../Session.ts"
import * as Sides from "../Sides.ts"
import * as Arguments from "./Arguments.ts"

/** `fermata replay` */
export const commandReplay = Command.make(
  "replay",
  { run: Arguments.run },
  ({ run }) =>
    withHost(
      { command: "replay", idle: true, readOnly: "untouched", existing: true },
      (host, { json }) =>
        Effect.gen(function*() {
          const { textOf } = yield* Effect.promise(() => import("../Replays.ts"))
          const Replay = yield* Effect.promise(() => import("@fermata/engine/Replay"))
          const { id, version, workflow } = yield* host.refine(host.runs.find(run))
          const { file } = yield* host.serve(workflow)
          const replayed = yield* host.use(Replay.run(id))
          if (replayed.verdict === "unserved") {
            return yield* refused(
              "WorkflowNotServed",
              `Run ${id} is of ${workflow}@${version}, which ${
                file === undefined ? "nobody serves here: no fermata.config.ts was found" : `is not in ${file}`
              }`,
              ["--config FILE names the configuration that has it"]
            )
          }
          yield* exitWith(replayed.verdict === "fits" ? exitCodes.completed : exitCodes.failed)
          if (json) return yield* document(replayed)
          const { linesOf } = yield* Effect.promise(() => import("../Watch.ts"))
          const entries = yield* host.refine(host.runs.journal(id))
          for (const text of linesOf(entries.slice(0, replayed.difference?.at))) yield* line(text)
          for (const text of textOf(replayed)) yield* line(text)
        })
    )
).pipe(
  Command.withDescription(
    "Replay a run against the code at hand, without a step or a write; exit code 1 when they do not fit"
  ),
  Sides.here("runs the code of this folder against a database"),
  Command.withExamples([
    {
      command: "fermata replay 1f0c",
      description: "Whether this code can go on with the run, and else where they part"
    }
  ])
)
