/** What is said and done once a database was put back from a backup. */
import * as TimeText from "@fermata/core/TimeText"
import * as Backup from "@fermata/host-node/Backup"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { fromUnknown, refused } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import type { Globals } from "./Globals.ts"
import { document, lines, out } from "./Output.ts"
import * as Words from "./Words.ts"

/** Says that the database was put back from a backup that was made then (ms since the epoch). */
export const restore = (values: Globals, from: number | undefined) =>
  Effect.gen(function*() {
    const { as, db, json } = values
    if (!existsSync(db)) return yield* refused("DatabaseNotFound", `there is no file ${db}`)
    const declared = yield* Effect.scoped(Backup.declareRestored(db, { by: as, from })).pipe(
      Effect.mapError((failure) =>
        "problem" in failure && failure.operation === Backup.taking
          ? refused("StillInUse", failure.message)
          : fromUnknown(failure)
      )
    )
    if (json) return yield* document(declared)
    const { questions, restore, runs } = declared
    yield* lines([
      `${db} was put back from a backup of ${TimeText.time(restore.from)}: it is another store from now on`,
      "",
      `${
        Words.count(runs, "open run")
      } in doubt: what they have done since is in no journal. Once a worker comes to them,`,
      "  steps that may be repeated go on, and those with a probe are asked of it;",
      "  any other step waits for you: settle it, or confirm that nothing of its run has happened.",
      `${Words.count(questions, "question")} open: an answer that was given since is lost, and is to be given again.`,
      "Lost as well: starts, signals, cancels and raises since then, and what was spent. Tokens and rules that were",
      "taken back since then count again.",
      "",
      `  ${out.bold(Commands.seeInDoubt())}`
    ])
  })
