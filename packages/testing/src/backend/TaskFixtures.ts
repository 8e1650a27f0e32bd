/** Short ways to write operations on tasks, for the conformance suite. */
import type {
  Backend,
  EnqueueOp,
  LeaseOp,
  QueueLimits,
  QueueOp,
  SettleTaskOp,
  TaskOutcome
} from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { one } from "./Fixtures.ts"

/** A task of the queue "q", added at time 1,000. */
export const task = (
  id: string,
  rest: Partial<EnqueueOp["task"]> = {},
  op: Partial<Omit<EnqueueOp, "op" | "task">> = {}
): EnqueueOp => ({
  op: "enqueue",
  task: {
    id,
    queue: "q",
    kind: "work",
    source: null,
    subject: null,
    priority: 0,
    notBefore: 0,
    lane: "",
    adapter: "",
    profile: null,
    dedupe: null,
    payload: `"${id}"`,
    maxAttempts: null,
    waiterRun: null,
    waiterStep: null,
    ...rest
  },
  onDuplicate: "join",
  isLimited: true,
  now: 1_000,
  ...op
})

/** Takes tasks of "q" for "a", from time 1,000 until 2,000. */
export const lease = (limit = 1, rest: Partial<Omit<LeaseOp, "op" | "limit">> = {}): LeaseOp => ({
  op: "lease",
  queue: "q",
  owner: "a",
  now: 1_000,
  until: 2_000,
  limit,
  adapters: null,
  isShared: true,
  ...rest
})

export const settle = (
  task: string,
  attempt: number,
  outcome: TaskOutcome = { _tag: "Completed", result: "1" },
  now = 1_100
): SettleTaskOp => ({ op: "settleTask", task, by: { attempt }, now, outcome })

export const failed = (isFinal = false, retryAfterMs?: number): TaskOutcome => ({
  _tag: "Failed",
  error: `{"code":"failed","message":"no"}`,
  isFinal,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs })
})

export const limits: QueueLimits = {
  concurrency: null,
  perLane: null,
  rateCount: null,
  ratePerMs: null,
  laneRateCount: null,
  laneRatePerMs: null,
  maxQueued: null,
  retry: null
}

export const queue = (name: string, set: Partial<QueueLimits>, paused?: boolean): QueueOp => ({
  op: "queue",
  name,
  limits: { ...limits, ...set },
  ...(paused === undefined ? {} : { paused }),
  by: "ops",
  now: 1_000
})

export const cancel = (task: string, isQueuedOnly = false, now = 1_100) =>
  ({ op: "cancelTask", task, reason: "no more", isQueuedOnly, now }) as const

export const leased = (backend: Backend, op = lease()) =>
  Effect.map(one(backend, op), ({ tasks }) => tasks.map(({ id }) => id).join(" "))

export const added = (backend: Backend, op: EnqueueOp) =>
  Effect.map(one(backend, op), (answer) => "task" in answer ? `${answer.result} ${answer.task.id}` : answer.result)

export const statusOf = (backend: Backend, id: string) => Effect.map(backend.task(id), (row) => row?.status)

export const outcomes = (backend: Backend, id: string) =>
  Effect.map(
    backend.taskAttempts(id),
    (rows) => rows.map(({ attempt, outcome, owner }) => `${attempt} ${owner} ${outcome}`)
  )

export const counts = (backend: Backend, name = "q") =>
  Effect.map(backend.queues(), (rows) => {
    const row = rows.find((row) => row.name === name)
    return row === undefined ? undefined : [row.queued, row.ready, row.running, row.allRunning]
  })
