/**
 * What an MCP server asks of a model in the middle of a call
 * (`sampling/createMessage`): a model call of the run, in its body. Policy is asked
 * first, and the budget; then the models of the agent, or whoever answers for them.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type { Answer, Message, Usage } from "@fermata/core/AgentMessage"
import type { Amount } from "@fermata/core/Amount"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Approval from "@fermata/engine/Approval"
import type { Chunks } from "@fermata/engine/Chunks"
import type { Engine } from "@fermata/engine/Engine"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import * as AgentTool from "../../AgentTool.ts"
import { CurrentSamplingDepth, type SamplingRequest } from "../../mcp/McpSampling.ts"
import * as McpServers from "../../mcp/McpServers.ts"
import { Models } from "../../Model.ts"
import * as Fallback from "../../model/Fallback.ts"
import type { Policy } from "../../Policy.ts"
import * as AnswerFold from "../AnswerFold.ts"
import * as Budgeting from "../Budgeting.ts"
import * as DailyBudget from "../DailyBudget.ts"
import * as ModelStep from "../ModelStep.ts"
import type { Setup } from "../Setup.ts"
import type * as Asks from "./Asks.ts"
import * as McpNames from "./McpNames.ts"

type Needs = Engine | WorkflowEngine | WorkflowInstance | Models | Chunks

/** The run whose model is asked. */
export interface Parts {
  readonly run: string
  readonly agent: string
  readonly depth: number
  /** How many samplings have led to this run. */
  readonly samplingDepth: number
  readonly policy: Policy
  readonly models: ReadonlyArray<string>
  readonly setup: Setup
  readonly budget: Amount | undefined
  readonly dailyBudget: Amount | undefined
  readonly samplingStep: ModelStep.ModelStep
}

/** What a server is answered, and what was used for that. */
export interface Sampled {
  readonly reply: Asks.Reply
  readonly usage: Usage
}

/** Answers a server. `turn` is that of the call. */
export const answer = Effect.fnUntraced(function*(
  parts: Parts,
  turn: number,
  tool: string,
  open: Extract<Asks.Open, { readonly _tag: "Asks" }>
): Effect.fn.Return<Sampled, never, Needs> {
  const { question: { params }, server } = open
  const depth = parts.samplingDepth + 1
  // Policy is configuration, and a replay must go the way that was gone.
  const gate = yield* Workflows.decide("sampling", Gate, () => gateOf(parts, server, params, depth))
  if (gate.to === "nobody") return refusal(gate.code, gate.reason)
  if (gate.approvers !== undefined) {
    const answered = yield* Approval.askJson(`${tool} samples`, {
      approvers: gate.approvers,
      prompt: `MCP server "${server}" wants a model of agent "${parts.agent}" asked this.`,
      args: params,
      choices: [],
      quorum: 1,
      editable: false,
      onTimeout: "deny"
    })
    if (answered._tag !== "Approved") return refusal(rejected, "people did not let it ask a model")
  }
  if (open.byHandler === true) return yield* byHandler({ server, params, depth, run: parts.run })
  return yield* byModel(parts, turn, params)
})

/** The step of model calls for servers. */
export const stepName = "mcp sampling"

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How many samplings may lead to each other. */
const mostDepth = 3

/** As the protocol says that people have refused. */
const rejected = -1
const invalidParams = -32602
const internalError = -32603

const Gate = Schema.Union([
  Schema.Struct({ to: Schema.Literal("nobody"), code: Schema.Int, reason: Schema.String }),
  Schema.Struct({
    to: Schema.Literal("model"),
    approvers: Schema.optionalKey(Schema.Array(Schema.String))
  })
])

const gateOf = (
  { agent, depth, policy }: Parts,
  server: string,
  params: Schema.JsonObject,
  samplings: number
): typeof Gate.Type => {
  if (samplings > mostDepth) {
    return { to: "nobody", code: rejected, reason: `${mostDepth} samplings have led to this one already` }
  }
  if (params["tools"] !== undefined) {
    return { to: "nobody", code: invalidParams, reason: "a model is not given the tools of a server" }
  }
  const decision = policy({ agent, depth, tool: McpNames.sampling(server), params, rules })
  switch (decision.decision) {
    case "allow":
      return { to: "model" }
    case "ask":
      return { to: "model", approvers: decision.approvers }
    case "deny":
    case "modify":
      return { to: "nobody", code: rejected, reason: `it is not allowed: ${decision.reason}` }
  }
}

const rules = AgentTool.rulesOf({
  annotations: AgentTool.rules({ onCrash: "rerun-keyed", permission: "network" })
} as never)

const refusal = (code: number, message: string): Sampled => ({
  reply: { error: { code, message } },
  usage: AgentMessage.noUsage
})

const byModel = Effect.fnUntraced(function*(
  parts: Parts,
  turn: number,
  params: Schema.JsonObject
): Effect.fn.Return<Sampled, never, Needs> {
  const { agent, budget, dailyBudget, run, samplingStep, setup } = parts
  const { maxTokens: wanted, messages, systemPrompt = "", temperature } = params as unknown as SamplingRequest
  const said = messagesOf(messages)
  if (said === undefined) return refusal(invalidParams, "a message has something that no model is told here")
  const maxTokens = Math.max(1, Math.min(wanted, setup.maxTokens))
  const input = AnswerFold.tokensOf(JSON.stringify([systemPrompt, messages]).length)
  const models = yield* orderOf(parts, params, { input, output: maxTokens })
  const reserve = Budgeting.reserve(models, input, maxTokens)
  const ask = Effect.gen(function*() {
    if (!(yield* Budgeting.affords(budget, setup.onBudget, reserve))) return undefined
    return yield* samplingStep({ turn, purpose: "sampling" }).pipe(
      Effect.provideService(Step.Reserved, yield* reserve),
      Effect.provideService(ModelStep.CurrentQuestion, {
        run,
        models,
        instructions: systemPrompt,
        messages: () => said,
        tools: [],
        maxTokens,
        temperature,
        output: undefined
      })
    )
  })
  return yield* DailyBudget.asked({ agent, dailyBudget, onBudget: setup.onBudget }, ask).pipe(
    Effect.match({
      onSuccess: (answer) =>
        answer === undefined
          ? refusal(internalError, "the run that it asks in may spend no more")
          : sampledOf(answer),
      onFailure: ({ message }) => refusal(internalError, message)
    })
  )
})

/** The models of the agent, those first of which the server has said a part of the name, or the cheapest where it wants that above all. */
const orderOf = Effect.fnUntraced(function*(
  { models }: Parts,
  { modelPreferences }: Schema.JsonObject,
  size: Fallback.Size
) {
  const { costPriority = 0, hints = [], intelligencePriority = 0, speedPriority = 0 } = (modelPreferences ??
    {}) as NonNullable<SamplingRequest["modelPreferences"]>
  const isCheap = costPriority > Math.max(speedPriority, intelligencePriority)
  const known = isCheap ? (yield* Fallback.choose(yield* Models, models, size, "cheapest")).models : []
  // Prices and what can be asked here are configuration: which model is asked first is decided once.
  return yield* Workflows.decide("models", Schema.Array(Schema.String), () => {
    const order = known.length === 0 ? models : known.map(({ name }) => name)
    const hinted = hints.flatMap(({ name }) => name === undefined ? [] : order.filter((each) => each.includes(name)))
    return [...new Set([...hinted, ...order])]
  })
})

/** Messages for a model; undefined where one holds what none is told. */
const messagesOf = (messages: SamplingRequest["messages"]): ReadonlyArray<Message> | undefined => {
  const read = messages.map(({ content, role }): Message | undefined => {
    const blocks = Array.isArray(content) ? content : [content]
    if (role === "assistant") {
      return blocks.every((block) => block.type === "text")
        ? { role, content: blocks.map(({ text }) => ({ type: "text" as const, text })) }
        : undefined
    }
    const parts = blocks.map((block) =>
      block.type === "text"
        ? { type: "text" as const, text: block.text }
        : block.type === "image" || block.type === "audio"
        ? { type: "file" as const, mediaType: block.mimeType, data: { base64: block.data } }
        : undefined
    )
    return parts.every((part) => part !== undefined) ? { role, content: parts } : undefined
  })
  return read.every((message) => message !== undefined) ? read : undefined
}

const sampledOf = ({ content, finish, model, usage }: Answer): Sampled =>
  finish === "refused"
    ? { ...refusal(internalError, `model "${model}" refuses to answer`), usage }
    : {
      reply: {
        result: {
          role: "assistant",
          model,
          content: { type: "text", text: AgentMessage.textOf(content) },
          stopReason: finish === "length" ? "maxTokens" : "endTurn"
        }
      },
      usage
    }

const Handled = Schema.Struct({
  server: Schema.String,
  params: Schema.JsonObject,
  depth: Schema.Int,
  run: Schema.String
})

/** The step of whoever answers servers in place of a model. */
const handlerStep = Step.make("mcp sampling by handler", {
  input: Handled,
  success: Schema.JsonObject,
  error: Schema.String,
  onCrash: "rerun-keyed",
  label: "llm",
  run: Effect.fnUntraced(function*({ depth, params, run, server }, { idempotencyKey, spend }) {
    const sampling = (yield* McpServers.CurrentServers).find(server)?.sampling
    if (typeof sampling !== "function") return yield* Effect.fail(`nobody answers MCP server "${server}" any more`)
    const context = { serverName: server, depth, runId: run, idempotencyKey, spend }
    const reply = yield* sampling(params as unknown as SamplingRequest, context).pipe(
      Effect.provideService(CurrentSamplingDepth, depth),
      Effect.mapError((error) => error instanceof Error ? error.message : String(error))
    )
    const made = StoredJson.of(reply)
    return Result.isSuccess(made)
      ? made.success.read() as Schema.JsonObject
      : yield* Effect.fail(`what it is answered cannot be stored: ${made.failure.reason}`)
  })
})

const byHandler = (input: typeof Handled.Type): Effect.Effect<Sampled, never, Needs> =>
  Effect.matchCause(handlerStep(input), {
    onSuccess: (result) => ({ reply: { result }, usage: AgentMessage.noUsage }),
    onFailure: (cause) => refusal(internalError, textOf(Cause.squash(cause)))
  })

const textOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
