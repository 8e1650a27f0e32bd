/**
 * Sampling: an MCP server that asks a model of its client in the middle of a call.
 * It is off unless `sampling` of a server says otherwise.
 */
import type { Amount } from "@fermata/core/Spent"
import type { CreateMessageRequest, CreateMessageResult } from "@modelcontextprotocol/sdk/types.js"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"

/** What a server asks, as the protocol has it: `messages`, `maxTokens`, `systemPrompt` and so on. */
export type SamplingRequest = CreateMessageRequest["params"]

/** What it is answered: `{ role, model, content: { type: "text", text }, stopReason }`. */
export type SamplingReply = CreateMessageResult

/** Where a server asks. */
export interface SamplingContext {
  readonly serverName: string
  /** 1 where the run was not itself begun to answer a server; at most 3. */
  readonly depth: number
  readonly runId: string
  /** The same for every attempt. */
  readonly idempotencyKey: string
  /** Says what the answer has cost, against the budget of the run. */
  readonly spend: (amount: Amount) => Effect.Effect<void>
}

/** Answers a server in place of a model of the agent: the body of a step, which may be asked again after a crash. */
export type SamplingHandler = (
  request: SamplingRequest,
  context: SamplingContext
) => Effect.Effect<SamplingReply, unknown, WorkflowEngine>

/** How many samplings have led to what runs here. A run that is started in a `SamplingHandler` begins with it. */
export const CurrentSamplingDepth: Context.Reference<number> = Context.Reference<number>(
  "@fermata/agent/mcp/McpSampling/Depth",
  { defaultValue: () => 0 }
)
