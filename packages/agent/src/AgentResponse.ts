/**
 * How a run of an agent stands, in one shape for every status: what it came to or
 * what a person has to look at, what it took so far, and why it waits or failed.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type { OpenApproval } from "@fermata/core/Question"
import type { RunNotFound } from "@fermata/core/RunsErrors"
import type * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import { type FindError, Runs } from "@fermata/engine/Runs"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { Message } from "./internal/Message.ts"
import * as ModelStep from "./internal/ModelStep.ts"
import * as Transcript from "./Transcript.ts"

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

/**
 * What calls have cost: of the run and of all below it, attempts that failed too.
 * `estimated` where a part of it was taken to be high rather than known: by a
 * price that nobody knows, usage that a provider did not tell, or a call that
 * came to no outcome. Of what is in flight nothing is in it.
 */
export const Cost = Schema.Struct({
  /** US dollars, exact to a millionth. */
  usd: Schema.Finite,
  /** All that models read and wrote. */
  tokens: Schema.Int,
  estimated: Schema.optionalKey(Schema.Literal(true))
})
export interface Cost extends Schema.Schema.Type<typeof Cost> {}

/** How a run stands. Times in ms. */
export const AgentResponse = Schema.Struct({
  /** Of this shape, for whoever stores it. */
  version: Schema.Literal(1),
  runId: Schema.String,
  status: Schema.Literals(["done", "paused", "running", "failed", "cancelled", "not_found"]),
  /** Of a run that is done, its output; of one that asks people, what they are to look at; else null. */
  data: Schema.Unknown,
  meta: Schema.Struct({
    agent: Schema.String,
    /** Model calls that were answered, those of subagents aside. */
    turns: Schema.Int,
    /** What was said so far: what the run was given, what it was told since, and answers of its model. */
    messages: Schema.Int,
    /**
     * What was said last: the key of the step whose answer it is, such as `model~2`; `message~3` for the third thing
     * that the run was told; `input` for what it was given. Absent for a run that there is not.
     */
    lastMessage: Schema.optionalKey(Schema.String),
    /** The file of its transcript in which the last line stands, from 0 on. Absent for a run that there is not. */
    lastShardIndex: Schema.optionalKey(Schema.Int),
    /** Entries of the journal so far: whoever has seen so many has seen all of this. */
    entries: Schema.Int,
    /** Tokens of answers so far, of subagents too. */
    usage: AgentMessage.Usage,
    cost: Cost,
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
    const family = yield* familyOf(view)
    const pending = view.status === "suspended" ? yield* pendingOf(family) : undefined
    const answers = answersOf(view)
    const last = answers.at(-1)
    return {
      version: 1,
      runId: view.id,
      status: statusOf(view),
      data: dataOf(view, pending),
      meta: {
        agent: view.workflow,
        turns: answers.length,
        messages: 1 + toldOf(view) + answers.length,
        lastMessage: lastMessageOf(view),
        lastShardIndex: Math.floor((Transcript.linesOf(view).length - 1) / Transcript.linesOfShard),
        entries: view.counts.entries,
        usage: usageOf(family),
        cost: costOf(family),
        durationMs: (view.times.endedAt ?? timestamp) - view.times.requestedAt,
        output: last === undefined ? null : AgentMessage.textOf(last.content),
        ...(view.status === "suspended" ? { pauseReason: reasonOf(view, pending) } : {}),
        ...(pending === undefined ? {} : { pendingCall: pending.call })
      },
      // That somebody cancelled it is no error of it.
      errors: view.error === undefined || view.status === "cancelled"
        ? []
        : [errorOf(view.error, view.stop?.kind === "limit")],
      timestamp
    }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The answers of the run's model, in order, summaries aside. */
const answersOf = (view: RunView.RunView): ReadonlyArray<AgentMessage.Answer> =>
  modelSteps(view).flatMap(({ answer, purpose }) => purpose === "summary" ? [] : [answer])

/** A run and those that it has started, as far as they are there. */
interface Family {
  readonly view: RunView.RunView
  readonly below: ReadonlyArray<{ readonly child: RunView.ChildView; readonly family: Family | undefined }>
}

const familyOf = Effect.fnUntraced(function*(view: RunView.RunView): Effect.fn.Return<
  Family,
  Exclude<FindError, RunNotFound>,
  Runs
> {
  const runs = yield* Runs
  const below = yield* Effect.forEach(view.children, (child) =>
    runs.show(child.child).pipe(
      Effect.catchTag(["RunNotFound", "EntryCorrupt"], () => Effect.succeed(undefined)),
      Effect.flatMap((view) => view === undefined ? Effect.succeed(undefined) : familyOf(view)),
      Effect.map((family) => ({ child, family }))
    ))
  return { view, below }
})

interface Pending {
  readonly call: PendingCall
  readonly isOwn: boolean
}

const decodeAnswer = Schema.decodeUnknownExit(AgentMessage.Answer)

const modelSteps = ({ steps }: RunView.RunView) =>
  steps.flatMap(({ endedAt, input, key, name, output }) => {
    if (name !== ModelStep.stepName || output === undefined) return []
    const answer = decodeAnswer(output)
    return Exit.isSuccess(answer)
      ? [{ answer: answer.value, purpose: field(input, "purpose"), key, at: endedAt ?? 0 }]
      : []
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
const pendingOf = Effect.fnUntraced(function*({ below, view }: Family): Effect.fn.Return<
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
  for (const { child, family } of below) {
    if (child.status !== "running" || family === undefined) continue
    const found = yield* pendingOf(family)
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

/** What it was told on its way, as far as it has heard it. */
const toldOf = ({ signals }: RunView.RunView): number => signals.find(({ name }) => name === Message.name)?.count ?? 0

const lastMessageOf = (view: RunView.RunView): string => {
  const answer = modelSteps(view).findLast(({ purpose }) => purpose !== "summary")
  const told = view.signals.find(({ name }) => name === Message.name)
  if (told !== undefined && told.lastAt > (answer?.at ?? 0)) {
    return told.count === 1
      ? "message"
      : `message~${told.count}`
  }
  return answer?.key ?? "input"
}

const decodeUsage = Schema.decodeUnknownExit(AgentMessage.Usage)

/** Of one below that is not there any more, what it came to says how much that was. */
const usageOf = ({ below, view }: Family): AgentMessage.Usage =>
  [
    ...modelSteps(view).map(({ answer }) => answer.usage),
    ...below.map(({ child, family }) => {
      if (family !== undefined) return usageOf(family)
      const usage = decodeUsage(field(child.output, "usage"))
      return Exit.isSuccess(usage) ? usage.value : AgentMessage.noUsage
    })
  ].reduce(AgentMessage.addUsage, AgentMessage.noUsage)

const costOf = (family: Family): Cost => {
  const { micros = 0, tokens = 0 } = spentOf(family)
  return { usd: micros / 1_000_000, tokens, ...(isEstimated(family) ? { estimated: true } : {}) }
}

/** What runs below have spent is in the journal of this one once they have ended. */
const spentOf = ({ below, view }: Family): Spent.Amount =>
  Spent.sumAll([
    view.spent.total,
    ...below.flatMap(({ child: { linked, status }, family }) =>
      linked && status === "running" && family !== undefined ? [spentOf(family)] : []
    )
  ])

/** Nobody knows what a call has cost that failed, or came to no outcome: what it has spent is not in its answer. */
const isEstimated = ({ below, view }: Family): boolean =>
  !Spent.isZero(view.spent.unsettled) ||
  view.steps.some(({ name, output, spent }) => {
    if (name !== ModelStep.stepName || spent === undefined) return false
    const answer = decodeAnswer(output)
    if (Exit.isFailure(answer)) return true
    const { assumedPrice, usage } = answer.value
    return assumedPrice === true || usage.estimated === true || AgentMessage.tokensOf(usage) !== (spent.tokens ?? 0)
  }) ||
  below.some(({ child, family }) => family === undefined ? child.spent !== undefined : isEstimated(family))

/** The failure of an agent by its code; the engine's word that it went past a limit; and anything else, which code of the agent, or below it, has thrown. */
const errorOf = (
  { cause, message }: NonNullable<RunView.RunView["error"]>,
  isPastLimit: boolean
): { readonly code: string; readonly message: string } => {
  const first: unknown = Array.isArray(cause) ? cause[0] : undefined
  const error = field(first, "error")
  const code = field(error, "code")
  const problem = field(error, "problem")
  if (typeof code === "string") return { code, message: typeof problem === "string" ? problem : message }
  return { code: isPastLimit ? "ERR_RUN_TIMEOUT" : "ERR_DEFECT", message }
}

const notFound = (run: string, timestamp: number): AgentResponse => ({
  version: 1,
  runId: run,
  status: "not_found",
  data: null,
  meta: {
    agent: "",
    turns: 0,
    messages: 0,
    entries: 0,
    usage: AgentMessage.noUsage,
    cost: { usd: 0, tokens: 0 },
    durationMs: 0,
    output: null
  },
  errors: [{ code: "NOT_FOUND", message: `there is no run "${run}"` }],
  timestamp
})
