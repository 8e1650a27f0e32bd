/** Agents as tools of other agents: what a model is told of one, and its runs as children. */
import * as AgentMessage from "@fermata/core/AgentMessage"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Workflows from "@fermata/engine/Workflows"
import * as Tool from "effect/ai/Tool"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import { AgentFailed } from "../AgentErrors.ts"
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

/**
 * Runs an agent that a model gave work to, under an id that is the same for every
 * replay. What it is given is decided once: a run that has begun is waited for,
 * also where the agent takes something else by now, or is gone.
 */
export const run = Effect.fnUntraced(function*(
  name: string,
  agent: Below | undefined,
  params: Schema.Json,
  id: string,
  depth: number,
  sampling: number
) {
  // Runs of an earlier build have passed here without.
  const given = yield* Workflows.decide("agent", Given, () => givenOf(name, agent, params), { added: true })
  const usage = AgentMessage.noUsage
  if ("problem" in given) return { outcome: ToolStep.failure(given.problem), usage }
  const input = given.from === "prompt" ? (params as { readonly prompt: string }).prompt : given.input ?? params
  const exit = yield* Effect.exit(anyAgent(name).execute({ id, input, depth, ...(sampling === 0 ? {} : { sampling }) }))
  if (Exit.isFailure(exit)) {
    // Where this run itself is stopped, nobody comes to this place.
    const problem = Cause.hasInterruptsOnly(exit.cause) ? `agent "${name}" was cancelled` : problemOf(exit.cause)
    return { outcome: ToolStep.failure(problem), usage }
  }
  return { outcome: { isFailure: false, result: exit.value.output }, usage: exit.value.usage }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isText = ({ input }: Below): boolean => input.ast === Schema.String.ast

/** What an agent is given: the text of a call, its arguments, or what its schema makes of them; or why nothing. */
const Given = Schema.Union([
  Schema.Struct({ from: Schema.Literal("prompt") }),
  Schema.Struct({ from: Schema.Literal("params"), input: Schema.optionalKey(Schema.Json) }),
  Schema.Struct({ problem: Schema.String })
])

const givenOf = (name: string, agent: Below | undefined, params: Schema.Json): typeof Given.Type => {
  if (agent === undefined) return { problem: `there is no agent "${name}" any more` }
  const codec = Schema.toCodecJson(agent.input as Schema.Codec<unknown, unknown>)
  const text = (params as { readonly prompt?: unknown } | null)?.prompt
  const decoded = Schema.decodeUnknownExit(codec)(isText(agent) ? text : params)
  if (Exit.isFailure(decoded)) return { problem: `its input is wrong: ${problemOf(decoded.cause)}` }
  if (isText(agent)) return { from: "prompt" }
  const input = Schema.encodeUnknownSync(codec)(decoded.value) as Schema.Json
  return StoredJson.textOf(input) === StoredJson.textOf(params) ? { from: "params" } : { from: "params", input }
}

/** The workflow of an agent of this name, as far as one above needs it: whatever the agent is by now. */
const anyAgent = (name: string) =>
  Workflow.make(name, {
    payload: {
      id: Schema.String,
      input: Schema.Json,
      depth: Schema.Int,
      sampling: Schema.optionalKey(Schema.Int)
    },
    success: Schema.Struct({ output: Schema.Json, usage: AgentMessage.Usage }),
    error: AgentFailed,
    idempotencyKey: ({ id }) => id
  })

const problemOf = (cause: Cause.Cause<unknown>): string => {
  const problem = Cause.squash(cause)
  return (problem instanceof Error ? problem.message : String(problem)).slice(0, 2_000)
}
