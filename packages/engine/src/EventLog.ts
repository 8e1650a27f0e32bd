/**
 * Events as a store keeps them: each once, in the order in which they were
 * committed, with the runs that may ask for them and those that wait.
 *
 * A *subscription* is there from a run's start on: the run may ask for events of
 * this name that lie behind a position. A *wait* is there while it asks: where
 * it stands, and, where its condition asks for one value at one place in the
 * event, that value. Such a wait is woken by an index; any other is woken once
 * for each batch that holds an event of its name. Whether an event fits is the
 * run's to say.
 *
 * A *position* is a text that only the store makes. Texts of positions sort in
 * the order of the commits.
 */
import * as StoredJson from "@fermata/core/StoredJson"

/** A published event as it is kept. */
export interface EventRow {
  readonly position: string
  /** Events with one id are one event, as long as it is kept. */
  readonly id: string
  /** With the tenant in which it was published before it (`Tenant.qualify`). Names of subscriptions and waits are those of their runs' tenants. */
  readonly name: string
  /** Its JSON. */
  readonly payload: string
  readonly correlation: string | null
  readonly source: string | null
  /** ms since the epoch, when it was handed on. */
  readonly at: number
}

/** What a run may ask for, from its start on. */
export interface SubscriptionRow {
  readonly run: string
  readonly event: string
  /** The places in the event (see `pathOf`) at which its waits ask for one value. */
  readonly paths: ReadonlyArray<string>
}

/** The value that a wait asks for at one place in the event. Another condition may stand beside it. */
export interface Equality {
  /** See `pathOf`. */
  readonly path: string
  /** See `valueOf`. */
  readonly value: string
}

/** What a wait asks for. */
export interface EventWait {
  readonly run: string
  /** Names the wait in its run. */
  readonly key: string
  readonly event: string
  /** Null for a wait that looks at every event of the name. */
  readonly equality: Equality | null
}

/** A wait as the store keeps it. What is not behind `position` has been looked at. */
export interface EventWaitRow extends EventWait {
  readonly position: string
}

/** What a wait has yet to look at. */
export interface Awaited {
  /** In order. Some of them may have another value than the one asked for. */
  readonly events: ReadonlyArray<EventRow>
  /** Nothing else that was committed up to here concerns the wait. */
  readonly upTo: string
  /** The store has this wait. */
  readonly isKnown: boolean
  /** Events that the wait could have asked for were kept for the longest time that events are kept, and are gone. */
  readonly missed: boolean
}

/** What becomes of waits with a commit: first those that end, then those that begin or have got further. */
export interface EventWaitChanges {
  readonly closed: ReadonlyArray<string>
  readonly opened: ReadonlyArray<Omit<EventWaitRow, "run">>
}

/**
 * Keeps events, in this order, each behind all that are kept; one whose id is
 * known is passed over. Every run with a wait that one of them may fit gets an
 * inbox row of kind `event` (see `wakeRow`), as if somebody had sent it.
 */
export interface EventsOp {
  readonly op: "events"
  readonly rows: ReadonlyArray<Omit<EventRow, "position">>
}

/**
 * Drops events, the oldest of each name first: those handed on at `keptUntil`
 * or before, and those at `unaskedUntil` or before for which no open run may
 * ask. Looks at most at so many names behind `after` and drops at most `limit`.
 */
export interface SweepOp {
  readonly op: "sweep"
  readonly keptUntil: number
  readonly unaskedUntil: number
  /** The name behind which it goes on; empty to begin. */
  readonly after: string
  readonly names: number
  readonly limit: number
}

/** Which events are read. */
export interface EventFilter {
  readonly name?: string | undefined
  /** The tenant in which they were published; of all when absent. */
  readonly tenant?: string | undefined
  /** Only events before this position. */
  readonly before?: string | undefined
  readonly limit: number
}

/** The answers to `EventsOp` and `SweepOp`. */
export interface EventAnswers {
  /** How many are new. */
  readonly events: { readonly added: number }
  /** `next`: the name to go on behind; null when there are no further names. */
  readonly sweep: { readonly dropped: number; readonly next: string | null }
}

/** The inbox row that wakes a run for events of a name: at most one for each name at a time. */
export const wakeRow = (run: string, event: string, at: number) => ({
  run,
  id: `events:${event}`,
  kind: "event",
  payload: StoredJson.textOf({ event }),
  at
})

/** The text of a position by its number. */
export const positionOf = (number: number): string => String(number).padStart(16, "0")

/** The number of a position. */
export const numberOf = (position: string): number => Number(position)

/** A place in an event, by the names that lead to it. The empty path is the event itself. */
export const pathOf = (names: ReadonlyArray<string>): string => StoredJson.textOf(names)

/** Stands for a value that may be equal to any: a list, say, whose members an expression looks at one by one. */
export const anyValue = "*"

/** How many characters of a text an index looks at: two texts that differ only behind these are told apart by the condition itself. */
const longest = 200

/** A text for a value that is equal for equal values; undefined for a list or an object. */
export const valueOf = (value: unknown): string | undefined => {
  if (typeof value === "string") return StoredJson.textOf(value.slice(0, longest))
  return value === null || typeof value === "boolean" || typeof value === "number"
    ? StoredJson.textOf(value)
    : undefined
}

/** The value at a place in an event, `anyValue` where there may be several, undefined where there is none. */
export const valueAt = (event: unknown, path: string): string | undefined => {
  let value: unknown = event
  for (const name of JSON.parse(path) as ReadonlyArray<string>) {
    if (Array.isArray(value)) return anyValue
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return valueOf(value) ?? (Array.isArray(value) ? anyValue : undefined)
}

/** Whether an event of this value may be what the equality asks for. */
export const mayEqual = (event: unknown, { path, value }: Equality): boolean => {
  const there = valueAt(event, path)
  return there === anyValue || there === value
}
