/**
 * What the spans and metrics of model calls, tools and agents are called and say, by the
 * conventions of OpenTelemetry for generative AI. Steps say by their label what
 * they are: `llm` calls a model, `tool` carries out a call.
 */
import type { EntryOf } from "./JournalEntry.ts"
import type { SpanAttributes } from "./RunSpan.ts"
import * as StoredJson from "./StoredJson.ts"

/** A step as far as these look at it. `usage` is what it noted of its tokens. */
export interface TracedStep {
  readonly entry: EntryOf<"StepRequested">
  readonly usage: unknown
}

/** What the model calls of a run have used together. */
export interface Totals {
  readonly calls: number
  readonly turns: number
  readonly input: number
  readonly output: number
}

/** No calls at all. */
export const nothing: Totals = { calls: 0, turns: 0, input: 0, output: 0 }

/** The totals with what a step came to. */
export const add = (totals: Totals, step: TracedStep, output: unknown): Totals => {
  if (step.entry.label !== modelLabel) return totals
  const { tokens } = answerOf(step, output)
  return {
    calls: totals.calls + 1,
    turns: totals.turns + (isTurn(step) ? 1 : 0),
    input: totals.input + (tokens?.input ?? 0),
    output: totals.output + (tokens?.output ?? 0)
  }
}

/** The name and kind of a step's span. */
export const named = (
  { entry: { label, name, probe } }: TracedStep,
  attributes: SpanAttributes
): { readonly name: string; readonly kind: "internal" | "client" } => {
  if (probe === true) return { name: `probe ${name}`, kind: "internal" }
  if (label === modelLabel) {
    const model = attributes[responseModel]
    return { name: typeof model === "string" ? `chat ${model}` : "chat", kind: "client" }
  }
  return { name: label === toolLabel ? `execute_tool ${name}` : `step ${name}`, kind: "internal" }
}

/** What is said of a step that is a model call or a call of a tool. */
export const outcome = (step: TracedStep, output: unknown, content: boolean): SpanAttributes => {
  const { input, label, name } = step.entry
  if (label === toolLabel) {
    const call = fieldOf(input, "call")
    return {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": name,
      "gen_ai.tool.type": "function",
      ...(typeof call === "string" ? { "gen_ai.tool.call.id": call } : {}),
      ...(content
        ? {
          "gen_ai.tool.call.arguments": StoredJson.show(fieldOf(input, "params") ?? null, mostContent),
          "gen_ai.tool.call.result": StoredJson.show(fieldOf(output, "result") ?? null, mostContent)
        }
        : {})
    }
  }
  if (label !== modelLabel) return {}
  const { finish, model, provider, tokens } = answerOf(step, output)
  return {
    "gen_ai.operation.name": "chat",
    ...(provider === undefined ? {} : { "gen_ai.provider.name": provider }),
    ...(model === undefined ? {} : { "gen_ai.request.model": model, [responseModel]: model }),
    ...(finish === undefined ? {} : { "gen_ai.response.finish_reasons": [finish] }),
    ...(tokens === undefined ? {} : {
      "gen_ai.usage.input_tokens": tokens.input,
      "gen_ai.usage.output_tokens": tokens.output,
      ...(tokens.cacheRead === 0 ? {} : { "gen_ai.usage.cache_read.input_tokens": tokens.cacheRead }),
      ...(tokens.cacheWrite === 0 ? {} : { "gen_ai.usage.cache_creation.input_tokens": tokens.cacheWrite })
    }),
    ...(content && fieldOf(output, "content") !== undefined
      ? { "gen_ai.output.messages": StoredJson.show(fieldOf(output, "content"), mostContent) }
      : {})
  }
}

/** A call of a tool whose failure was told to the model has failed, though its step has not. */
export const problem = (
  { entry: { label } }: TracedStep,
  output: unknown
): { readonly error?: string; readonly type?: string } =>
  label === toolLabel && fieldOf(output, "isFailure") === true
    ? { error: "the tool failed, and the model was told so", type: "tool_error" }
    : {}

/** The name and kind of the root: a run that asked a model turn by turn is an agent's. */
export const root = (workflow: string, totals: Totals): { readonly name: string; readonly kind: "internal" } => ({
  name: `${operation(totals)} ${workflow}`,
  kind: "internal"
})

/** What the root says of the run. */
export const rootAttributes = (workflow: string, totals: Totals): SpanAttributes => ({
  "gen_ai.operation.name": operation(totals),
  [totals.turns > 0 ? "gen_ai.agent.name" : "gen_ai.workflow.name"]: workflow,
  ...(totals.calls === 0 ? {} : {
    "gen_ai.usage.input_tokens": totals.input,
    "gen_ai.usage.output_tokens": totals.output
  })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const modelLabel = "llm"
const toolLabel = "tool"
const responseModel = "gen_ai.response.model"
const mostContent = 8_192

const operation = ({ turns }: Totals): string => turns > 0 ? "invoke_agent" : "invoke_workflow"

const isTurn = ({ entry: { input } }: TracedStep): boolean => typeof fieldOf(input, "turn") === "number"

interface Answered {
  readonly model: string | undefined
  readonly provider: string | undefined
  readonly finish: string | undefined
  readonly tokens:
    | { readonly input: number; readonly output: number; readonly cacheRead: number; readonly cacheWrite: number }
    | undefined
}

/** What an agent's model step came to (`AgentMessage.Answer`), or what a contract's step noted of it. */
const answerOf = ({ usage }: TracedStep, output: unknown): Answered => {
  const own = fieldOf(output, "usage")
  const isAnswer = typeof fieldOf(own, "output") === "number"
  const of = isAnswer ? output : usage
  const cacheRead = number(fieldOf(own, "cacheRead"))
  const cacheWrite = number(fieldOf(own, "cacheWrite"))
  return {
    model: text(fieldOf(of, "model")),
    provider: text(fieldOf(of, "provider")),
    finish: isAnswer ? text(fieldOf(output, "finish")) : undefined,
    tokens: isAnswer
      ? {
        input: number(fieldOf(own, "input")) + cacheRead + cacheWrite,
        output: number(fieldOf(own, "output")),
        cacheRead,
        cacheWrite
      }
      : usage === undefined
      ? undefined
      : {
        input: number(fieldOf(usage, "inputTokens")),
        output: number(fieldOf(usage, "outputTokens")),
        cacheRead: 0,
        cacheWrite: 0
      }
  }
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined

const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined
const number = (value: unknown): number => typeof value === "number" && Number.isFinite(value) ? value : 0
