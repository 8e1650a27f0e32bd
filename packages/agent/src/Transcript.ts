/**
 * What was said in a run of an agent, as lines of JSON in files of their own: for
 * archives, evaluations and whoever has no engine at hand. The journal stays the
 * truth; a transcript is made of it when it is asked for, and one that was
 * damaged is read as far as it is whole.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { Cut } from "./AgentTool.ts"
import * as ModelStep from "./internal/ModelStep.ts"
import * as ToolStep from "./internal/ToolStep.ts"

const place = { at: Schema.Finite, key: Schema.String }

/** One line: what stands first, an answer of the model, what came of a call, a question with its answers, or how the run ended. Times in ms. */
export const Line = Schema.Union([
  Schema.Struct({
    type: Schema.Literal("start"),
    at: Schema.Finite,
    runId: Schema.String,
    agent: Schema.String,
    input: Schema.Unknown
  }),
  Schema.Struct({ type: Schema.Literal("answer"), ...place, purpose: Schema.String, answer: AgentMessage.Answer }),
  Schema.Struct({
    type: Schema.Literal("tool"),
    ...place,
    tool: Schema.String,
    params: Schema.Unknown,
    isFailure: Schema.Boolean,
    result: Schema.Unknown,
    /** Where the model was shown less than all of it. */
    cut: Schema.optionalKey(Cut)
  }),
  Schema.Struct({
    type: Schema.Literal("question"),
    ...place,
    prompt: Schema.String,
    args: Schema.optionalKey(Schema.Unknown),
    status: Schema.String,
    answers: Schema.Array(
      Schema.Struct({ by: Schema.String, decision: Schema.String, note: Schema.optionalKey(Schema.String) })
    )
  }),
  Schema.Struct({
    type: Schema.Literal("agent"),
    ...place,
    agent: Schema.String,
    status: Schema.String,
    output: Schema.optionalKey(Schema.Unknown)
  }),
  Schema.Struct({
    type: Schema.Literal("end"),
    at: Schema.Finite,
    status: Schema.String,
    problem: Schema.optionalKey(Schema.String)
  })
])
export type Line = typeof Line.Type

/** A file of a transcript. */
export interface Shard {
  /** `000000.jsonl`, `000001.jsonl` and so on. */
  readonly name: string
  readonly text: string
}

/** What was said in a run, in the order in which it happened. */
export const linesOf = (view: RunView.RunView): ReadonlyArray<Line> => {
  const said = [
    ...view.steps.flatMap((step): ReadonlyArray<Line> => stepLine(step)),
    ...view.approvals.map((each): Line => ({
      type: "question",
      at: each.requestedAt,
      key: each.key,
      prompt: each.prompt,
      ...(each.args === undefined ? {} : { args: each.args }),
      status: each.status,
      answers: each.answers.map(({ by, decision, note }) => ({ by, decision, ...(note === undefined ? {} : { note }) }))
    })),
    ...view.children.map((each): Line => ({
      type: "agent",
      at: each.startedAt,
      key: each.child,
      agent: each.workflow,
      status: each.status,
      ...(each.output === undefined ? {} : { output: each.output })
    }))
  ].sort((a, b) => a.at - b.at)
  const ended = view.times.endedAt
  return [
    { type: "start", at: view.times.requestedAt, runId: view.id, agent: view.workflow, input: view.payload },
    ...said,
    ...(ended === undefined
      ? []
      : [{
        type: "end" as const,
        at: ended,
        status: view.status,
        ...(view.error === undefined ? {} : { problem: view.error.message })
      }])
  ]
}

/** How many lines a file of a transcript has, unless somebody says otherwise. */
export const linesOfShard = 1_000

/** The lines as files of at most so many lines, 1,000 by default. */
export const shardsOf = (lines: ReadonlyArray<Line>, most = linesOfShard): ReadonlyArray<Shard> => {
  const shards: Array<Shard> = []
  for (let from = 0; from < lines.length; from += most) {
    const text = lines.slice(from, from + most).map((line) => `${StoredJson.textOf(line)}\n`).join("")
    shards.push({ name: `${`${shards.length}`.padStart(6, "0")}.jsonl`, text })
  }
  return shards
}

/** A line that cannot be read, and where it stands: `line` counts from 1. */
export interface Damage {
  readonly shard: string
  readonly line: number
  readonly text: string
}

/** The lines of these files, in the order of their names, and what of them is damaged: the rest is read all the same. */
export const read = (
  shards: ReadonlyArray<Shard>
): { readonly lines: ReadonlyArray<Line>; readonly damage: ReadonlyArray<Damage> } => {
  const lines: Array<Line> = []
  const damage: Array<Damage> = []
  for (const { name, text } of shards.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    for (const [index, each] of text.split("\n").entries()) {
      if (each.trim() === "") continue
      const line = decode(each)
      if (line === undefined) damage.push({ shard: name, line: index + 1, text: each.slice(0, 200) })
      else lines.push(line)
    }
  }
  return { lines, damage }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeLine = Schema.decodeUnknownExit(Line)
const decodeAnswer = Schema.decodeUnknownExit(AgentMessage.Answer)
const decodeOutcome = Schema.decodeUnknownExit(ToolStep.Outcome)

const decode = (text: string): Line | undefined => {
  try {
    const decoded = decodeLine(JSON.parse(text))
    return Exit.isSuccess(decoded) ? decoded.value : undefined
  } catch {
    return undefined
  }
}

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined

const stepLine = ({ endedAt, input, key, label, name, output, requestedAt }: RunView.StepView): ReadonlyArray<Line> => {
  if (output === undefined) return []
  const at = endedAt ?? requestedAt
  if (name === ModelStep.stepName) {
    const answer = decodeAnswer(output)
    if (Exit.isFailure(answer)) return []
    return [{ type: "answer", at, key, purpose: String(field(input, "purpose")), answer: answer.value }]
  }
  if (label !== "tool") return []
  const outcome = decodeOutcome(output)
  if (Exit.isFailure(outcome) || outcome.value.open !== undefined) return []
  return [{ type: "tool", at, key, tool: name, params: field(input, "params"), ...outcome.value }]
}
