import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata token ls` */
export const commandTokenLs = Command.make(
  "ls",
  {
    limit: Arguments.limit,
    after: Flag.String("after").pipe(
      Flag.withMetavar("ID"),
      Flag.withDescription("Only those made after the token with this id, for the next page"),
      Flag.optional
    )
  },
  ({ after, limit }) =>
    withOperator(
      { command: "token ls", readOnly: true, existing: true, absent: "no tokens" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const tokens = yield* operator.refine(
            operator.tokens.list({ limit, ...(Option.isSome(after) ? { after: after.value } : {}) })
          )
          if (json) return yield* Effect.forEach(tokens, item, { discard: true })
          if (tokens.length === 0) return yield* note("no tokens")
          const Words = yield* Effect.promise(() => import("../../Words.ts"))
          const now = operator.now()
          yield* lines(table(
            ["ID", "NAME", "SCOPES", "GROUPS", "MADE", "BY", "USED", "RUNS OUT"],
            tokens.map(({ by, createdAt, expiresAt, groups, id, name, scopes, usedAt }) => [
              id,
              name,
              scopes.join(","),
              groups.join(","),
              Words.fromNow(createdAt, now),
              by,
              usedAt === undefined ? "never" : Words.fromNow(usedAt, now),
              expiresAt === undefined ? "never" : Words.fromNow(expiresAt, now)
            ]),
            undefined,
            { width: width(), shrinks: [3, 1] }
          ))
          if (tokens.length === limit) yield* note(`there may be more: --after ${tokens.at(-1)!.id}`)
        })
    )
).pipe(
  Command.withDescription("List the tokens of the database, the oldest first; what is secret of them nobody can list"),
  Sides.either,
  Command.withExamples([
    { command: "fermata token ls", description: "Who may do what, and who has been there lately" },
    { command: "fermata token ls --json", description: "As NDJSON" }
  ])
)
