/**
 * The stream of one run: the entries of its journal by `seq`, how it stands
 * where no entry says so, and its end.
 */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import { isFinal } from "@fermata/core/RunStatus"
import type { RunView } from "@fermata/core/RunView"
import { EntryCorrupt } from "@fermata/core/Upcast"
import type { StorageFailed } from "@fermata/engine/Backend"
import * as ChangeLog from "@fermata/engine/ChangeLog"
import type { Feed } from "@fermata/engine/Feed"
import type { Runs } from "@fermata/engine/Runs"
import type { Store } from "@fermata/engine/Store"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Event } from "./EventStream.ts"

/** What is read of. */
export interface Services {
  readonly feed: Feed["Service"]
  readonly runs: Runs["Service"]
  readonly store: Store["Service"]
}

/** So many entries are read at a time. */
const pageSize = 200

/**
 * What is told of a run from the entry `from` on, until it is over. Where the
 * journal is shorter than that, as after a restore, it is told so, and then all of it.
 */
export const of = (
  { feed, runs, store }: Services,
  { id, root }: { readonly id: string; readonly root: string },
  from: number
): Stream.Stream<ReadonlyArray<Event>, unknown> =>
  Stream.unwrap(Effect.map(feed.position, (position) =>
    // Followed from before the first look, so that no commit lies between.
    Stream.transformPull(feed.follow({ root, after: position }), (pull) => {
      let seq = from
      let isBehind = true
      let isOver = false
      /** Whether the place is known to be one of this journal. */
      let isKnown = false
      const read: Effect.Effect<ReadonlyArray<Event>, unknown> = Effect.gen(function*() {
        if (!isKnown) {
          isKnown = true
          if ((yield* runs.find(id)).entries < seq) {
            seq = 0
            return [reset]
          }
        }
        const entries = yield* page(store, id, seq)
        seq += entries.length
        isBehind = entries.length === pageSize
        const events = entries.map(entryEvent)
        if (isBehind) return events
        // Looked at behind the entries: whoever comes when all is told already finds no last one.
        const { entries: length, status } = yield* runs.find(id)
        isBehind = length > seq
        isOver = isFinal(status) && !isBehind
        return isOver ? [...events, end(status)] : events
      }).pipe(Effect.catchIf(isCorrupt, ({ problem, seq }) => {
        isOver = true
        return Effect.succeed([{ name: "corrupt", data: JSON.stringify({ seq, problem }) }])
      }))
      return Effect.succeed(Effect.gen(function*() {
        while (true) {
          if (isOver) return yield* Cause.done()
          if (isBehind) {
            const events = yield* read
            if (events.length > 0) return [events] as const
            continue
          }
          const changes = yield* pull
          if (changes.some(({ reset }) => reset === true)) {
            seq = 0
            isBehind = true
            return [[reset] as ReadonlyArray<Event>] as const
          }
          const rows = changes.flatMap(({ rows }) => rows).filter((row) => !ChangeLog.hasEvent(row) && row.run === id)
          isBehind = rows.some((row) => ChangeLog.hasEntries(row))
          const stands = rows.flatMap((row) =>
            ChangeLog.hasEntries(row) || ChangeLog.hasEvent(row) ? [] : [standEvent(row)]
          )
          if (stands.length > 0) return [stands] as const
        }
      }))
    })))

/**
 * What is told of a run from the entry `from` on, until it is over or goes on
 * only by a person, a signal or an operator. Behind each batch of entries it is
 * told how the run stands.
 */
export const toRest = (
  runs: Runs["Service"],
  id: string,
  from: number,
  farMs: number | undefined
): Stream.Stream<ReadonlyArray<Event>, unknown> => {
  let last: RunView | undefined
  return Stream.concat(
    runs.follow(id, { untilSuspended: true, ...(farMs === undefined ? {} : { farMs }) }).pipe(
      Stream.map(({ entries, view }) => {
        // The first look is at the whole: where it has less than the place says, that is none of this journal.
        const begins = last === undefined && view.counts.entries < from ? [reset] : []
        const place = begins.length > 0 ? 0 : from
        last = view
        return [...begins, ...entries.filter(({ seq }) => seq >= place).map(entryEvent), viewEvent(view)]
      })
    ),
    Stream.suspend(() => last === undefined ? Stream.empty : Stream.make([end(last.status)]))
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The entries from here on, up to the first that cannot be read; that one fails when it is the next. */
const page = (
  store: Store["Service"],
  id: string,
  from: number
): Effect.Effect<ReadonlyArray<JournalEntry>, EntryCorrupt | StorageFailed> =>
  Effect.catchTag(
    store.journal(id, from, pageSize),
    "EntryCorrupt",
    (error) => error.seq === from ? Effect.fail(error) : store.journal(id, from, error.seq - from)
  )

const isCorrupt = (error: unknown): error is EntryCorrupt => error instanceof EntryCorrupt

const entryEvent = (entry: JournalEntry): Event => ({ id: String(entry.seq), data: JSON.stringify(entry) })

const reset: Event = { name: "reset", data: "{}" }

const end = (status: string): Event => ({ name: "end", data: JSON.stringify({ status }) })

const viewEvent = ({ reason, status, waits }: RunView): Event => ({
  name: "status",
  data: JSON.stringify({ status, ...(reason === undefined ? {} : { reason }), waits })
})

const standEvent = ({ reason, status, waits }: ChangeLog.StandChange): Event => ({
  name: "status",
  data: `{"status":${JSON.stringify(status)},${reason === null ? "" : `"reason":${JSON.stringify(reason)},`}"waits":${
    waits ?? "[]"
  }}`
})
