/**
 * How a run of an agent stands, in one shape for every status: what it came to or
 * what a person has to look at, what it took so far, and why it waits or failed.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type { OpenApproval } from "@fermata/core/Question"
import type { RunNotFound } from "@fermata/core/RunsErrors"
import type * as RunView from "@fermata/core/RunView"
import { type FindError, Runs } from "@fermata/engine/Runs"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as ModelStep from "./internal/ModelStep.ts"

/**
 * Why a run waits: for an answer about a call of its own, or of a run below it;
 * for a larger budget; for an operator; or for something that comes by itself.
 */
export const PauseReason = Schema.Literals(["gate_required", "subagent_gate_required", "budget", "operator", "waiting"])
export type PauseReason = typeof PauseReason.Type

/** A call that people are asked about. */
export const PendingCall = Schema.Struct({
  /** The question, as `Runs.answer` wants it. */
  approval: Schema.String,
  /** The run that asks: this one or one below it. */
  runId: Schema.String,
  toolName: Schema.String,
  /** The arguments that would be approved. */
  input: Schema.Unknown,
  /** When people were asked, as ISO 8601. */
  calledAt: Schema.String
})
export interface PendingCall extends Schema.Schema.Type<typeof PendingCall> {}

/** How a run stands. Times in ms. */
export const AgentResponse = Schema.Struct({
  runId: Schema.String,
  status: Schema.Literals(["done", "paused", "running", "failed", "cancelled", "not_found"]),
  /** Of a run that is done, its output; of one that asks people, what they are to look at; else null. */
  data: Schema.Unknown,
  meta: Schema.Struct({
    agent: Schema.String,
    /** Model calls that were answered, those of subagents aside. */
    turns: Schema.Int,
    /** Tokens so far, of subagents that are done too. */
    usage: AgentMessage.Usage,
    durationMs: Schema.Finite,
    /** What the model said last, as it is. */
    output: Schema.NullOr(Schema.String),
    pauseReason: Schema.optionalKey(PauseReason),
    pendingCall: Schema.optionalKey(PendingCall)
  }),
  errors: Schema.Array(Schema.Struct({ code: Schema.String, message: Schema.String })),
  timestamp: Schema.Finite
})
export interface AgentResponse extends Schema.Schema.Type<typeof AgentResponse> {}

/** How the run of this id stands now. One that there is not is `not_found`, with the code `NOT_FOUND`. */
export const of = (run: string): Effect.Effect<AgentResponse, Exclude<FindError, RunNotFound>, Runs> =>
  Effect.gen(function*() {
    const runs = yield* Runs
    const timestamp = yield* Clock.currentTimeMillis
    const view = yield* runs.show(run).pipe(
      Effect.catchTag("RunNotFound", () => Effect.succeed(undefined)),
      Effect.catchTag("EntryCorrupt", Effect.die)
    )
    if (view === undefined) return notFound(run, timestamp)
    const pending = view.status === "suspended" ? yield* pendingOf(view) : undefined
    return {
      runId: view.id,
      status: statusOf(view),
      data: dataOf(view, pending),
      meta: {
        agent: view.workflow,
        turns: answersOf(view).length,
        usage: usageOf(view),
        durationMs: (view.times.endedAt ?? timestamp) - view.times.requestedAt,
        output: outputOf(view),
        ...(view.status === "suspended" ? { pauseReason: reasonOf(view, pending) } : {}),
        ...(pending === undefined ? {} : { pendingCall: pending.call })
      },
      errors: view.error === undefined ? [] : [errorOf(view.error, view.stop?.kind === "limit")],
      timestamp
    }
  })

/** The answers of the run's model, in order, summaries aside. */
export const answersOf = (view: RunView.RunView): ReadonlyArray<AgentMessage.Answer> =>
  modelSteps(view).flatMap(({ answer, purpose }) => purpose === "summary" ? [] : [answer])

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Pending {
  readonly call: PendingCall
  readonly isOwn: boolean
}

const decodeAnswer = Schema.decodeUnknownExit(AgentMessage.Answer)

const modelSteps = ({ steps }: RunView.RunView) =>
  steps.flatMap(({ input, name, output }) => {
    if (name !== ModelStep.stepName || output === undefined) return []
    const answer = decodeAnswer(output)
    return Exit.isSuccess(answer) ? [{ answer: answer.value, purpose: field(input, "purpose") }] : []
  })

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined

const statusOf = ({ status }: RunView.RunView): AgentResponse["status"] => {
  switch (status) {
    case "completed":
      return "done"
    case "suspended":
      return "paused"
    case "failed":
    case "cancelled":
      return status
    default:
      return "running"
  }
}

/** The question that is open in the run, or in a run below it. */
const pendingOf = Effect.fnUntraced(function*(view: RunView.RunView): Effect.fn.Return<
  Pending | undefined,
  Exclude<FindError, RunNotFound>,
  Runs
> {
  const runs = yield* Runs
  const open = yield* Effect.catchTag(
    runs.approvals({ run: view.id }),
    "RunNotFound",
    () => Effect.succeed<ReadonlyArray<OpenApproval>>([])
  )
  const own = open.find(({ status }) => status === "open")
  if (own !== undefined) return { call: callOf(own), isOwn: true }
  for (const { child, status } of view.children) {
    if (status !== "running") continue
    const below = yield* runs.show(child).pipe(
      Effect.catchTag("RunNotFound", () => Effect.succeed(undefined)),
      Effect.catchTag("EntryCorrupt", () => Effect.succeed(undefined))
    )
    const found = below === undefined ? undefined : yield* pendingOf(below)
    if (found !== undefined) return { ...found, isOwn: false }
  }
  return undefined
})

const callOf = ({ args, edit, id, key, requestedAt, runId }: OpenApproval): PendingCall => ({
  approval: id,
  runId,
  toolName: key.replace(/~\d+$/, ""),
  input: edit === undefined ? args : edit.args,
  calledAt: DateTime.formatIso(DateTime.makeUnsafe(requestedAt))
})

const reasonOf = ({ reason }: RunView.RunView, pending: Pending | undefined): PauseReason =>
  pending !== undefined
    ? pending.isOwn ? "gate_required" : "subagent_gate_required"
    : reason === "budget"
    ? "budget"
    : reason === "operator" || reason === "recovery"
    ? "operator"
    : "waiting"

/** What a person is to look at is what would be written, not where to: the content of a file rather than its path. */
const dataOf = (view: RunView.RunView, pending: Pending | undefined): unknown => {
  if (view.status === "completed") return field(view.output, "output") ?? null
  if (pending === undefined) return null
  const { input } = pending.call
  const content = field(input, "content")
  return typeof content === "string" ? content : input ?? null
}

const outputOf = (view: RunView.RunView): string | null => {
  const last = answersOf(view).at(-1)
  return last === undefined ? null : AgentMessage.textOf(last.content)
}

const decodeUsage = Schema.decodeUnknownExit(AgentMessage.Usage)

const usageOf = (view: RunView.RunView): AgentMessage.Usage => {
  const own = modelSteps(view).map(({ answer }) => answer.usage)
  const below = view.children.flatMap(({ output }) => {
    const usage = decodeUsage(field(output, "usage"))
    return Exit.isSuccess(usage) ? [usage.value] : []
  })
  return [...own, ...below].reduce(AgentMessage.addUsage, AgentMessage.noUsage)
}

/** The failure of an agent by its code; the engine's word that it went past a limit; and anything else, which is a mistake of the agent's own code. */
const errorOf = (
  { cause, message }: NonNullable<RunView.RunView["error"]>,
  isPastLimit: boolean
): { readonly code: string; readonly message: string } => {
  const first: unknown = Array.isArray(cause) ? cause[0] : undefined
  const error = field(first, "error")
  const code = field(error, "code")
  const problem = field(error, "problem")
  if (typeof code === "string") return { code, message: typeof problem === "string" ? problem : message }
  return { code: isPastLimit ? "ERR_RUN_TIMEOUT" : "ERR_CONFIG", message }
}

const notFound = (run: string, timestamp: number): AgentResponse => ({
  runId: run,
  status: "not_found",
  data: null,
  meta: { agent: "", turns: 0, usage: AgentMessage.noUsage, durationMs: 0, output: null },
  errors: [{ code: "NOT_FOUND", message: `there is no run "${run}"` }],
  timestamp
})
