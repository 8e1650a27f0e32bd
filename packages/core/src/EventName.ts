/**
 * Names of events and the glob patterns over them.
 *
 * A name is words joined by dots (`github.pr.opened`). In a pattern `*` stands
 * for any characters inside one word and `**` for any characters at all, so
 * `my.*` matches `my.started` and `my.**` also `my.job.started`.
 */
import * as Schema from "effect/Schema"
import * as Glob from "./Glob.ts"

const word = "[A-Za-z0-9_-]+"
const patternWord = "[A-Za-z0-9_*-]+"

/** Longest name or pattern, in characters. */
export const maxLength = 200

/** The full name of an event, such as `ticket.created`. */
export const EventName = Schema.String.check(
  Schema.isPattern(new RegExp(`^(?=.{1,${maxLength}}$)${word}(\\.${word})*$`), {
    expected: "the name of an event: words of letters, digits, _ and - joined by dots"
  })
)

/** A glob pattern over event names, such as `ticket.*`. A plain name is a pattern that matches itself. */
export const EventPattern = Schema.String.check(
  Schema.isPattern(new RegExp(`^(?=.{1,${maxLength}}$)${patternWord}(\\.${patternWord})*$`), {
    expected: "a pattern over event names: words joined by dots, with * inside a word and ** across words"
  })
)

/** Whether a name is one of the engine's own (`engine.run.completed`), which no contract may emit. */
export const isReserved = (name: string): boolean => name === "engine" || name.startsWith("engine.")

/** Whether the name of an event matches the pattern. */
export const matches = (pattern: string, name: string): boolean => Glob.matches(pattern, name, ".")
