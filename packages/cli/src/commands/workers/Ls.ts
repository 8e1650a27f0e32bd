import type { Owner } from "@fermata/core/Owner"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { isGone, ownerName } from "../../Owners.ts"
import { withHost } from "../../Session.ts"

/** `fermata workers ls` */
export const commandWorkersLs = Command.make(
  "ls",
  {},
  () =>
    withHost(
      { command: "workers ls", readOnly: true, existing: true, absent: "no process" },
      (host, { json }) =>
        Effect.gen(function*() {
          const owners = yield* host.refine(host.runs.owners)
          const stands = owners.map(known)
          if (json) return yield* Effect.forEach(stands, item, { discard: true })
          if (stands.length === 0) return yield* note("no process works on runs")
          const Words = yield* Effect.promise(() => import("../../Words.ts"))
          const now = host.now()
          yield* lines(table(
            ["PROCESS", "ALIVE", "LAST SEEN", "RUNS", "SERVES"],
            stands.map((owner) => [
              ownerName(owner),
              owner.alive ? "yes" : "no",
              Words.fromNow(owner.lastSeenAt, now),
              String(owner.runs),
              owner.serves.programs.join(", ")
            ]),
            undefined,
            { width: width(80), shrinks: [4] }
          ))
        })
    )
).pipe(
  Command.withDescription(
    "List the processes that work on runs, with their last sign of life and how many runs each has"
  ),
  Command.withExamples([{ command: "fermata workers ls --json", description: "As NDJSON" }])
)

/** What this process knows of another: one of this machine that is no more is dead before its lease has ended. */
const known = (owner: Owner): Owner => ({ ...owner, alive: owner.alive && !isGone(owner) })
