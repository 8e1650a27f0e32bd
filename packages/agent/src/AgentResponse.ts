/**
 * How a run of an agent stands, in one shape for every status: what it came to or
 * what a person has to look at, what it took so far, and why it waits or failed.
 */
import * as AgentMessage from "@fermata/core/AgentMessage"
import type { AgentResponse, Cost, PauseReason, PendingCall } from "@fermata/core/AgentState"
import type { OpenApproval } from "@fermata/core/Question"
import type * as RunView from "@fermata/core/RunView"
import * as Spent from "@fermata/core/Spent"
import { Runs } from "@fermata/engine/Runs"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  answersOf,
  decodeAnswer,
  type Family,
  familyOf,
  field,
  modelSteps,
  type ReadError,
  statusOf,
  usageOf,
  viewOf
} from "./internal/Family.ts"
import { Message } from "./internal/Message.ts"
import * as ModelStep from "./internal/ModelStep.ts"
import * as Transcript from "./Transcript.ts"

export { AgentResponse, Cost, PauseReason, PendingCall } from "@fermata/core/AgentState"

/** How the run of this id stands now. One that there is not is `not_found`, with the code `NOT_FOUND`. */
export const of = (run: string): Effect.Effect<AgentResponse, ReadError, Runs> =>
  Effect.gen(function*() {
    const timestamp = yield* Clock.currentTimeMillis
    const view = yield* viewOf(run)
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

interface Pending {
  readonly call: PendingCall
  readonly isOwn: boolean
}

/** The question that is open in the run, or in a run below it. */
const pendingOf = Effect.fnUntraced(function*({ below, view }: Family): Effect.fn.Return<
  Pending | undefined,
  ReadError,
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
