/**
 * The stream of all runs: each commit by its position. What is told of a commit
 * is made once for all who follow.
 */
import type { RunChange } from "@fermata/api/StreamsGroup"
import * as EngineEvent from "@fermata/core/EngineEvent"
import * as EventName from "@fermata/core/EventName"
import * as Tenant from "@fermata/core/Tenant"
import * as Upcast from "@fermata/core/Upcast"
import * as ChangeLog from "@fermata/engine/ChangeLog"
import type { Feed } from "@fermata/engine/Feed"
import type { FindError, Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Event } from "./EventStream.ts"

/** Which commits are told. */
export interface Filter {
  readonly workflow?: string
  readonly status?: ReadonlyArray<string>
  /** A pattern for the names of events. */
  readonly events?: string
  /** The whole id of a top run. */
  readonly root?: string
  /** The tenant whose runs are told of. */
  readonly tenant?: string
}

/** Makes streams over one feed. */
export const make = ({ feed, runs }: { readonly feed: Feed["Service"]; readonly runs: Runs["Service"] }) => {
  const told = new WeakMap<OfRun, Told>()
  /** What is told of a commit; nothing where its run is not there any more. A failure of the store is nobody else's. */
  const tell = (row: OfRun): Effect.Effect<ReadonlyArray<Told>, FindError> =>
    Effect.suspend(() => {
      const known = told.get(row)
      if (known !== undefined) return Effect.succeed([known])
      return Effect.map(runs.find(row.run), (run) => {
        const made = toldOf(row, run)
        told.set(row, made)
        return [made]
      }).pipe(Effect.catchTag("RunNotFound", () => Effect.succeed([])))
    })
  /** Commits behind a position, or from now on. `place` is told with every batch, also of those that the filter leaves out. */
  return (
    after: string | undefined,
    { events, root, status, tenant, workflow }: Filter,
    place: (position: string) => void
  ): Stream.Stream<ReadonlyArray<Event>, unknown> =>
    feed.follow({ ...(after === undefined ? {} : { after }), ...(root === undefined ? {} : { root }) }).pipe(
      Stream.mapEffect(({ next, reset, rows }) =>
        Effect.gen(function*() {
          place(next)
          if (reset === true) return [{ id: next, name: "reset", data: JSON.stringify({ from: next }) }]
          const wanted = rows.filter((row): row is OfRun =>
            !ChangeLog.hasEvent(row) && (workflow === undefined || row.workflow === workflow) &&
            Tenant.reaches(tenant, row.run)
          )
          const all = (yield* Effect.forEach(wanted, tell)).flat()
          return all
            .filter(({ change }) =>
              (status === undefined || status.includes(change.run.status))
              && (events === undefined || change.events.some((name) => EventName.matches(events, name)))
            )
            .map(({ event }) => event)
        })
      ),
      Stream.filter((batch) => batch.length > 0)
    )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type OfRun = Exclude<ChangeLog.Change, ChangeLog.EventChange>

interface Told {
  readonly change: RunChange
  readonly event: Event
}

const toldOf = (row: OfRun, run: RunChange["run"]): Told => {
  const change: RunChange = ChangeLog.hasEntries(row)
    ? {
      position: row.position,
      run,
      entries: [row.first, row.first + row.entries.length - 1],
      events: row.entries.flatMap((text, index) => namesOf(row, row.first + index, text))
    }
    : { position: row.position, run, events: ["engine.run.suspended"] }
  return { change, event: { id: change.position, data: JSON.stringify(change) } }
}

/** What the engine tells of an entry; nothing where it cannot be read. */
const namesOf = ({ run, workflow }: ChangeLog.EntriesChange, seq: number, text: string): ReadonlyArray<string> => {
  const entry = Upcast.read(run, seq, text)
  return Exit.isSuccess(entry) ? EngineEvent.of(run, workflow, entry.value).map(({ name }) => name) : []
}
