/**
 * What an agent and its subagents do, as events of AG-UI (1.0). Each answer of a
 * model is one message of text and one of reasoning, which grow as they are
 * said; calls are told when the answer that holds them is recorded.
 *
 * Pure: a fold of events. A place says how much of an answer was told, and by a
 * sum of its characters what, so that a reader who comes back is told the rest of
 * its messages. AG-UI has no word for what is void: after a restart the messages
 * that are void are ended, a `CUSTOM` event `fermata.restart` names them, and the
 * next ones have other ids. The same happens where the answer turns out to begin
 * otherwise than what was told, as that of another model does whose parts nobody
 * has any more.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Hex from "effect/encoding/Hex"
import * as Result from "effect/Result"
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
  /** What was told as text and as reasoning; nothing where the message has not begun. */
  readonly text: Beginning | undefined
  readonly reasoning: Beginning | undefined
  /** The span around the message of reasoning has begun, and the message has not. */
  readonly spanned: boolean
  /** Times that the answer has begun again. */
  readonly restarts: number
  /** The key of the step whose answer has begun; empty where an older build does not say it. */
  readonly step: string | undefined
  /** The end of this run is told. */
  readonly isOver: boolean
}

/** How a message begins. */
interface Beginning {
  /** In characters. */
  readonly length: number
  /** Of the characters; not known of places that older builds gave. */
  readonly sum: number | undefined
}

const nothing: Told = {
  text: undefined,
  reasoning: undefined,
  spanned: false,
  restarts: 0,
  step: undefined,
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
  if (isCounted(state, event)) return { ...before, heard: told.length }
  // What is said is told in other pieces to who comes back, so that a count says nothing.
  if (event.type !== "part") return before
  const has = (type: string) => told.some((chunk) => chunk.type === type)
  const now = state.runs[event.run] ?? nothing
  const hasMessage = has("REASONING_MESSAGE_START")
  return noted({
    ...now,
    step: event.step,
    text: has("TEXT_MESSAGE_START") ? empty : now.text,
    spanned: !hasMessage && (now.spanned || has("REASONING_START")),
    reasoning: hasMessage ? empty : now.reasoning
  }, before.at)
}

/**
 * Whether a place says of this event how many of its chunks were heard. An
 * answer, and the end of a run, say what is void in the same chunks as a restart,
 * should that not be there any more for who comes back.
 */
export const isCounted = (state: State, event: AgentEvent): boolean =>
  event.type === "answer" || event.type === "restart" ||
  (event.type === "status" && isFinal(event.status as RunStatus) && state.runs[event.run]?.step !== undefined)

/** The next event, and what it is in AG-UI. `children` says whether the events of subagents come too. */
export const fold = (
  state: State,
  event: AgentEvent,
  { children = true }: { readonly children?: boolean } = {}
): readonly [State, ReadonlyArray<Chunk>] => {
  const before = state.runs[event.run] ?? nothing
  const of = event.depth === 0 ? {} : { subagentRunId: event.run }
  const next = (now: Told): State => ({ ...state, runs: { ...state.runs, [event.run]: now } })
  const custom: Custom = (name, value) => [
    { type: "CUSTOM", name: `fermata.${name}`, value: { run: event.run, ...value }, ...of }
  ]
  // An answer that no longer comes, since its step has failed or its run is over.
  const isLeft = before.step !== undefined && before.step !== "" &&
    (event.type === "status"
      ? isFinal(event.status as RunStatus)
      : "step" in event && speaks(event) && event.step !== before.step)
  const told = isLeft ? { ...nothing, isOver: before.isOver } : before
  const left = isLeft ? attributed(closing(before, event.run, custom), of) : []
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
        next({
          ...told,
          step: event.step,
          [kind]: longer(told[kind] ?? empty, delta),
          ...kind === "reasoning" ? { spanned: false } : {}
        }),
        [...left, ...attributed([...began(told, event), ...chunks], of)]
      ]
    }
    case "restart": {
      if (told.step === undefined) return [state, []]
      return [next(anew(told, event)), attributed(taken(told, event, custom), of)]
    }
    case "answer": {
      const isVoid = !goesOn(told.text, textIn(event)) || !goesOn(told.reasoning, reasoningIn(event))
      return [next(nothing), [
        ...left,
        ...attributed([
          ...isVoid ? taken(told, event, custom) : [],
          ...answer(isVoid ? anew(told, event) : told, event)
        ], of)
      ]]
    }
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
    case "status": {
      const [now, chunks] = status(isLeft ? next(told) : state, event, told, next, custom)
      return [now, [...left, ...chunks]]
    }
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

const noted = ({ isOver, reasoning, restarts, spanned, step, text }: Told, at: string): RunPlace =>
  step !== undefined || isOver || restarts > 0
    ? {
      at,
      note: [
        printed(text),
        spanned ? "o" : printed(reasoning),
        restarts,
        step === undefined ? 0 : step === "" ? 1 : Hex.encode(step),
        isOver ? 1 : 0
      ].join(".")
    }
    : { at }

const printed = (beginning: Beginning | undefined): string =>
  beginning === undefined
    ? "x"
    : `${beginning.length}${beginning.sum === undefined ? "" : `s${beginning.sum.toString(36)}`}`

const beginningOf = (text: string | undefined): Beginning | undefined => {
  if (text === undefined || text === "x") return undefined
  const [length, sum] = text.split("s")
  return { length: Number(length), sum: sum === undefined ? undefined : Number.parseInt(sum, 36) }
}

const empty: Beginning = { length: 0, sum: 0x811c9dc5 }

/** A beginning with more behind it: the sum is FNV-1a of 32 bits. */
const longer = ({ length, sum }: Beginning, more: string): Beginning => {
  let next = sum
  for (let index = 0; next !== undefined && index < more.length; index++) {
    next = Math.imul(next ^ more.charCodeAt(index), 0x01000193) >>> 0
  }
  return { length: length + more.length, sum: next }
}

/** Whether a text goes on behind this beginning. */
const goesOn = (beginning: Beginning | undefined, whole: string): boolean =>
  beginning === undefined || beginning.sum === undefined ||
  longer(empty, whole.slice(0, beginning.length)).sum === beginning.sum && whole.length >= beginning.length

/** An event of our own. */
type Custom = (name: string, value: object) => ReadonlyArray<Chunk>

type OfStep = { readonly run: string; readonly step: string }
type Kind = "text" | "reasoning"

const toldOf = (note: string | undefined): Told => {
  const [, text, reasoning, restarts, step, isOver] = noteForm.exec(note ?? "") ?? []
  return {
    text: beginningOf(text),
    reasoning: reasoning === "o" ? undefined : beginningOf(reasoning),
    spanned: reasoning === "o",
    restarts: Number(restarts ?? 0),
    step: step === undefined || step === "0" ? undefined : step === "1" ? "" : stepOf(step),
    isOver: isOver === "1"
  }
}

const noteForm = /^(x|\d+(?:s[\da-z]{1,7})?)\.(x|o|\d+(?:s[\da-z]{1,7})?)\.(\d+)\.([01]|(?:[\da-f]{2})+)\.([01])$/

const stepOf = (hex: string): string => Result.getOrElse(Hex.decodeString(hex), () => "")

const idOf = ({ restarts }: Told, { run, step }: OfStep, kind: Kind): string =>
  `${run}/${step}${restarts === 0 ? "" : `.${restarts}`}${kind === "text" ? "" : "/reasoning"}`

const attributed = (chunks: ReadonlyArray<Chunk>, of: object): ReadonlyArray<Chunk> =>
  chunks.map((chunk) => Object.assign({}, chunk, of))

/** What was told of the answer is void: its messages end, and are named. */
const taken = (told: Told, event: OfStep & { readonly attempt?: number }, custom: Custom): ReadonlyArray<Chunk> => [
  ...ends(told, event),
  ...custom("restart", {
    step: event.step,
    ...(event.attempt === undefined ? {} : { attempt: event.attempt }),
    messages: [
      ...told.text === undefined ? [] : [idOf(told, event, "text")],
      ...told.reasoning === undefined ? [] : [idOf(told, event, "reasoning")]
    ]
  })
]

/** Behind what is void, the answer begins again. */
const anew = ({ restarts }: Told, { step }: OfStep): Told => ({ ...nothing, restarts: restarts + 1, step })

/** An answer that has begun is left: what was told of it is void, and its step ends. */
const closing = (told: Told, run: string, custom: Custom): ReadonlyArray<Chunk> => {
  const step = told.step!
  return [...taken(told, { run, step }, custom), { type: "STEP_FINISHED", stepName: step }]
}

/** Whether an event is of a step that answers. */
const speaks = ({ type }: AgentEvent): boolean => type === "part" || type === "answer"

const began = ({ step: begun }: Told, { step }: OfStep): ReadonlyArray<Chunk> =>
  begun === undefined ? [{ type: "STEP_STARTED", stepName: step }] : []

const more = (told: Told, event: OfStep, kind: Kind, delta: string): ReadonlyArray<Chunk> => {
  if (delta === "") return []
  const messageId = idOf(told, event, kind)
  const starts: ReadonlyArray<Chunk> = told[kind] !== undefined
    ? []
    : kind === "text"
    ? [{ type: "TEXT_MESSAGE_START", messageId, role: "assistant" }]
    : [
      ...told.spanned ? [] : [{ type: "REASONING_START", messageId }],
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
      : told.spanned
      ? [{ type: "REASONING_END", messageId: reasoning }]
      : [],
    ...told.text !== undefined ? [{ type: "TEXT_MESSAGE_END", messageId: idOf(told, event, "text") }] : []
  ]
}

type Answered = Extract<AgentEvent, { readonly type: "answer" }>

const textIn = ({ answer }: Answered): string => AgentMessage.textOf(answer.content)

const reasoningIn = ({ answer }: Answered): string =>
  answer.content.map((part) => part.type === "thought" ? part.text : "").join("")

/** What is still to be told of an answer. */
const answer = (told: Told, event: Answered): ReadonlyArray<Chunk> => {
  const { content } = event.answer
  const text = textIn(event)
  const reasoning = reasoningIn(event)
  const parentMessageId = idOf(told, event, "text")
  const rest = (kind: Kind, whole: string) => more(told, event, kind, whole.slice(told[kind]?.length ?? 0))
  return [
    ...began(told, event),
    // In the order in which they were said first, so that who was cut off within goes on rightly.
    ...content.find(({ type }) => type === "text" || type === "thought")?.type === "text"
      ? [...rest("text", text), ...rest("reasoning", reasoning)]
      : [...rest("reasoning", reasoning), ...rest("text", text)],
    ...ends({
      ...told,
      text: text === "" ? told.text : empty,
      reasoning: reasoning === "" ? told.reasoning : empty
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
  custom: Custom
): readonly [State, ReadonlyArray<Chunk>] => {
  const { depth, reason, run, status } = event
  const stands = custom("status", { status, ...(reason === undefined ? {} : { reason }) })
  if (depth === 0) {
    return [{ ...state, top: { run, status, reason } }, isFinal(status as RunStatus) ? [] : stands]
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
