/**
 * The steps of runs, page by page. What is folded of a journal is kept, without
 * what steps took and gave, so that the next page reads only what came since.
 */
import * as RunView from "@fermata/core/RunView"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import type { Store } from "../Store.ts"
import type { FindError, RunLookup } from "./RunLookup.ts"
import * as RunWatch from "./RunWatch.ts"

/** The most steps that are kept, of all runs together. Those of the run that was asked for longest ago go first. */
export const mostKept = 50_000

/** Looks at the steps of runs, and keeps at most so many of them. */
export const make = (store: Store["Service"], { rowOf, whole }: RunLookup, most = mostKept) => {
  /** By the id of the run and when it was created: one that is started under the id of a deleted run is another. */
  const kept = new Map<string, RunView.RunView>()
  let count = 0

  const forget = (name: string): void => {
    count -= kept.get(name)?.steps.length ?? 0
    kept.delete(name)
  }

  const keep = (name: string, view: RunView.RunView): void => {
    forget(name)
    kept.set(name, view)
    count += view.steps.length
    for (const other of kept.keys()) {
      if (count <= most) return
      forget(other)
    }
  }

  return Effect.fn("Runs.steps")(
    function*(run: string): Effect.fn.Return<ReadonlyArray<RunView.StepView>, FindError | EntryCorrupt> {
      const row = yield* rowOf(run)
      const name = `${row.createdAt} ${row.id}`
      const before = kept.get(name) ?? RunView.empty(row.id)
      const seen = before.counts.entries
      const entries = row.length > seen ? yield* whole(row, RunWatch.readable(store, row.id, seen)) : []
      const view = entries.length === 0 ? before : light(RunView.foldAll(before, entries))
      keep(name, view)
      return RunWatch.standing(view, row).steps
    }
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The view without what is of any length: inputs, outputs and whatever else the run was given, said or did. */
const light = (view: RunView.RunView): RunView.RunView => {
  const { output: _output, ...rest } = view
  return {
    ...rest,
    counts: view.counts,
    spent: view.spent,
    payload: null,
    steps: view.steps.map(lightStep),
    timers: [],
    children: [],
    signals: [],
    approvals: [],
    state: {},
    events: [],
    decisions: [],
    refusals: [],
    notes: []
  }
}

const lightStep = ({ error, input: _input, output: _output, ...step }: RunView.StepView): RunView.StepView =>
  error === undefined ? step : { ...step, error: { cause: null, message: error.message } }
