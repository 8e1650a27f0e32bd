import type { AgentState } from "@fermata/core/AgentState"
import * as StoredJson from "@fermata/core/StoredJson"
import * as TimeText from "@fermata/core/TimeText"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, lines } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Words from "../../Words.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata agent status` */
export const commandAgentStatus = Command.make(
  "status",
  { run: Arguments.run },
  ({ run }) =>
    withOperator(
      { command: "agent status", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const { id } = yield* operator.refine(operator.runs.find(run))
          const AgentState = yield* Effect.promise(() => import("@fermata/agent/AgentState"))
          const state = yield* operator.use(AgentState.of(id))
          yield* json ? document(state) : lines(told(state, operator.now()))
        })
    )
).pipe(
  Command.withDescription(
    "See how far a run of an agent is: what it does at the moment, turns, tokens, and its response once it is over"
  ),
  Sides.either,
  Command.withExamples([
    { command: "fermata agent status 1f0c", description: "For people" },
    { command: "fermata agent status 1f0c --json", description: "The document, as GET /api/runs/:run/state gives it" }
  ])
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const told = ({ lastHeartbeat, progress, response, status }: AgentState, now: number): ReadonlyArray<string> => {
  const { currentActivity, lastTool, tokensUsed, turns } = progress
  const { input, output } = tokensUsed
  const text = response?.status === "done"
    ? typeof response.data === "string" ? response.data : StoredJson.textOf(response.data)
    : response?.errors.map(({ code, message }) => `${code}: ${message}`).join("; ")
  return [
    [
      currentActivity === "idle" ? status : `${status}, ${currentActivity}`,
      Words.count(turns, "turn"),
      `${input} tokens in and ${output} out`,
      ...(lastTool === null ? [] : [`last called ${lastTool}`]),
      ...(lastHeartbeat === null ? [] : [`last heard of ${TimeText.duration(Math.max(0, now - lastHeartbeat))} ago`])
    ].join(" · "),
    ...(text === undefined || text === "" ? [] : [text])
  ]
}
