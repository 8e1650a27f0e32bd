/**
 * Events, subscriptions and waits of the memory backend.
 */
import * as Tenant from "@fermata/core/Tenant"
import type { InboxRow } from "../Backend.ts"
import type {
  Awaited,
  EventAnswers,
  EventFilter,
  EventRow,
  EventsOp,
  EventWait,
  EventWaitChanges,
  EventWaitRow,
  SweepOp
} from "../EventLog.ts"
import { anyValue, positionOf, valueAt, wakeRow } from "../EventLog.ts"

/** Plain data: `structuredClone` takes a snapshot. */
export interface MemoryEvents {
  /** By position, the oldest first. */
  readonly rows: Map<string, EventRow>
  readonly positions: Map<string, string>
  /** Positions by name, and by name, path and value, in order. */
  readonly named: Map<string, Array<string>>
  readonly valued: Map<string, Array<string>>
  /** The places at which runs have ever asked for a value, by name: the values of events behind the position are in `valued`. */
  readonly paths: Map<string, Map<string, string>>
  /** Positions at which the subscriptions of open runs begin, by name and run. */
  readonly subscriptions: Map<string, Map<string, string>>
  /** Waits by name and by name, path and value: each under its run and key. */
  readonly waits: Map<string, Map<string, EventWaitRow>>
  /** The last event of a name that was dropped although open runs might have asked for it. */
  readonly floors: Map<string, string>
  /** Number of the last position. */
  last: number
  /** Number of the last commit without entries: it has one of the same row of numbers, as in stores where both are ordered by it. */
  lastMark: number
}

export const make = (): MemoryEvents => ({
  rows: new Map(),
  positions: new Map(),
  named: new Map(),
  valued: new Map(),
  paths: new Map(),
  subscriptions: new Map(),
  waits: new Map(),
  floors: new Map(),
  last: 0,
  lastMark: 0
})

/** What a run has of this: goes with its end. */
export interface OfRun {
  readonly subscriptions: ReadonlyArray<string>
  readonly waits: ReadonlyArray<EventWaitRow>
}

/** The changes, each with a way to take it back. */
export class EventChanges {
  readonly #events: MemoryEvents
  readonly #undo: (step: () => void) => void

  constructor(events: MemoryEvents, undo: (step: () => void) => void) {
    this.#events = events
    this.#undo = undo
  }

  subscribe(run: string, event: string, paths: ReadonlyArray<string>, since: string | undefined): void {
    const { positions, subscriptions } = this.#events
    for (const path of paths) this.#value(event, path)
    const position = (since === undefined ? undefined : positions.get(since)) ?? positionOf(this.#events.last)
    this.#put(had(subscriptions, event, () => new Map<string, string>()), run, position)
  }

  /** From now on, events of this name are found by the value at this place. */
  #value(event: string, path: string): void {
    const known = had(this.#events.paths, event, () => new Map<string, string>())
    if (!known.has(path)) this.#put(known, path, positionOf(this.#events.last))
  }

  /** Answers what the run waits for now. */
  change(run: string, before: ReadonlyArray<EventWaitRow>, changes: EventWaitChanges): ReadonlyArray<EventWaitRow> {
    const gone = new Set([...changes.closed, ...changes.opened.map(({ key }) => key)])
    for (const wait of before) if (gone.has(wait.key)) this.#drop(this.#waitsOf(wait), under(wait))
    for (const { equality, event } of changes.opened) if (equality !== null) this.#value(event, equality.path)
    const opened = [...new Map(changes.opened.map((wait) => [wait.key, { ...wait, run }])).values()]
    for (const wait of opened) this.#put(this.#waitsOf(wait), under(wait), wait)
    return [...before.filter(({ key }) => !gone.has(key)), ...opened]
  }

  end(run: string, { subscriptions, waits }: OfRun): void {
    for (const event of subscriptions) this.#drop(this.#events.subscriptions.get(event)!, run)
    for (const wait of waits) this.#drop(this.#waitsOf(wait), under(wait))
  }

  keep(
    { rows }: EventsOp,
    wake: (row: InboxRow) => void,
    tell: (event: EventRow) => void
  ): EventAnswers["events"] {
    const { positions, waits } = this.#events
    const wanted = new Map<string, Set<string>>()
    const looked = new Set<string>()
    let added = 0
    let at = 0
    for (const row of rows) {
      if (positions.has(row.id)) continue
      if (added++ === 0) at = row.at
      const runs = had(wanted, row.name, () => new Set<string>())
      const { event, places } = this.#insert(row)
      tell(event)
      for (const where of [of(row.name), ...places]) {
        if (looked.has(where)) continue
        looked.add(where)
        for (const wait of waits.get(where)?.values() ?? []) runs.add(wait.run)
      }
    }
    for (const [event, runs] of wanted) for (const run of [...runs].sort()) wake(wakeRow(run, event, at))
    return { added }
  }

  /** Answers with `places`, too: where the waits are that it may fit, but for those that look at every event of its name. */
  /** Gives a commit without entries its number. */
  mark(): void {
    const before = this.#events.lastMark
    this.#events.lastMark = this.#next
    this.#undo(() => {
      this.#events.lastMark = before
    })
  }

  get #next(): number {
    return Math.max(this.#events.last, this.#events.lastMark) + 1
  }

  #insert(row: EventsOp["rows"][number]): { readonly event: EventRow; readonly places: ReadonlyArray<string> } {
    const { named, paths, positions, rows, valued, waits } = this.#events
    const before = this.#events.last
    this.#events.last = this.#next
    const position = positionOf(this.#events.last)
    this.#undo(() => {
      this.#events.last = before
    })
    const event: EventRow = { position, ...row }
    this.#put(rows, position, event)
    this.#put(positions, row.id, position)
    this.#push(had(named, row.name, () => []), position)
    const asked = paths.get(row.name)
    if (asked === undefined || asked.size === 0) return { event, places: [] }
    const payload: unknown = JSON.parse(row.payload)
    const places = [...asked.keys()].flatMap((path) => {
      const value = valueAt(payload, path)
      if (value === undefined) return []
      this.#push(had(valued, of(row.name, path, value), () => []), position)
      return value === anyValue
        ? [...waits.keys()].filter((where) => where.startsWith(`${of(row.name, path)}\u0000`))
        : [of(row.name, path, value)]
    })
    return { event, places }
  }

  sweep({ after, keptUntil, limit, names, unaskedUntil }: SweepOp): EventAnswers["sweep"] {
    const { floors, named, rows, subscriptions } = this.#events
    const all = [...named.keys()].filter((name) => name > after && named.get(name)!.length > 0).sort()
    let dropped = 0
    let previous = after
    for (const name of all.slice(0, names)) {
      const asked = [...subscriptions.get(name)?.values() ?? []].sort()[0]
      for (const position of named.get(name)!.slice()) {
        const row = rows.get(position)!
        const isAsked = asked !== undefined && position > asked
        if (row.at > keptUntil && (isAsked || row.at > unaskedUntil)) break
        if (dropped === limit) return { dropped, next: previous }
        dropped++
        this.#forget(row)
        if (isAsked) this.#put(floors, name, position)
      }
      previous = name
    }
    return { dropped, next: all.length > names ? previous : null }
  }

  /** Deletes an event. */
  forget(row: EventRow): void {
    this.#forget(row)
  }

  /** Deletes what is known of these names beside their events. */
  forgetNames(isMeant: (name: string) => boolean): void {
    for (const map of [this.#events.paths, this.#events.floors] as ReadonlyArray<Map<string, unknown>>) {
      for (const name of Array.from(map.keys())) if (isMeant(name)) this.#drop(map, name)
    }
  }

  #forget(row: EventRow): void {
    const { named, paths, positions, rows, valued } = this.#events
    this.#drop(rows, row.position)
    this.#drop(positions, row.id)
    this.#remove(named.get(row.name)!, row.position)
    const event: unknown = JSON.parse(row.payload)
    for (const path of paths.get(row.name)?.keys() ?? []) {
      const value = valueAt(event, path)
      const places = value === undefined ? undefined : valued.get(of(row.name, path, value))
      if (places !== undefined) this.#remove(places, row.position)
    }
  }

  #waitsOf({ equality, event }: EventWait): Map<string, EventWaitRow> {
    const where = equality === null ? of(event) : of(event, equality.path, equality.value)
    return had(this.#events.waits, where, () => new Map<string, EventWaitRow>())
  }

  #push(list: Array<string>, position: string): void {
    list.push(position)
    this.#undo(() => list.pop())
  }

  #remove(list: Array<string>, position: string): void {
    const index = list.indexOf(position)
    if (index < 0) return
    list.splice(index, 1)
    this.#undo(() => list.splice(index, 0, position))
  }

  #put<Value>(map: Map<string, Value>, key: string, value: Value): void {
    const before = map.get(key)
    map.set(key, value)
    this.#undo(() => {
      if (before === undefined) map.delete(key)
      else map.set(key, before)
    })
  }

  #drop<Value>(map: Map<string, Value>, key: string): void {
    const before = map.get(key)
    if (before === undefined) return
    map.delete(key)
    this.#undo(() => {
      map.set(key, before)
    })
  }
}

// ---------------------------------------------------------------------------
// reads
// ---------------------------------------------------------------------------

export const list = (
  { named, rows }: MemoryEvents,
  { before, limit, name, tenant }: EventFilter
): ReadonlyArray<EventRow> =>
  (name === undefined ? [...rows.keys()].sort() : named.get(name) ?? [])
    .filter((position) => tenant === undefined || Tenant.of(rows.get(position)!.name) === tenant)
    .filter((position) => before === undefined || position < before)
    .toReversed()
    .slice(0, Math.max(0, limit))
    .map((position) => rows.get(position)!)

export const oldest = ({ rows }: MemoryEvents): number | null => {
  let first: EventRow | undefined
  for (const row of rows.values()) if (first === undefined || row.position < first.position) first = row
  return first?.at ?? null
}

export const waitsFor = ({ waits }: MemoryEvents, event: string): ReadonlyArray<EventWaitRow> =>
  [...waits.values()].flatMap((some) => Array.from(some.values()).filter((wait) => wait.event === event))
    .sort((a, b) => under(a) < under(b) ? -1 : 1)

export const awaited = (
  { floors, last, named, paths, rows, subscriptions, valued }: MemoryEvents,
  { equality, event, run }: EventWait,
  after: string | null,
  /** Where the wait stands, if the run has it. */
  standing: string | undefined,
  limit: number
): Awaited => {
  const head = positionOf(last)
  const start = after ?? standing ?? subscriptions.get(event)?.get(run) ?? head
  const places = equality === null || start < (paths.get(event)?.get(equality.path) ?? head)
    ? [named.get(event) ?? []]
    : [equality.value, anyValue].map((value) => valued.get(of(event, equality.path, value)) ?? [])
  const events = places.flatMap((some) => some.slice(firstBehind(some, start)).slice(0, Math.max(0, limit)))
    .sort()
    .slice(0, Math.max(0, limit))
    .map((position) => rows.get(position)!)
  return {
    events,
    upTo: events.length === limit ? events.at(-1)?.position ?? start : head,
    isKnown: standing !== undefined,
    missed: (floors.get(event) ?? "") > start
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const of = (...parts: ReadonlyArray<string>): string => parts.join("\u0000")

const under = ({ key, run }: Pick<EventWait, "run" | "key">): string => of(run, key)

/** The value under a key, made if there is none. */
const had = <Value>(map: Map<string, Value>, key: string, make: () => Value): Value => {
  let value = map.get(key)
  if (value === undefined) map.set(key, value = make())
  return value
}

/** Index of the first position behind this one. */
const firstBehind = (positions: ReadonlyArray<string>, start: string): number => {
  let low = 0
  for (let high = positions.length; low < high;) {
    const middle = (low + high) >> 1
    if (positions[middle]! > start) high = middle
    else low = middle + 1
  }
  return low
}
