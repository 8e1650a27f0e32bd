/**
 * What an agent does, as chunks of a UI message stream of the AI SDK (`ai` 7):
 * the whole run is one message of its own id, each answer of the model one step
 * of it. Subagents are calls of tools; what goes on in them is not told.
 *
 * Pure: a fold of events. Its places are those of the events; a reader who comes
 * back in the middle of an answer is told `reset-step` and then all of the answer.
 */
import type { Answer, AnswerPart, Finish } from "@fermata/core/AgentMessage"
import * as Position from "@fermata/core/Position"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Result from "effect/Result"
import type { AgentEvent } from "./AgentEvent.ts"
import type { RunPlace } from "./StreamPlace.ts"

/** The header by which a client knows such a stream. */
export const header = ["x-vercel-ai-ui-message-stream", "v1"] as const

/** The last line of such a stream. */
export const done = "[DONE]"

interface OfTool {
  readonly toolCallId: string
}

/** One chunk. Tools are told as dynamic ones, since a client need not know them. */
export type Chunk =
  | { readonly type: "start"; readonly messageId: string }
  | { readonly type: "start-step" | "finish-step" | "reset-step" }
  | { readonly type: "text-start" | "text-end" | "reasoning-start" | "reasoning-end"; readonly id: string }
  | { readonly type: "text-delta" | "reasoning-delta"; readonly id: string; readonly delta: string }
  | { readonly type: "file"; readonly url: string; readonly mediaType: string }
  | OfTool & { readonly type: "tool-input-start"; readonly toolName: string; readonly dynamic: true }
  | OfTool & { readonly type: "tool-input-delta"; readonly inputTextDelta: string }
  | OfTool & {
    readonly type: "tool-input-available"
    readonly toolName: string
    readonly input: unknown
    readonly dynamic: true
    readonly providerExecuted?: true
  }
  | OfTool & {
    readonly type: "tool-input-error"
    readonly toolName: string
    readonly input: unknown
    readonly errorText: string
    readonly dynamic: true
  }
  | OfTool & { readonly type: "tool-output-available"; readonly output: unknown; readonly providerExecuted?: true }
  | OfTool & { readonly type: "tool-output-error"; readonly errorText: string; readonly providerExecuted?: true }
  | OfTool & { readonly type: "tool-output-denied" }
  | OfTool & { readonly type: "tool-approval-request"; readonly approvalId: string; readonly reason: string }
  | {
    readonly type: "tool-approval-response"
    readonly approvalId: string
    readonly approved: boolean
    readonly reason: string
  }
  | {
    readonly type: "data-approval" | "data-state" | "data-tool-output" | "data-tool-progress"
    readonly id?: string
    readonly data: unknown
    readonly transient?: true
  }
  | { readonly type: "message-metadata"; readonly messageMetadata: { readonly usage: unknown } }
  | { readonly type: "error"; readonly errorText: string }
  | { readonly type: "abort"; readonly reason?: string }
  | { readonly type: "finish"; readonly finishReason: "stop" | "length" | "content-filter" | "error" | "other" }

/** What the fold knows. */
export interface State {
  /** A step has begun, and has said this much of it; none while the model is not speaking. */
  readonly step: Said | undefined
  readonly finish: Finish | undefined
  readonly status: string
  readonly reason: string | undefined
}

/** What a step has said: its parts, and where those stand that have begun and not ended. */
interface Said {
  readonly content: ReadonlyArray<{ readonly kind: Kind; readonly id: string; readonly text: string }>
  /** Ids of the provider, and places in the content. */
  readonly open: Readonly<Record<string, number>>
}

type Kind = "text" | "reasoning" | "file" | "call" | "hosted" | "result"

const nothing: Said = { content: [], open: {} }

/** Before the first event. */
export const begin: State = { step: undefined, finish: undefined, status: "", reason: undefined }

/**
 * How a reader goes on who stands at a place that `placeOf` gave: from where in
 * the run, with which state, and what it is told first.
 */
export const resume = ({ at, note }: RunPlace): readonly [at: string, State, ReadonlyArray<Chunk>] => {
  if (note !== "open") return [at, begin, []]
  const cursor = Result.getOrElse(Position.parseCursor(at), () => Position.start)
  // All that the step has said is read again.
  return [Position.printCursor(cursor.map(({ seq }) => ({ seq }))), { ...begin, step: nothing }, [
    { type: "reset-step" }
  ]]
}

/** Where a reader stands who has been told everything up to this state. */
export const placeOf = (state: State, at: string): RunPlace => state.step === undefined ? { at } : { at, note: "open" }

/**
 * Where a reader stands who has been told a part only of the chunks of an event
 * that began at this place.
 */
export const placeWithin = (event: AgentEvent, at: string): RunPlace =>
  event.type === "part" || event.type === "answer" ? { at, note: "open" } : { at }

/** The next event, and its chunks. Events of subagents have none. */
export const fold = (state: State, event: AgentEvent): readonly [State, ReadonlyArray<Chunk>] => {
  if (event.depth > 0) return [state, []]
  switch (event.type) {
    case "start":
      return [state, [{ type: "start", messageId: event.run }]]
    case "part":
      return part(state, event.step, event.part as Part)
    case "restart":
      return state.step === undefined ? [state, []] : [{ ...state, step: nothing }, [{ type: "reset-step" }]]
    case "answer":
      return [
        { ...state, step: undefined, finish: event.answer.finish },
        [
          ...answer(state.step, event.step, event.answer),
          { type: "message-metadata", messageMetadata: { usage: event.usage } },
          { type: "finish-step" }
        ]
      ]
    case "tool-result":
    case "subagent-result":
      return [state, event.call === undefined ? [] : [result(event.call, event.isFailure, event.result)]]
    case "tool-rest":
      return [state, event.calls.map((call) => result(call, false, null))]
    case "tool-output": {
      const { call, stream, text, tool } = event
      return [state, [{ type: "data-tool-output", data: { call, tool, stream, text }, transient: true }]]
    }
    case "tool-progress": {
      const { agent: _, at: __, depth: ___, run: ____, step: _____, type: ______, ...data } = event
      return [state, [{ type: "data-tool-progress", data, transient: true }]]
    }
    case "approval":
      return [state, [
        event.call === undefined
          ? { type: "data-approval", id: event.approval, data: { prompt: event.prompt, args: event.args } }
          : {
            type: "tool-approval-request",
            approvalId: event.approval,
            toolCallId: event.call,
            reason: event.prompt
          }
      ]]
    case "approval-answered":
      return [state, answered(event)]
    case "state":
      return [state, [{
        type: "data-state",
        data: { name: event.name, revision: event.revision, patch: event.patch },
        transient: true
      }]]
    case "status":
      return [{ ...state, status: event.status, reason: event.reason }, []]
    default:
      return [state, []]
  }
}

/** What is told when there are no more events. The line `done` follows. */
export const end = ({ finish, reason, status }: State): ReadonlyArray<Chunk> => {
  switch (status) {
    case "completed":
      return [{ type: "finish", finishReason: finishes[finish ?? "stop"] }]
    case "cancelled":
      return [{ type: "abort", reason: reason ?? "the run was cancelled" }]
    case "failed":
      return [{ type: "error", errorText: reason ?? "the run failed" }, { type: "finish", finishReason: "error" }]
    default:
      return []
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const finishes = {
  stop: "stop",
  calls: "stop",
  length: "length",
  refused: "content-filter",
  paused: "other",
  unknown: "other"
} as const

/** A part of `effect/ai`'s `Response`, as far as it is looked at. */
interface Part {
  readonly type: string
  readonly id?: string
  readonly delta?: string
  readonly name?: string
  readonly params?: unknown
  readonly providerExecuted?: boolean
  readonly preliminary?: boolean
  readonly isFailure?: boolean
  readonly result?: unknown
  readonly mediaType?: string
  readonly data?: unknown
}

const part = (state: State, step: string, told: Part): readonly [State, ReadonlyArray<Chunk>] => {
  const before = state.step ?? nothing
  const [said, chunks] = heard(before, step, told)
  if (chunks.length === 0) return [state.step === undefined ? state : { ...state, step: said }, []]
  return [{ ...state, step: said }, state.step === undefined ? [{ type: "start-step" }, ...chunks] : chunks]
}

const heard = (said: Said, step: string, told: Part): readonly [Said, ReadonlyArray<Chunk>] => {
  const id = told.id ?? ""
  const added = (kind: Kind, id: string, text = ""): Said => ({
    ...said,
    content: [...said.content, { kind, id, text }]
  })
  switch (told.type) {
    case "text-start":
    case "reasoning-start": {
      const kind = told.type === "text-start" ? "text" : "reasoning"
      const own = idOf(step, kind, said.content.filter((one) => one.kind === kind).length)
      return [
        { ...added(kind, own), open: { ...said.open, [`${kind} ${id}`]: said.content.length } },
        [{ type: told.type, id: own }]
      ]
    }
    case "text-delta":
    case "reasoning-delta": {
      const index = said.open[`${told.type === "text-delta" ? "text" : "reasoning"} ${id}`]
      const one = index === undefined ? undefined : said.content[index]
      const delta = told.delta ?? ""
      if (index === undefined || one === undefined || delta === "") return [said, []]
      const content = said.content.with(index, { ...one, text: one.text + delta })
      return [{ ...said, content }, [{ type: told.type, id: one.id, delta }]]
    }
    case "text-end":
    case "reasoning-end": {
      const key = `${told.type === "text-end" ? "text" : "reasoning"} ${id}`
      const { [key]: index, ...open } = said.open
      const one = index === undefined ? undefined : said.content[index]
      return one === undefined ? [said, []] : [{ ...said, open }, [{ type: told.type, id: one.id }]]
    }
    case "tool-params-start":
      return told.providerExecuted === true
        ? [said, []]
        : [{ ...said }, [{ type: "tool-input-start", toolCallId: id, toolName: told.name ?? "", dynamic: true }]]
    case "tool-params-delta":
      return [said, [{ type: "tool-input-delta", toolCallId: id, inputTextDelta: told.delta ?? "" }]]
    // Arguments that are no whole JSON are told with the answer, and so are results of the provider.
    case "tool-call":
      return typeof told.params === "string" || told.providerExecuted === true
        ? [said, []]
        : [added("call", id), [callOf(id, told.name ?? "", told.params)]]
    default:
      return [said, []]
  }
}

const idOf = (step: string, kind: Kind, index: number): string => `${step}:${kind}:${index}`

const callOf = (toolCallId: string, toolName: string, input: unknown): Chunk => ({
  type: "tool-input-available",
  toolCallId,
  toolName,
  input,
  dynamic: true
})

/** What is still to be told of an answer; all of it where what was said is not what is recorded. */
const answer = (said: Said | undefined, step: string, { content }: Answer): ReadonlyArray<Chunk> => {
  const whole = content.flatMap((part, index) => wholePart(step, content, part, index))
  if (said === undefined) return [{ type: "start-step" }, ...whole]
  const isSaid = said.content.length === content.length && content.every((part, index) => {
    const one = said.content[index]
    switch (part.type) {
      case "text":
        return one?.kind === "text" && one.text === part.text
      case "thought":
        return one?.kind === "reasoning" && one.text === part.text
      case "call":
        return one?.kind === "call" && one.id === part.id
      default:
        return false
    }
  })
  if (!isSaid) return said === nothing ? whole : [{ type: "reset-step" }, ...whole]
  return Object.values(said.open).flatMap((index): ReadonlyArray<Chunk> => {
    const { id, kind } = said.content[index]!
    return [{ type: kind === "text" ? "text-end" : "reasoning-end", id }]
  })
}

const wholePart = (
  step: string,
  content: ReadonlyArray<AnswerPart>,
  part: AnswerPart,
  index: number
): ReadonlyArray<Chunk> => {
  switch (part.type) {
    case "text":
    case "thought": {
      const kind = part.type === "text" ? "text" : "reasoning"
      const id = idOf(step, kind, content.slice(0, index).filter(({ type }) => type === part.type).length)
      return [
        { type: `${kind}-start`, id },
        ...part.text === "" ? [] : [{ type: `${kind}-delta`, id, delta: part.text } as const],
        { type: `${kind}-end`, id }
      ]
    }
    case "file":
      return [{
        type: "file",
        mediaType: part.mediaType,
        url: "url" in part.data ? part.data.url : `data:${part.mediaType};base64,${part.data.base64}`
      }]
    case "call":
      return [callOf(part.id, part.tool, part.params)]
    case "broken-call":
      return [{
        type: "tool-input-error",
        toolCallId: part.id,
        toolName: part.tool,
        input: part.text,
        errorText: "its arguments are not whole JSON, so that it was not called",
        dynamic: true
      }]
    case "hosted-call":
      return [{ ...callOf(part.id, part.tool, part.params), providerExecuted: true } as Chunk]
    case "hosted-result":
      return [{ ...result(part.id, part.isFailure, part.result), providerExecuted: true } as Chunk]
  }
}

const result = (toolCallId: string, isFailure: boolean, output: unknown): Chunk =>
  isFailure
    ? { type: "tool-output-error", toolCallId, errorText: errorText(output) }
    : { type: "tool-output-available", toolCallId, output }

const errorText = (result: unknown): string => {
  if (typeof result === "string") return result
  const error = (result as { readonly error?: unknown } | null)?.error
  return typeof error === "string" ? error : StoredJson.textOf(result)
}

const answered = (
  { approval, by, call, decision, open }: Extract<AgentEvent, { readonly type: "approval-answered" }>
): ReadonlyArray<Chunk> => {
  const isApproved = decision === "approve"
  if (call === undefined) return [{ type: "data-approval", id: approval, data: { decision, by } }]
  if (open === true) return []
  return [
    { type: "tool-approval-response", approvalId: approval, approved: isApproved, reason: `${decision} by ${by}` },
    ...isApproved ? [] : [{ type: "tool-output-denied", toolCallId: call } as const]
  ]
}
