/**
 * How far a run of an agent is, for whoever has started it and looks from time to
 * time: what it does at the moment, what it has used, and, once it is over, what
 * it came to. Read out of its journal, which knows each beginning and end of a
 * call, so that looking costs the run nothing and is the same in every process.
 */
import type { AgentActivity, AgentState } from "@fermata/core/AgentState"
import { isFinal } from "@fermata/core/RunStatus"
import type * as RunView from "@fermata/core/RunView"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as AgentResponse from "./AgentResponse.ts"
import { answersOf, familyOf, field, type ReadError, statusOf, usageOf, viewOf } from "./internal/Family.ts"
import * as ModelStep from "./internal/ModelStep.ts"

export { AgentActivity, AgentState } from "@fermata/core/AgentState"

/** How far the run of this id is. One that there is not is `not_found`. */
export const of = (run: string): Effect.Effect<AgentState, ReadError, Runs> =>
  Effect.gen(function*() {
    const view = yield* viewOf(run)
    if (view === undefined) return notFound(run)
    const family = yield* familyOf(view)
    const webhook = yield* (yield* Runs).webhook(view.id).pipe(
      Effect.catchTag(["RunNotFound", "RunAmbiguous"], () => Effect.succeed(Option.none()))
    )
    const { cacheRead, cacheWrite, input, output } = usageOf(family)
    return {
      version: 1,
      runId: view.id,
      status: view.status === "queued" ? "queued" : statusOf(view),
      startedAt: view.times.startedAt ?? null,
      lastHeartbeat: view.times.updatedAt,
      progress: {
        turns: answersOf(view).length,
        tokensUsed: { input: input + cacheRead + cacheWrite, output },
        currentActivity: activityOf(view),
        lastTool: view.steps.findLast(isTool)?.name ?? null
      },
      response: isFinal(view.status) ? yield* AgentResponse.of(view.id) : null,
      ...(Option.isNone(webhook) ? {} : { webhook: webhook.value })
    }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isTool = ({ label }: RunView.StepView): boolean => label === "tool"

/** What is in flight while the run is at work, also when it is to pause after it; a step that waits for its next attempt is not. */
const activityOf = ({ status, steps }: RunView.RunView): AgentActivity => {
  if (status !== "running") return "idle"
  const open = steps.filter(({ status }) => status === "running" || status === "requested")
  if (open.some(isTool)) return "tool_dispatch"
  const asked = open.find(({ name }) => name === ModelStep.stepName)
  return asked === undefined ? "idle" : field(asked.input, "purpose") === "summary" ? "compacting" : "streaming"
}

const notFound = (run: string): AgentState => ({
  version: 1,
  runId: run,
  status: "not_found",
  startedAt: null,
  lastHeartbeat: null,
  progress: { turns: 0, tokensUsed: { input: 0, output: 0 }, currentActivity: "idle", lastTool: null },
  response: null
})
