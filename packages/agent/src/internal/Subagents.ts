/** Agents as tools of other agents: what a model is told of one, and its runs as children. */
import * as AgentMessage from "@fermata/core/AgentMessage"
import * as Tool from "effect/ai/Tool"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Workflow from "effect/workflow/Workflow"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import * as AgentTool from "../AgentTool.ts"
import * as ToolStep from "./ToolStep.ts"

/** An agent, as another one needs it. */
export interface Below {
  readonly name: string
  readonly description: string
  readonly input: Schema.Top
  readonly workflow: Workflow.Any
}

/** An agent as a tool: its input is the tool's, text as `prompt`. */
export const toolOf = (agent: Below): Tool.Any =>
  Tool.make(agent.name, {
    description: agent.description,
    parameters: isText(agent) ? Schema.Struct({ prompt: Schema.String }) : agent.input as never,
    success: Schema.Json
  }).annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })) as unknown as Tool.Any

/** Runs an agent that a model gave work to, under an id that is the same for every replay. */
export const run = Effect.fnUntraced(function*(
  name: string,
  agent: Below | undefined,
  params: Schema.Json,
  id: string,
  depth: number
) {
  if (agent === undefined) {
    return { outcome: ToolStep.failure(`there is no agent "${name}" any more`), usage: AgentMessage.noUsage }
  }
  const workflow = agent.workflow as unknown as Runnable
  const decoded = Schema.decodeUnknownExit(Schema.toCodecJson(agent.input as Schema.Codec<unknown, unknown>))(
    isText(agent) ? (params as { readonly prompt?: unknown } | null)?.prompt : params
  )
  const usage = AgentMessage.noUsage
  if (Exit.isFailure(decoded)) {
    return { outcome: ToolStep.failure(`its input is wrong: ${problemOf(decoded.cause)}`), usage }
  }
  const exit = yield* Effect.exit(workflow.execute({ id, input: decoded.value, depth }))
  if (Exit.isFailure(exit)) {
    return Cause.hasInterruptsOnly(exit.cause)
      ? yield* Effect.interrupt
      : { outcome: ToolStep.failure(problemOf(exit.cause)), usage }
  }
  const encoded = Schema.encodeUnknownSync(Schema.toCodecJson(workflow.successSchema))(exit.value)
  const { output } = encoded as { readonly output: Schema.Json }
  return { outcome: { isFailure: false, result: output }, usage: exit.value.usage }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isText = ({ input }: Below): boolean => input.ast === Schema.String.ast

interface Ended {
  readonly usage: AgentMessage.Usage
}

/** The workflow of any agent, as far as a parent uses it. */
interface Runnable {
  readonly execute: (payload: {
    readonly id: string
    readonly input: unknown
    readonly depth: number
  }) => Effect.Effect<Ended, unknown, WorkflowEngine>
  readonly successSchema: Schema.Codec<Ended, { readonly output: Schema.Json }>
}

const problemOf = (cause: Cause.Cause<unknown>): string => {
  const problem = Cause.squash(cause)
  return (problem instanceof Error ? problem.message : String(problem)).slice(0, 2_000)
}
