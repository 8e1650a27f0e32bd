/**
 * What would end the waits of a run, for the commands that are printed: made
 * from what its workflow says, never from what somebody has sent.
 */
import type * as RunView from "@fermata/core/RunView"
import type { Wait } from "@fermata/core/Wait"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CommandFailed } from "./CommandFailed.ts"
import type { Sample, Samples } from "./NextCommands.ts"
import type { Operator } from "./Operator.ts"

/** The samples of all waits that take one. */
export const of = (operator: Operator, view: RunView.RunView): Effect.Effect<Samples, CommandFailed> =>
  Effect.map(
    Effect.forEach(
      view.waits,
      (wait) => Effect.map(sampleOf(operator, view, wait), (sample) => [wait.key, sample] as const)
    ),
    (all) => new Map(all.flatMap(([key, sample]) => sample === undefined ? [] : [[key, sample]]))
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const sampleOf = (
  operator: Operator,
  view: RunView.RunView,
  wait: Wait
): Effect.Effect<Sample | undefined, CommandFailed> => {
  switch (wait.reason) {
    case "signal":
      return wait.key.startsWith("event:")
        ? eventFor(operator, view, wait.key.slice("event:".length))
        : wait.key.startsWith("step:")
        ? Effect.succeed<Sample>({ _tag: "Json", value: { output: null } })
        : known(operator, view, wait)
    case "outcome-unknown":
    case "recovery":
      return known(operator, view, wait)
    default:
      return Effect.undefined
  }
}

const known = (
  operator: Operator,
  view: RunView.RunView,
  wait: Wait
): Effect.Effect<Sample | undefined, CommandFailed> =>
  Effect.map(
    operator.refine(operator.runs.sample(view.id, wait)),
    (sample) => Option.isNone(sample) ? undefined : { _tag: "Json" as const, value: sample.value }
  )

const eventFor = (
  operator: Operator,
  view: RunView.RunView,
  event: string
): Effect.Effect<Sample | undefined, CommandFailed> =>
  Effect.gen(function*() {
    const stored = yield* operator.contractOf(view.workflow, view.version)
    if (stored === undefined) return undefined
    const EventSample = yield* Effect.promise(() => import("@fermata/contracts/EventSample"))
    const value = yield* EventSample.of(stored.contract, view, event, stored.kinds)
    if (value !== undefined) return { _tag: "Json" as const, value }
    const conditions = EventSample.waitsFor(stored.contract, event, stored.kinds).flatMap(({ where }) => where ?? [])
    return { _tag: "Words" as const, text: `an event "${event}" for which this holds: ${conditions.join(", or ")}` }
  })
