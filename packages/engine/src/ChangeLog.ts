/**
 * What a store has committed about runs, and the events that were published, in
 * the order of the commits: for those who follow many runs, or all, without
 * looking at each.
 *
 * A *position* is a text that only the store makes. It names the store, and
 * texts of positions of one store sort in the order of its commits; those of two
 * stores have nothing to do with each other.
 */
import type { EventRow } from "./EventLog.ts"

/** The run that a change is about, as in its row. */
interface OfRun {
  readonly position: string
  readonly run: string
  readonly root: string
  readonly workflow: string
  readonly kind: string
}

/** Entries that a commit has added to the journal of a run. A commit of many may be told in several rows. */
export interface EntriesChange extends OfRun {
  /** The `seq` of the first of them. */
  readonly first: number
  /** As stored, each a text of one line. */
  readonly entries: ReadonlyArray<string>
}

/** A commit that has changed how a run stands and has added no entry: what stopped the run is not its own doing. */
export interface StandChange extends OfRun {
  /** That of the owner who committed it; 0 where an older build did. */
  readonly epoch: number
  readonly status: string
  readonly reason: string | null
  /** JSON array of waits; null unless suspended. */
  readonly waits: string | null
  /** ms since the epoch. */
  readonly at: number
}

/** A published event that was handed on. It is told as long as it is kept. */
export interface EventChange {
  readonly position: string
  readonly event: EventRow
}

/** One thing that was committed. */
export type Change = EntriesChange | StandChange | EventChange

/** What was committed behind a position. */
export interface Changes {
  /** In the order of their commits. */
  readonly rows: ReadonlyArray<Change>
  /** The position of the last of them, or what was asked for where there are none: to go on from. */
  readonly next: string
  /**
   * What was asked for is no position of this store, or one that it has not come
   * to yet, as when its file was put back from a backup. Then there are no rows,
   * and `next` is the position of now: whoever asked looks at everything anew.
   */
  readonly reset?: true
}

/** Whether entries were added. */
export const hasEntries = (change: Change): change is EntriesChange => "entries" in change

/** Whether an event was published. */
export const hasEvent = (change: Change): change is EventChange => "event" in change

/** A place among the commits of a store. */
export interface Place {
  /** The number of the last commit of entries up to here. */
  readonly arrival: number
  /** The number of the last commit without entries, or event, behind it; 0 where there is none. */
  readonly mark: number
}

/** The beginning of a store. */
export const origin: Place = { arrival: 0, mark: 0 }

/** The position of a place in the store with this id: letters and digits. */
export const positionOf = (store: string, { arrival, mark }: Place): string =>
  `${store}-${padded(arrival, arrivalDigits)}${mark === 0 ? "" : `.${padded(mark, markDigits)}`}`

/** The place that a position names in the store with this id; undefined where it is none of that store. */
export const placeOf = (store: string, position: string): Place | undefined => {
  const found = form.exec(position)
  return found === null || found[1] !== store
    ? undefined
    : { arrival: Number(found[2]), mark: Number(found[3] ?? 0) }
}

/** Whether both are positions, and of one store: then the order of their texts is that of its commits. */
export const areOfOne = (a: string, b: string): boolean => {
  const store = form.exec(a)?.[1]
  return store !== undefined && placeOf(store, b) !== undefined
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const arrivalDigits = 14
const markDigits = 10

const form = new RegExp(`^([a-z0-9]+)-([0-9]{${arrivalDigits}})(?:\\.([0-9]{${markDigits}}))?$`)

const padded = (number: number, digits: number): string => String(number).padStart(digits, "0")
