/**
 * What holds of every journal that an engine writes, whatever it went through:
 *
 * - taken in at once it comes to the same as the first entries at once and the
 *   rest one by one, from every entry on, or from `mostCuts` of them where it is
 *   longer; and no entry is changed by that;
 * - wherever it is cut off, the engine knows the same steps without an outcome
 *   as the view that people are shown, in the same attempts, the same open
 *   questions and children, and whether the run is paused.
 */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import { isFinal } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import type { Fold, Recorded } from "@fermata/engine/EngineProbe"

/** Where the law does not hold of this journal; undefined where it does. */
export const violation = <State extends Recorded>(
  fold: Fold<State>,
  journal: ReadonlyArray<JournalEntry>
): string | undefined => split(fold, journal) ?? disagreement(fold, journal)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostCuts = 300

const split = <State extends Recorded>(
  { apply, load }: Fold<State>,
  journal: ReadonlyArray<JournalEntry>
): string | undefined => {
  const written = JSON.stringify(journal)
  const whole = textOf(load(journal))
  const stride = Math.ceil(journal.length / mostCuts)
  for (let length = 0; length < journal.length; length += stride) {
    const state = load(journal.slice(0, length))
    for (const entry of journal.slice(length)) apply(state, entry)
    if (textOf(state) !== whole) return `entry by entry from ${length} on it comes to something else than at once`
  }
  return JSON.stringify(journal) === written ? undefined : "an entry was changed when it was taken in"
}

const disagreement = <State extends Recorded>(
  { apply, load }: Fold<State>,
  journal: ReadonlyArray<JournalEntry>
): string | undefined => {
  const state = load([])
  let view = RunView.empty("")
  for (const entry of journal) {
    apply(state, entry)
    view = RunView.fold(view, entry)
    // What is left open when a run has ended is nobody's concern.
    if (isFinal(view.status)) continue
    const [known, shown] = [JSON.stringify(knownOf(state, view)), JSON.stringify(shownOf(view))]
    if (known !== shown) return `at entry ${entry.seq} it has ${known}, and its view has ${shown}`
  }
  return undefined
}

/** What is open and whether the run is paused, as the engine knows it. */
const knownOf = ({ approvals, children, open, paused }: Recorded, view: RunView.RunView) => ({
  // A failure that suspended its run is one until the step is asked for again.
  steps: Array.from(open, ({ entry, key, retryAt }) => [key, entry.attempt, retryAt ?? null] as const)
    .filter(([key]) => RunView.step(view, key)?.status !== "failed").sort(byKey),
  approvals: Array.from(approvals).flatMap(([key, { decided }]) => decided === undefined ? [[key]] : []).sort(byKey),
  children: Array.from(children).flatMap(([key, { exit }]) => exit === undefined ? [[key]] : []).sort(byKey),
  paused
})

/** The same as people are shown it. */
const shownOf = (view: RunView.RunView): ReturnType<typeof knownOf> => ({
  steps: view.steps.flatMap(({ attempts, key, retryAt, status }) =>
    status === "completed" || status === "failed" ? [] : [[key, attempts, retryAt ?? null] as const]
  ).toSorted(byKey),
  approvals: view.approvals.flatMap(({ key, status }) => status === "open" ? [[key]] : []).toSorted(byKey),
  children: view.children.flatMap(({ child, status }) => status === "running" ? [[child]] : []).toSorted(byKey),
  paused: view.paused
})

const byKey = ([a = ""]: ReadonlyArray<unknown>, [b = ""]: ReadonlyArray<unknown>): number =>
  String(a) < String(b) ? -1 : 1

/** All that a state holds, in order, as text. */
const textOf = (state: unknown): string =>
  JSON.stringify(
    state,
    (_, value: unknown) => value instanceof Map || value instanceof Set ? [value.constructor.name, ...value] : value
  )
