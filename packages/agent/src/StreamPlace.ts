/**
 * Where a reader of an agent and its subagents stands, as one text that it gives
 * back to go on: of each run a cursor of `Position` and, where an encoding knows
 * more, a note of its own. Plain ASCII without blanks, as `Last-Event-ID` takes it.
 */
import * as Position from "@fermata/core/Position"
import * as Result from "effect/Result"

/** The place in one run. */
export interface RunPlace {
  /** A cursor of `Position`. */
  readonly at: string
  /** What an encoding has told already of what follows; letters, digits and dots. */
  readonly note?: string
  /** So many chunks of the next event were told. */
  readonly heard?: number
}

/** The places of all runs that are followed, by their ids. */
export type StreamPlace = Readonly<Record<string, RunPlace>>

/** The text of a place. */
export const print = (place: StreamPlace): string =>
  Object.entries(place)
    .map(([run, { at, heard, note }]) =>
      `${encodeURIComponent(run)}=${at}${note === undefined ? "" : `~${note}`}${heard === undefined ? "" : `+${heard}`}`
    )
    .join("&")

/**
 * Reads a text of `print`. A cursor alone, such as `17.4`, is the place in the
 * run `top`; anything else is malformed.
 */
export const parse = (text: string, top: string): Result.Result<StreamPlace, Position.PositionMalformed> => {
  const place: Record<string, RunPlace> = Object.create(null) as Record<string, RunPlace>
  for (const one of (text.includes("=") ? text : `${encodeURIComponent(top)}=${text}`).split("&")) {
    const [, name, at, note, heard] = /^([^=]+)=([\d.,]+)(?:~([\w.]+))?(?:\+(\d{1,9}))?$/.exec(one) ?? []
    const run = name === undefined ? undefined : decoded(name)
    if (run === undefined || at === undefined) return Result.fail(new Position.PositionMalformed({ text }))
    const cursor = Position.parseCursor(at)
    if (Result.isFailure(cursor)) return Result.fail(cursor.failure)
    place[run] = {
      at,
      ...(note === undefined ? {} : { note }),
      ...(heard === undefined ? {} : { heard: Number(heard) })
    }
  }
  return Result.succeed(place)
}

/** The same place, as `AgentStream.of` goes on from it. */
export const cursors = (place: StreamPlace): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(place).map(([run, { at }]) => [run, at]))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decoded = (name: string): string | undefined => {
  try {
    return decodeURIComponent(name)
  } catch {
    return undefined
  }
}
