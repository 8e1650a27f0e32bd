import * as Spent from "@fermata/core/Spent"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { actAndFollow } from "../../Act.ts"
import { refused } from "../../CommandFailed.ts"
import * as Commands from "../../Commands.ts"
import * as Money from "../../Money.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs raise` */
export const commandRunsRaise = Command.make("raise", {
  run: Arguments.run,
  usd: Arguments.text("usd", "N", "By this many US dollars, such as 1 or 0.25; down to a millionth of one"),
  tokens: Flag.Int("tokens").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("By this many tokens"),
    Flag.filter((tokens) => tokens >= 1, (tokens) => `expected a whole number from 1, found ${tokens}`),
    Flag.optional
  ),
  note: Arguments.text("note", "TEXT", "Why, for people who read the journal"),
  noWait: Arguments.noWait
}, ({ noWait, note, run, tokens, usd }) =>
  Effect.gen(function*() {
    if (Option.isNone(usd) && Option.isNone(tokens)) {
      return yield* refused("InvalidValue", "runs raise needs one of --usd N and --tokens N, or both", [
        `see: ${Commands.seeHelp(["runs", "raise"])}`
      ])
    }
    const micros = Option.isSome(usd) ? yield* Money.read("--usd", usd.value) : 0
    const amount = Spent.make(micros, Option.getOrElse(tokens, () => 0))
    yield* actAndFollow("runs raise", {
      run,
      noWait,
      goal: "completed",
      act: (host, { as }) =>
        host.runs.raise(run, { ...amount, by: as, ...(Option.isSome(note) ? { note: note.value } : {}) }),
      said: ({ runId }) => `the budget of run ${runId} is raised by ${Spent.text(amount)}`
    })
  })).pipe(
    Command.withDescription("Let a run spend more, in dollars or in tokens"),
    Sides.either,
    Command.withExamples([
      { command: "fermata runs raise 1f0c --usd 2.50", description: "It may spend two and a half dollars more" },
      { command: "fermata runs raise 1f0c --tokens 50000 --note 'one more try'", description: "Or tokens" }
    ])
  )
