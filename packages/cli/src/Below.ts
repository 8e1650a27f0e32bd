/**
 * What runs below a run wait for: whoever follows a run is told how to end the
 * waits of its children, however far below.
 */
import type * as RunView from "@fermata/core/RunView"
import * as Suspension from "@fermata/core/Suspension"
import type { Wait } from "@fermata/core/Wait"
import * as Effect from "effect/Effect"
import type { CommandFailed } from "./CommandFailed.ts"
import type { Place } from "./NextCommands.ts"
import type { Operator } from "./Operator.ts"
import * as Samples from "./Samples.ts"

/** A run below, without the reader. */
export type PlaceBelow = Omit<Place, "as">

/** The runs below for which each wait of a run waits, by its key; none where nobody is to do anything there. */
export type Below = ReadonlyMap<string, ReadonlyArray<PlaceBelow>>

/** What the runs below a run wait for. */
export const of = (operator: Operator, view: RunView.RunView): Effect.Effect<Below, CommandFailed> =>
  Effect.gen(function*() {
    const found = new Map<string, ReadonlyArray<PlaceBelow>>()
    for (const wait of view.waits) {
      const places = (yield* Effect.forEach(childrenOf(wait), (child) => placesIn(operator, child))).flat()
      if (places.length > 0) found.set(wait.key, places)
    }
    return found
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const childrenOf = (wait: Wait): ReadonlyArray<string> =>
  Suspension.actionsOf(wait).flatMap((action) => action.verb === "show" ? [action.run] : [])

const placesIn = (operator: Operator, run: string): Effect.Effect<ReadonlyArray<PlaceBelow>, CommandFailed> =>
  Effect.gen(function*() {
    const view = yield* operator.refine(operator.runs.show(run))
    if (view.status !== "suspended") return []
    const below = yield* of(operator, view)
    const waits = view.waits.filter((wait) => childrenOf(wait).length === 0 && Suspension.actionsOf(wait).length > 0)
    const { approvals, id, workflow } = view
    const own = { runId: id, workflow, waits, approvals, samples: yield* Samples.of(operator, view) }
    return [...waits.length === 0 ? [] : [own], ...[...below.values()].flat()]
  })
