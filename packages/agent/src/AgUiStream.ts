/**
 * What an agent and its subagents do, as events of AG-UI (1.0). Each answer of a
 * model is one message of text and one of reasoning, which grow as they are
 * said; calls are told when the answer that holds them is recorded.
 *
 * Pure: a fold of events. A place says how much of an answer was told, so that a
 * reader who comes back is told the rest of its messages. AG-UI has no word for
 * what is void: after a restart a `CUSTOM` event `fermata.restart` names the
 * messages that are, and the next ones have other ids.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import * as StoredJson from "@fermata/core/StoredJson"
import type { AgentEvent } from "./AgentEvent.ts"
import type { RunPlace } from "./StreamPlace.ts"

/** One event of AG-UI, plain JSON with its type. */
export interface Chunk {
  readonly type: string
  readonly [field: string]: unknown
}

/** How much of the answer that a model is giving was told, by run. */
export interface State {
  readonly runs: Readonly<Record<string, Told>>
  /** Where the run stands that is followed. */
  readonly top: { readonly run: string; readonly status: string; readonly reason: string | undefined } | undefined
}

interface Told {
  /** Characters of text and reasoning; none where the message has not begun. */
  readonly text: number | undefined
  readonly reasoning: number | undefined
  /** Times that the answer has begun again. */
  readonly restarts: number
  readonly hasBegun: boolean
  /** The end of this run is told. */
  readonly isOver: boolean
}

const nothing: Told = {
  text: undefined,
  reasoning: undefined,
  restarts: 0,
  hasBegun: false,
  isOver: false
}

/** Before the first event. */
export const begin: State = { runs: {}, top: undefined }

/** The state of a reader who stands at places that `placeOf` gave. Notes that are none count as absent. */
export const resume = (places: Readonly<Record<string, RunPlace>>): State => ({
  ...begin,
  runs: Object.fromEntries(Object.entries(places).map(([run, { note }]) => [run, toldOf(note)]))
})

/** Where a reader stands in a run who has been told everything up to this state. */
export const placeOf = (state: State, run: string, at: string): RunPlace => noted(state.runs[run] ?? nothing, at)

/**
 * Where a reader stands who has been told so many of the chunks of this event, not
 * all, and stood here before it.
 */
export const placeWithin = (
  state: State,
  event: AgentEvent,
  told: ReadonlyArray<Chunk>,
  before: RunPlace
): RunPlace => {
  switch (event.type) {
    // What is said is told in other pieces to who comes back, so that a count says nothing.
    case "part": {
      const has = (type: string) => told.some((chunk) => chunk.type === type)
      const now = state.runs[event.run] ?? nothing
      return noted({
        ...now,
        hasBegun: true,
        text: has("TEXT_MESSAGE_START") ? 0 : now.text,
        reasoning: has("REASONING_MESSAGE_START") ? 0 : now.reasoning
      }, before.at)
    }
    case "answer":
      return { ...before, heard: told.length }
    default:
      return before
  }
}

/** The next event, and what it is in AG-UI. `children` says whether the events of subagents come too. */
export const fold = (
  state: State,
  event: AgentEvent,
  { children = true }: { readonly children?: boolean } = {}
): readonly [State, ReadonlyArray<Chunk>] => {
  const told = state.runs[event.run] ?? nothing
  const of = event.depth === 0 ? {} : { subagentRunId: event.run }
  const next = (now: Told): State => ({ ...state, runs: { ...state.runs, [event.run]: now } })
  const custom = (name: string, value: object): ReadonlyArray<Chunk> => [
    { type: "CUSTOM", name: `fermata.${name}`, value: { run: event.run, ...value }, ...of }
  ]
  switch (event.type) {
    case "start":
      return [state, event.depth > 0 ? [] : [{ type: "RUN_STARTED", threadId: event.run, runId: event.run }]]
    case "part": {
      const { delta, type } = event.part as { readonly type: string; readonly delta?: string }
      if (delta === undefined || delta === "") return [state, []]
      if (type !== "text-delta" && type !== "reasoning-delta") return [state, []]
      const chunks = more(told, event, type === "text-delta" ? "text" : "reasoning", delta)
      const kind = type === "text-delta" ? "text" : "reasoning"
      return [
        next({ ...told, hasBegun: true, [kind]: (told[kind] ?? 0) + delta.length }),
        attributed([...began(told, event), ...chunks], of)
      ]
    }
    case "restart": {
      if (!told.hasBegun) return [state, []]
      const messages = [
        ...told.text !== undefined ? [idOf(told, event, "text")] : [],
        ...told.reasoning !== undefined ? [idOf(told, event, "reasoning")] : []
      ]
      return [next({ ...nothing, restarts: told.restarts + 1, hasBegun: true }), [
        ...attributed(ends(told, event), of),
        ...custom("restart", { step: event.step, attempt: event.attempt, messages })
      ]]
    }
    case "answer":
      return [next(nothing), attributed(answer(told, event), of)]
    case "tool-result":
      return [state, [result(event, event.call, event.result, of)]]
    case "subagent":
      return [state, [{
        type: "SUBAGENT_STARTED",
        subagentRunId: event.child,
        name: event.name,
        ...(event.depth === 0 ? {} : { parentSubagentRunId: event.run }),
        ...(event.call === undefined ? {} : { parentToolCallId: event.call })
      }]]
    case "subagent-result":
      return [state, [
        ...children ? [] : [
          event.isFailure
            ? { type: "SUBAGENT_ERROR", subagentRunId: event.child, message: textOf(event.result) }
            : { type: "SUBAGENT_FINISHED", subagentRunId: event.child }
        ],
        ...event.call === undefined ? [] : [result(event, event.call, event.result, of)]
      ]]
    case "state":
      return [state, [{ type: "STATE_DELTA", delta: event.patch.map((op) => under(event.name, op)), ...of }]]
    case "status":
      return status(state, event, told, next, custom)
    case "tool-call":
      return [state, []]
    default: {
      const { agent: _, at: __, depth: ___, run: ____, type, ...value } = event
      return [state, custom(type, value)]
    }
  }
}

/** What is told when there are no more events. */
export const end = ({ top }: State): ReadonlyArray<Chunk> => {
  if (top === undefined) return []
  const { reason, run, status } = top
  switch (status) {
    case "completed":
      return [{ type: "RUN_FINISHED", threadId: run, runId: run, outcome: { type: "success" } }]
    case "cancelled":
      return [{ type: "RUN_FINISHED", threadId: run, runId: run, outcome: { type: "cancelled" } }]
    case "failed":
      return [{ type: "RUN_ERROR", message: reason ?? "the run failed" }]
    default:
      return []
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const noted = ({ hasBegun, isOver, reasoning, restarts, text }: Told, at: string): RunPlace =>
  hasBegun || isOver || restarts > 0
    ? { at, note: `${text ?? "x"}.${reasoning ?? "x"}.${restarts}.${hasBegun ? 1 : 0}.${isOver ? 1 : 0}` }
    : { at }

const count = (text: string | undefined): number | undefined =>
  text === undefined || text === "x" ? undefined : Number(text)

type OfStep = { readonly run: string; readonly step: string }
type Kind = "text" | "reasoning"

const toldOf = (note: string | undefined): Told => {
  const [, text, reasoning, restarts, hasBegun, isOver] =
    /^(x|\d+)\.(x|\d+)\.(\d+)\.([01])\.([01])$/.exec(note ?? "") ?? []
  return {
    text: count(text),
    reasoning: count(reasoning),
    restarts: Number(restarts ?? 0),
    hasBegun: hasBegun === "1",
    isOver: isOver === "1"
  }
}

const idOf = ({ restarts }: Told, { run, step }: OfStep, kind: Kind): string =>
  `${run}/${step}${restarts === 0 ? "" : `.${restarts}`}${kind === "text" ? "" : "/reasoning"}`

const attributed = (chunks: ReadonlyArray<Chunk>, of: object): ReadonlyArray<Chunk> =>
  chunks.map((chunk) => Object.assign({}, chunk, of))

const began = ({ hasBegun }: Told, { step }: OfStep): ReadonlyArray<Chunk> =>
  hasBegun ? [] : [{ type: "STEP_STARTED", stepName: step }]

const more = (told: Told, event: OfStep, kind: Kind, delta: string): ReadonlyArray<Chunk> => {
  if (delta === "") return []
  const messageId = idOf(told, event, kind)
  const starts: ReadonlyArray<Chunk> = told[kind] !== undefined
    ? []
    : kind === "text"
    ? [{ type: "TEXT_MESSAGE_START", messageId, role: "assistant" }]
    : [
      { type: "REASONING_START", messageId },
      { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" }
    ]
  const type = kind === "text" ? "TEXT_MESSAGE_CONTENT" : "REASONING_MESSAGE_CONTENT"
  return [...starts, { type, messageId, delta }]
}

const ends = (told: Told, event: OfStep): ReadonlyArray<Chunk> => {
  const reasoning = idOf(told, event, "reasoning")
  return [
    ...told.reasoning !== undefined
      ? [{ type: "REASONING_MESSAGE_END", messageId: reasoning }, { type: "REASONING_END", messageId: reasoning }]
      : [],
    ...told.text !== undefined ? [{ type: "TEXT_MESSAGE_END", messageId: idOf(told, event, "text") }] : []
  ]
}

/** What is still to be told of an answer. */
const answer = (told: Told, event: Extract<AgentEvent, { readonly type: "answer" }>): ReadonlyArray<Chunk> => {
  const { content } = event.answer
  const text = AgentMessage.textOf(content)
  const reasoning = content.map((part) => part.type === "thought" ? part.text : "").join("")
  const parentMessageId = idOf(told, event, "text")
  const rest = (kind: Kind, whole: string) => more(told, event, kind, whole.slice(told[kind] ?? 0))
  return [
    ...began(told, event),
    // In the order in which they were said first, so that who was cut off within goes on rightly.
    ...content.find(({ type }) => type === "text" || type === "thought")?.type === "text"
      ? [...rest("text", text), ...rest("reasoning", reasoning)]
      : [...rest("reasoning", reasoning), ...rest("text", text)],
    ...ends({
      ...told,
      text: text === "" ? told.text : text.length,
      reasoning: reasoning === "" ? told.reasoning : reasoning.length
    }, event),
    ...content.flatMap((part): ReadonlyArray<Chunk> => {
      switch (part.type) {
        case "call":
        case "hosted-call":
        case "broken-call":
          return [
            { type: "TOOL_CALL_START", toolCallId: part.id, toolCallName: part.tool, parentMessageId },
            {
              type: "TOOL_CALL_ARGS",
              toolCallId: part.id,
              delta: part.type === "broken-call" ? part.text : StoredJson.textOf(part.params)
            },
            { type: "TOOL_CALL_END", toolCallId: part.id }
          ]
        case "hosted-result":
          return [result(event, part.id, part.result, {})]
        default:
          return []
      }
    }),
    { type: "STEP_FINISHED", stepName: event.step, metadata: { model: event.answer.model, usage: event.usage } }
  ]
}

const result = ({ run }: AgentEvent, call: string, value: unknown, of: object): Chunk => ({
  type: "TOOL_CALL_RESULT",
  messageId: `${run}/${call}/result`,
  toolCallId: call,
  content: textOf(value),
  role: "tool",
  ...of
})

const textOf = (value: unknown): string => typeof value === "string" ? value : StoredJson.textOf(value ?? null)

/** An operation on a state, in the one that holds all states of a run by their names. */
const under = (name: string, op: unknown): unknown => {
  const prefix = `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`
  const { from, path, ...rest } = op as { readonly path: string; readonly from?: string }
  return { ...rest, path: `${prefix}${path}`, ...(from === undefined ? {} : { from: `${prefix}${from}` }) }
}

const status = (
  state: State,
  event: Extract<AgentEvent, { readonly type: "status" }>,
  told: Told,
  next: (told: Told) => State,
  custom: (name: string, value: object) => ReadonlyArray<Chunk>
): readonly [State, ReadonlyArray<Chunk>] => {
  const { depth, reason, run, status } = event
  const stands = custom("status", { status, ...(reason === undefined ? {} : { reason }) })
  if (depth === 0) {
    const isOver = status === "completed" || status === "cancelled" || status === "failed"
    return [{ ...state, top: { run, status, reason } }, isOver ? [] : stands]
  }
  // Whoever comes back is told again where a run stands that is over.
  if (told.isOver) return [state, []]
  switch (status) {
    case "completed":
      return [next({ ...told, isOver: true }), [{
        type: "SUBAGENT_FINISHED",
        subagentRunId: run,
        outcome: { type: "success" }
      }]]
    case "failed":
    case "cancelled":
      return [next({ ...told, isOver: true }), [
        { type: "SUBAGENT_ERROR", subagentRunId: run, message: reason ?? `the run is ${status}` }
      ]]
    default:
      return [state, stands]
  }
}
