/**
 * How far a database has come, in a note beside its file (`FILE-seen`), so that
 * an older copy which somebody has put in its place without a word is noticed.
 *
 * Processes that work on runs look at the note when they open the database, and
 * write it then, once a minute and in their end: no step waits for it. It lags
 * behind the database, and is about the store that it names, so a database that
 * has not come as far has lost commits. What it cannot know: a copy of later than
 * the note, and one that was put back together with its note.
 */
import * as TimeText from "@fermata/core/TimeText"
import * as ChangeLog from "@fermata/engine/ChangeLog"
import { HostClock } from "@fermata/engine/HostClock"
import { Store } from "@fermata/engine/Store"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"

/** How often (ms) a process that works on runs writes down how far the database has come. */
export const beatMs = 60_000

/** The note of the database in this file. */
export const noteOf = (file: string): string => `${resolve(file)}-seen`

/** A position of the store, and when it was the newest (ms since the epoch). */
export interface Sight {
  readonly position: string
  readonly at: number
}

/** A database had come as far as `seen`, and was `found` where it had been before. */
export interface WentBack {
  readonly seen: Sight
  readonly found: Sight
}

/** What a note says. */
export interface Note {
  readonly last: Sight
  /** A process has found the database older than it was, and has worked on it since. */
  readonly wentBack: WentBack | undefined
}

/** The note of a database; undefined where there is none, or none that can be read. */
export const read = (file: string): Note | undefined => {
  try {
    const [last, seen, found] = readFileSync(noteOf(file), "utf8").split("\n").map(sightOf)
    return last === undefined
      ? undefined
      : { last, wentBack: seen === undefined || found === undefined ? undefined : { seen, found } }
  } catch {
    return undefined
  }
}

/**
 * Whether a database whose position is `found` is older than a note says that was
 * read before; what is told of another store says nothing of this one.
 */
export const wentBack = (note: Note | undefined, found: Sight): WentBack | undefined => {
  if (note === undefined) return undefined
  if (note.wentBack !== undefined && ChangeLog.areOfOne(note.wentBack.seen.position, found.position)) {
    return note.wentBack
  }
  return ChangeLog.areOfOne(note.last.position, found.position) && found.position < note.last.position
    ? { seen: note.last, found }
    : undefined
}

/** What an operator is told of it. */
export const sentence = (file: string, { found, seen }: WentBack): string =>
  `${file} is older than it was: it had come further by ${TimeText.time(seen.at)}, and was found further back ${
    TimeText.time(found.at)
  }: an older copy was put in its place, or the machine has lost what was written; what its runs did then is in no journal`

/** Looks at the note of the database on which this process works, and keeps it. */
export const layer = (file: string): Layer.Layer<never, never, Store | HostClock> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const { backend } = yield* Store
    const clock = yield* HostClock
    const opened = inodeOf(file)
    let known: WentBack | undefined

    /** Nothing of it is of use for any run, so what cannot be read or written now is left. */
    const keep = Effect.ignore(Effect.gen(function*() {
      if (inodeOf(file) !== opened) return
      const note = read(file)
      const found = { position: yield* backend.position, at: clock.now() }
      const back = wentBack(note, found)
      if (back !== undefined && known === undefined) {
        known = back
        yield* Effect.logWarning(
          `${sentence(file, back)}; an operator has to say that it was put back (doctor --restored)`
        )
      }
      if (note?.last.position !== found.position || back !== note.wentBack) write(file, { last: found, wentBack: back })
    }))
    yield* keep
    yield* Effect.addFinalizer(() => keep)
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(clock.sleep(beatMs), keep)), { startImmediately: true })
  }))

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const form = /^(\S+) (\d+)$/

const sightOf = (line: string): Sight | undefined => {
  const [, position, at] = form.exec(line) ?? []
  return position === undefined ? undefined : { position, at: Number(at) }
}

const lineOf = ({ at, position }: Sight): string => `${position} ${Math.floor(at)}`

const write = (file: string, { last, wentBack }: Note): void => {
  const note = noteOf(file)
  const unfinished = `${note}.${process.pid}`
  try {
    const sights = wentBack === undefined ? [last] : [last, wentBack.seen, wentBack.found]
    writeFileSync(unfinished, sights.map(lineOf).join("\n"), { mode: 0o600 })
    renameSync(unfinished, note)
  } catch {
    rmSync(unfinished, { force: true })
  }
}

/** Which file has the name: another one once somebody has put one in its place. */
const inodeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.ino
