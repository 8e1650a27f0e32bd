/**
 * What the commands that answer a question share.
 */
import * as Argument from "effect/cli/Argument"
import * as Arguments from "../Arguments.ts"

export const approval = Argument.String("run-or-approval").pipe(
  Argument.withDescription("The id of a run with one open question, or of an approval as approvals ls shows it")
)

export const hash = Arguments.text(
  "hash",
  "H",
  "The arguments that you have looked at, by their hash; needed once somebody has edited them"
)

export const note = Arguments.text("note", "TEXT", "A word to go with the answer")
