/**
 * Where a run stands, read off what it has asked for and been told: whether
 * something goes on by itself, and if not, what it waits for. Pure.
 */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import type { EntryOf } from "@fermata/core/JournalEntry"
import { neverKey, reasonOf, type SuspendReason, suspendReasons } from "@fermata/core/RunStatus"
import * as SpentByDay from "@fermata/core/SpentByDay"
import type { Wait } from "@fermata/core/Wait"
import type { Lookup, Members } from "../Sparse.ts"
import * as StepWaits from "../StepWaits.ts"

/** A step without an outcome. */
export interface OpenStep extends StepWaits.OpenStep {
  readonly definition: { readonly onCrash: string; readonly inside: string | undefined }
}

interface Waited {
  readonly waiters: ReadonlyArray<unknown>
}

/** What a run has asked for and been told, as far as it decides where the run stands. */
export interface Asked<Step extends OpenStep = OpenStep> {
  /** What the journal says. */
  readonly ledger: { readonly paused: boolean }
  /** Why no fiber runs, and none may until an operator says so. */
  readonly held: Wait | undefined
  /** All steps by their keys, and those of them that are neither delivered nor abandoned. */
  readonly steps: Lookup<string, Step>
  readonly open: Members<Step>
  readonly approvals: Lookup<string, {
    readonly record: {
      readonly entry: EntryOf<"ApprovalRequested">
      readonly question: ApprovalRule.Question
      readonly given: ReadonlyArray<ApprovalRule.Given>
    }
    readonly waiter: unknown
    readonly result: unknown
  }>
  readonly signals: Lookup<string, Waited>
  /** Who waits for a larger budget. */
  readonly budgets: ReadonlyArray<
    {
      readonly key: string
      readonly detail: string
      readonly until?: number | undefined
      readonly day?: number | undefined
    }
  >
  /** What a signal that the run waits for stands for, for people. */
  readonly details: Lookup<string, string>
  readonly deferredWaiters: Lookup<string, ReadonlyArray<unknown>>
  /** Deferreds that a timer of the run completes, and those of them that none ever does. */
  readonly clocks: Members<string>
  readonly endlessClocks: Members<string>
  readonly children: Lookup<string, Waited>
  readonly timers: Lookup<number, { readonly entry: EntryOf<"TimerSet">; readonly waiter: unknown }>
  /** Sleeps without an end. */
  readonly endless: number
  /** Nothing has moved for a minute, and nothing is waited for that the engine knows of. */
  readonly still: boolean
}

export interface Standing {
  /** Something goes on by itself. */
  readonly busy: boolean
  readonly status: "running" | "suspended"
  /** The most urgent of the waits, when suspended. */
  readonly reason: SuspendReason | null
  /** Empty while something goes on by itself. */
  readonly waits: ReadonlyArray<Wait>
}

/** A run may wait for thousands of things, and says so in its journal whenever that changes. */
export const mostWaits = 100

/** Where the run stands; `starting`: bodies of steps are about to start. */
export const standing = (asked: Asked, starting: boolean): Standing => {
  const busy = starting || isBusy(asked)
  const waits = busy ? [] : waitsOf(asked)
  return waits.length === 0
    ? { busy, status: "running", reason: null, waits }
    : { busy, status: "suspended", reason: reasonOf(waits) ?? null, waits }
}

/** Whether the body only waits for something durable, so that it may be dropped and run again. */
export const isIdle = ({ bodyWaits, definition }: OpenStep): boolean =>
  bodyWaits.length > 0 && definition.onCrash !== "ask"

/** Whether a body of a step is in this process: a run with one of these is not let go. */
export const isInFlight = ({ open }: Pick<Asked, "open">): boolean => {
  for (const step of open) if (step.phase === "done" || (step.phase === "running" && !isIdle(step))) return true
  return false
}

/** Whether something goes on by itself: a body does not that waits for a step of its own which waits for an operator. */
export const isBusy = ({ open, steps }: Pick<Asked, "open" | "steps">): boolean => {
  let stalled: Members<OpenStep> | undefined
  for (const step of open) {
    if (step.phase === "done") return true
    if (step.phase === "running" && !isIdle(step) && !(stalled ??= stalledOf(open, steps)).has(step)) return true
  }
  return false
}

/** What the run waits for, most urgent first; at most `mostWaits` for each reason, of timers the earliest. */
export const waitsOf = (asked: Asked): ReadonlyArray<Wait> => {
  const waits: Array<Wait> = []
  if (asked.held !== undefined) waits.push(asked.held)
  else if (asked.ledger.paused) waits.push({ reason: "operator", key: "pause", detail: "paused by an operator" })
  for (const step of asked.open) waits.push(...StepWaits.of(step))
  for (const { record: { entry, given, question }, result, waiter } of asked.approvals.values()) {
    if (waiter === undefined || result !== undefined) continue
    const { deadline, key, prompt } = entry
    waits.push({
      reason: "approval",
      key,
      who: ApprovalRule.standing(question, given).wanted,
      detail: prompt,
      ...(deadline === undefined ? {} : { until: deadline })
    })
  }
  // One raise goes to all who wait for one.
  const short = asked.budgets.at(-1)
  if (short !== undefined) {
    const { day, detail, key, until } = short
    waits.push({
      reason: "budget",
      key,
      detail,
      ...(until === undefined ? {} : { until }),
      ...(day === undefined ? {} : { day: SpentByDay.textOf(day) })
    })
  }
  for (const [key, { waiters }] of asked.signals) {
    const detail = asked.details.get(key)
    if (waiters.length > 0) waits.push({ reason: "signal", key, ...(detail === undefined ? {} : { detail }) })
  }
  for (const [key, waiters] of asked.deferredWaiters) {
    if (waiters.length === 0 || asked.clocks.has(key)) continue
    if (!waits.some((wait) => wait.reason === "signal" && wait.key === key)) waits.push({ reason: "signal", key })
  }
  for (const [key, { waiters }] of asked.children) if (waiters.length > 0) waits.push({ reason: "child", key })
  for (const { dueAt, timer } of earliestTimers(asked)) {
    waits.push({ reason: "timer", key: `timer ${timer}`, until: dueAt })
  }
  if (waits.length === 0 && (asked.still || waitsForEver(asked))) {
    const what = waitsForEver(asked) ? "a time that never comes" : "nothing that the engine knows of"
    waits.push({ reason: "operator", key: neverKey, detail: `it waits for ${what}, and only a cancel ends that` })
  }
  waits.sort((a, b) => suspendReasons.indexOf(a.reason) - suspendReasons.indexOf(b.reason))
  return waits.length <= mostWaits ? waits : bounded(waits)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The steps whose bodies wait for a step of their own that waits for an operator. */
const stalledOf = (open: Asked["open"], steps: Asked["steps"]): Members<OpenStep> => {
  const stalled = new Set<OpenStep>()
  for (const step of open) {
    if (step.phase !== "unknown" && step.phase !== "exhausted") continue
    for (let body = bodyOf(step, steps); body !== undefined && !stalled.has(body); body = bodyOf(body, steps)) {
      stalled.add(body)
    }
  }
  return stalled
}

/** The step whose body asked for this one. */
const bodyOf = ({ definition }: OpenStep, steps: Asked["steps"]): OpenStep | undefined => {
  const { inside } = definition
  return inside === undefined ? undefined : steps.get(inside) ?? steps.get(inside.replace(/[#?]\d+$/, ""))
}

const waitsForEver = ({ deferredWaiters, endless, endlessClocks, open }: Asked): boolean => {
  if (endless > 0) return true
  for (const step of open) if (step.phase === "backoff" && StepWaits.isNever(step.record.retryAt)) return true
  for (const name of endlessClocks) if ((deferredWaiters.get(name)?.length ?? 0) > 0) return true
  return false
}

const earliestTimers = ({ timers }: Asked): ReadonlyArray<EntryOf<"TimerSet">> => {
  const waiting: Array<EntryOf<"TimerSet">> = []
  for (const { entry, waiter } of timers.values()) if (waiter !== undefined) waiting.push(entry)
  return waiting.length <= mostWaits ? waiting : waiting.sort((a, b) => a.dueAt - b.dueAt).slice(0, mostWaits)
}

const bounded = (waits: ReadonlyArray<Wait>): ReadonlyArray<Wait> => {
  const counts = new Map<string, number>()
  return waits.filter(({ reason }) => {
    const count = (counts.get(reason) ?? 0) + 1
    counts.set(reason, count)
    return count <= mostWaits
  })
}
