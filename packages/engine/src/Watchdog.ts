/**
 * The watchdog (S7): every suspended run has a next wake-up or names a person,
 * a signal or an operator, and a run that has none is reported and, where that
 * is safe, made due again. To be woken is always safe for a run: it is what its
 * journal says, so it is replayed and suspends anew for the right reasons.
 *
 * The cost: a beat asks for stranded runs, from an index that is empty in
 * a healthy store, and looks at one page of suspended runs, going on where the
 * last beat stopped. A run that seems broken is looked at again one beat later
 * and reported when nothing has moved, so nothing that is merely under way is.
 * So a stranded run is reported within two beats (20 s) in a store of any size;
 * what only shows in a run's waits is within 60 s in stores of up to 5,000
 * suspended runs, and with 100,000 within 17 minutes. Runs that have an owner
 * are that process's business, and a dead owner's are freed with its lease.
 */
import { isFinal, type RunStatus, type SuspendReason } from "@fermata/core/RunStatus"
import { isOfRun } from "@fermata/core/Suspension"
import { readWaits } from "@fermata/core/Wait"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Answer, Backend, Op, ReportOp, RunRow, StartOp, StorageFailed } from "./Backend.ts"

/** What may be wrong with an open run. */
export type Reason =
  | "never-due"
  | "inbox-unread"
  | "waits-empty"
  | "waits-unreadable"
  | "timer-missed"
  | "child-ended"
  | "child-missing"

/** Why a run does not go on by itself, and whether waking it may help. */
export interface Finding extends Look {
  readonly reason: Reason
  /** A sentence for people. */
  readonly problem: string
  readonly wakes: boolean
  /** The child that has ended, whose end the run was not told. */
  readonly child?: RunRow
}

/** How often (ms, host time) a worker looks. */
export const beatMs = 10_000

/** Runs that one beat looks at. */
export const pageSize = 1_000

/** A run, and whether the store says that it is stranded. */
interface Look {
  readonly run: RunRow
  readonly stranded: boolean
}

/** What is wrong with this run as it stands in the store, if anything is. `now` is the time that programs live by. */
const examine = Effect.fnUntraced(function*(
  backend: Backend,
  { run, stranded }: Look,
  now: number
): Effect.fn.Return<Finding | undefined, StorageFailed> {
  const { dueAt, owner, reason, status } = run
  if (owner !== null || isFinal(status as RunStatus) || (dueAt !== null && dueAt <= now)) return undefined
  const found = (reason: Reason, problem: string, wakes = true): Finding => ({ run, stranded, reason, problem, wakes })
  if (status !== "suspended") {
    return dueAt === null
      ? found("never-due", `it is ${status}, nobody has it, and no time is set for it to go on`)
      : stranded
      ? found("inbox-unread", unread)
      : undefined
  }
  // An operator is asked for, and a message does not change that: these are left with what is in their inbox.
  if (reason !== null && quiet.has(reason as SuspendReason)) return undefined
  const decoded = readWaits(run.waits)
  const isRecovery = reason === "recovery"
  if (Option.isNone(decoded)) return found("waits-unreadable", "what it waits for cannot be read", !isRecovery)
  const waits = decoded.value
  if (waits.length === 0) return found("waits-empty", "it is suspended and waits for nothing", !isRecovery)
  // Recovery has stopped the run as a whole, and not at one step.
  if (waits.some(isOfRun)) return undefined
  if (stranded && (yield* backend.inbox(run.id)).length > 0) {
    return found("inbox-unread", unread)
  }
  const until = waits.reduce((earliest, wait) => Math.min(earliest, wait.until ?? Infinity), Infinity)
  const isLate = Number.isFinite(until) && (dueAt === null || dueAt > until + 1)
  if (isLate || (dueAt === null && waits.every((wait) => wait.reason === "timer"))) {
    return found(
      "timer-missed",
      dueAt === null
        ? "it waits for a time, and none is set for it to go on"
        : "it goes on only after the time that it waits for"
    )
  }
  for (const wait of waits) {
    if (wait.reason !== "child") continue
    const child = yield* backend.run(wait.key)
    if (child === null) return found("child-missing", `it waits for the run ${wait.key}, and there is none`, false)
    if (isFinal(child.status as RunStatus)) {
      return {
        ...found("child-ended", `it waits for the run ${wait.key}, which is ${child.status}, and was not told`),
        child
      }
    }
  }
  return undefined
})

/** A look at a whole store, or the newest `limit` suspended runs of it, for people. Changes nothing. */
export const survey = Effect.fnUntraced(function*(
  backend: Backend,
  now: number,
  limit: number
): Effect.fn.Return<ReadonlyArray<Finding>, StorageFailed> {
  const looks = both(yield* backend.stranded(limit), yield* backend.runs({ status: ["suspended"], limit }))
  const found = yield* Effect.forEach(looks, (look) => examine(backend, look, now))
  return found.filter((finding) => finding !== undefined)
})

/** What the watchdog needs of its host. */
export interface Host {
  readonly backend: Backend
  /** ms since the epoch, by the clock that programs live by. */
  readonly now: () => number
  /** Something may have become due. */
  readonly poke: () => void
  /** Waits by the host's clock. */
  readonly hostSleep: (millis: number) => Effect.Effect<void>
  /** The process is ending. */
  readonly closed: boolean
}

/** The watchdog of a worker: one beat after another, until it is interrupted. */
export const run = (host: Host): Effect.Effect<never> => {
  const look = Effect.catchCause(make(host), (cause) => Effect.logWarning("the watchdog could not look", cause))
  return Effect.forever(Effect.andThen(host.hostSleep(beatMs), Effect.suspend(() => host.closed ? Effect.void : look)))
}

/** A watchdog; the effect is one beat of it. */
export const make = (
  { backend, now, poke }: Pick<Host, "backend" | "now" | "poke">
): Effect.Effect<void, StorageFailed> => {
  const suspects = new Map<string, Finding>()
  /** Lengths of journals by run and reason, at which a finding was reported: it is not written again until the journal has grown. */
  const reported = new Map<string, number>()
  const cursors: { stranded?: string | undefined; suspended?: string | undefined } = {}

  const page = (
    cursor: keyof typeof cursors,
    read: (before: string | undefined) => Effect.Effect<ReadonlyArray<RunRow>, StorageFailed>
  ) =>
    Effect.map(read(cursors[cursor]), (rows) => {
      cursors[cursor] = rows.length < pageSize ? undefined : rows.at(-1)!.id
      return rows
    })

  const report = Effect.fnUntraced(function*(findings: ReadonlyArray<Finding>) {
    const ops = findings.flatMap((finding) => [
      reportOf(finding, now()),
      ...(finding.child === undefined ? [] : [retold(finding.child, finding.run.id)])
    ])
    const answers: ReadonlyArray<Answer<Op>> = yield* backend.write(ops)
    const recorded = new Set(ops.flatMap((op, index) => {
      const answer = answers[index]!
      return op.op === "report" && "reported" in answer && answer.reported ? [op.row.run] : []
    }))
    for (const { problem, reason, run, wakes } of findings) {
      if (reported.size >= mostReported) reported.clear()
      reported.set(`${run.id} ${reason}`, run.length)
      if (!recorded.has(run.id)) continue
      yield* Effect.logWarning(
        `run ${run.id} of ${run.workflow}@${run.version} would not have gone on: ${problem}; ${
          wakes ? "the watchdog has made it due again" : "it needs an operator"
        }`,
        { runId: run.id, workflow: run.workflow, reason }
      )
    }
    if (recorded.size > 0) poke()
  })

  const look = Effect.fnUntraced(function*(at: Look) {
    const finding = yield* examine(backend, at, now())
    if (finding === undefined || (reported.get(`${at.run.id} ${finding.reason}`) ?? -1) >= at.run.length) {
      return undefined
    }
    return finding
  })

  return Effect.gen(function*() {
    const seen = Array.from(suspects.values())
    suspects.clear()
    const certain: Array<Finding> = []
    for (const before of seen) {
      const run = yield* backend.run(before.run.id)
      if (run === null) continue
      const finding = yield* look({ run, stranded: before.stranded })
      if (finding === undefined) continue
      if (finding.reason === before.reason && isUnmoved(before.run, run)) certain.push(finding)
      else suspects.set(run.id, finding)
    }
    for (let from = 0; from < certain.length; from += reportsAtOnce) {
      yield* report(certain.slice(from, from + reportsAtOnce))
    }
    const looks = both(
      yield* page("stranded", (before) => backend.stranded(pageSize, before)),
      yield* page("suspended", (before) => backend.runs({ status: ["suspended"], limit: pageSize, before }))
    )
    for (const at of looks) {
      const finding = yield* look(at)
      if (finding !== undefined) suspects.set(at.run.id, finding)
    }
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostReported = 10_000
const reportsAtOnce = 100

const unread = "there is something in its inbox, and nobody is to read it"

const quiet: ReadonlySet<SuspendReason> = new Set(["corrupt", "diverged"])

/** Each run once. */
const both = (stranded: ReadonlyArray<RunRow>, suspended: ReadonlyArray<RunRow>): ReadonlyArray<Look> => {
  const known = new Set(stranded.map(({ id }) => id))
  return [
    ...stranded.map((run) => ({ run, stranded: true })),
    ...suspended.flatMap((run) => known.has(run.id) ? [] : [{ run, stranded: false }])
  ]
}

const isUnmoved = (a: RunRow, b: RunRow): boolean =>
  a.epoch === b.epoch && a.length === b.length && a.dueAt === b.dueAt && a.status === b.status &&
  a.updatedAt === b.updatedAt

const reportOf = ({ problem, reason, run, wakes }: Finding, at: number): ReportOp => ({
  op: "report",
  row: { run: run.id, reason, problem, length: run.length, woken: wakes, at },
  epoch: run.epoch,
  dueAt: run.dueAt
})

/** Joins a run that has ended, which tells the listener of its end once more; twice is once. */
const retold = (child: RunRow, listener: string): StartOp => {
  const {
    epoch: _epoch,
    length: _length,
    reason: _reason,
    takeovers: _takeovers,
    updatedAt: _updatedAt,
    waits: _waits,
    ...run
  } = child
  return { op: "start", run, rows: [], blobs: [], subscriptions: [], listener }
}
