/**
 * What of a fork's shared history was made from an output that the fork has
 * replaced: it stays as it was, since it is not done again.
 */
import type { ForkOptions } from "@fermata/core/RunStart"
import type * as RunView from "@fermata/core/RunView"
import * as Effect from "effect/Effect"
import type { CommandFailed } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import type { Operator } from "./Operator.ts"
import * as Words from "./Words.ts"

/** What of a fork was made from an output that it has replaced. */
export interface Stale {
  /** The step whose output is another. */
  readonly set: string
  /** Steps behind it whose outcomes are shared, in the order of the run. */
  readonly steps: ReadonlyArray<string>
  /** That they have used the old output is known, and not only possible. */
  readonly certain: boolean
}

/** What was recorded between each replaced output and the point of the fork, as far as it may have used that. */
export const of = (
  operator: Operator,
  view: RunView.RunView,
  { at, set = {} }: ForkOptions
): Effect.Effect<ReadonlyArray<Stale>, CommandFailed> =>
  Effect.gen(function*() {
    const keys = view.steps.map(({ key }) => key)
    const point = keys.indexOf(at)
    const between = Object.keys(set).map((key) => ({
      key,
      behind: keys.slice(keys.indexOf(key) + 1, Math.max(point, 0))
    })).filter(({ behind }) => behind.length > 0)
    if (between.length === 0) return []
    const stored = yield* operator.contractOf(view.workflow, view.version)
    if (stored === undefined) return between.map(({ behind, key }) => ({ set: key, steps: behind, certain: false }))
    const { dependents } = yield* Effect.promise(() => import("@fermata/contracts/ContractUses"))
    return between
      .map(({ behind, key }) => ({
        set: key,
        steps: dependents(stored.contract, key, behind, stored.kinds),
        certain: true
      }))
      .filter(({ steps }) => steps.length > 0)
  })

/** The same for people, with the command that forks before the first of them. */
export const textOf = (
  runId: string,
  options: ForkOptions,
  { certain, set: replaced, steps }: Stale
): string => {
  const first = steps[0]!
  const command = Commands.forkBefore(runId, first, options)
  return `${Words.list(steps.map((key) => `"${key}"`))} ${steps.length === 1 ? "is" : "are"} shared as recorded, and ${
    certain ? "used" : "may have used"
  } the old output of "${replaced}"; to do ${steps.length === 1 ? "it" : "them"} again: ${command}`
}
