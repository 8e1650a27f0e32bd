/**
 * What the commands that answer a question share.
 */
import * as Argument from "effect/cli/Argument"
import * as Arguments from "../Arguments.ts"

/** The argument that names a question. */
export const approval = Argument.String("run-or-approval").pipe(
  Argument.withDescription("The id of a run with one open question, or of an approval as approvals ls shows it")
)

/** The option that names the arguments which were looked at. */
export const hash = Arguments.text(
  "hash",
  "H",
  "The arguments that you have looked at, by their hash; needed once somebody has edited them"
)

/** The option that adds a word to an answer. */
export const note = Arguments.text("note", "TEXT", "A word to go with the answer")
