/** A run of an agent and the runs below it, as they are read out of their journals. */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type { AgentResponse } from "@fermata/core/AgentState"
import type { RunNotFound } from "@fermata/core/RunsErrors"
import type * as RunView from "@fermata/core/RunView"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import { type FindError, Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as ModelStep from "./ModelStep.ts"

/** Why a run that may not be there cannot be read. */
export type ReadError = Exclude<FindError, RunNotFound> | EntryCorrupt

/** The view of a run, where it is there. */
export const viewOf = (run: string): Effect.Effect<RunView.RunView | undefined, ReadError, Runs> =>
  Effect.flatMap(Runs, (runs) => Effect.catchTag(runs.show(run), "RunNotFound", () => Effect.succeed(undefined)))

/** A run and those that it has started, as far as they are there. */
export interface Family {
  readonly view: RunView.RunView
  readonly below: ReadonlyArray<{ readonly child: RunView.ChildView; readonly family: Family | undefined }>
}

/** What is there of a run and below it. */
export const familyOf = Effect.fnUntraced(function*(view: RunView.RunView): Effect.fn.Return<
  Family,
  Exclude<FindError, RunNotFound>,
  Runs
> {
  const runs = yield* Runs
  const below = yield* Effect.forEach(view.children, (child) =>
    runs.show(child.child).pipe(
      Effect.catchTag(["RunNotFound", "EntryCorrupt"], () => Effect.succeed(undefined)),
      Effect.flatMap((view) => view === undefined ? Effect.succeed(undefined) : familyOf(view)),
      Effect.map((family) => ({ child, family }))
    ))
  return { view, below }
})

/** An answer as a step has it. */
export const decodeAnswer = Schema.decodeUnknownExit(AgentMessage.Answer)

/** The answers that models have given in a run, in order. */
export const modelSteps = ({ steps }: RunView.RunView) =>
  steps.flatMap(({ endedAt, input, key, name, output }) => {
    if (name !== ModelStep.stepName || output === undefined) return []
    const answer = decodeAnswer(output)
    return Exit.isSuccess(answer)
      ? [{ answer: answer.value, purpose: field(input, "purpose"), key, at: endedAt ?? 0 }]
      : []
  })

/** The answers of the run's model, in order, summaries aside. */
export const answersOf = (view: RunView.RunView): ReadonlyArray<AgentMessage.Answer> =>
  modelSteps(view).flatMap(({ answer, purpose }) => purpose === "summary" ? [] : [answer])

/** Tokens of all answers, of those below too. Of one below that is not there any more, what it came to says how much that was. */
export const usageOf = ({ below, view }: Family): AgentMessage.Usage =>
  [
    ...modelSteps(view).map(({ answer }) => answer.usage),
    ...below.map(({ child, family }) => {
      if (family !== undefined) return usageOf(family)
      const usage = decodeUsage(field(child.output, "usage"))
      return Exit.isSuccess(usage) ? usage.value : AgentMessage.noUsage
    })
  ].reduce(AgentMessage.addUsage, AgentMessage.noUsage)

/** How a run stands, in the words of an agent. */
export const statusOf = ({ status }: RunView.RunView): AgentResponse["status"] => {
  switch (status) {
    case "completed":
      return "done"
    case "suspended":
      return "paused"
    case "failed":
    case "cancelled":
      return status
    default:
      return "running"
  }
}

/** A member of an object; nothing of what is none. */
export const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeUsage = Schema.decodeUnknownExit(AgentMessage.Usage)
