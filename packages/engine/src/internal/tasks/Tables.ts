/** The tables of tasks, as a backend gives them to what decides what is written. */
import type { OutboxRow } from "../backend/Rows.ts"
import type { LaneRow, QueueRow, TaskAttemptRow, TaskRow, TaskServerRow } from "../backend/TaskOps.ts"

/** What a backend does inside its write transaction. Rows are given as they are from now on. */
export interface TaskTables {
  readonly task: (id: string) => TaskRow | null
  /** Tasks of this key in this queue that are queued, and that are at work; the oldest. */
  readonly duplicate: (queue: string, dedupe: string, status: "queued" | "running") => TaskRow | null
  /** Tasks that have not ended and that this run waits for. */
  readonly awaited: (run: string) => ReadonlyArray<TaskRow>
  /** A task that is new. `isReady`: its time has come. */
  readonly add: (row: TaskRow, isReady: boolean) => void
  /** A task as it is now; what says what it is, stays. */
  readonly put: (row: TaskRow, isReady: boolean) => void
  /** A queued task as somebody asks for it anew: payload, subject and priority too. */
  readonly replace: (row: TaskRow, isReady: boolean) => void
  /** Whether its time has come, as the table has it. */
  readonly isReady: (id: string) => boolean
  /** Queued tasks of all queues whose time comes now, the earliest first. */
  readonly due: (now: number, limit: number) => ReadonlyArray<TaskRow>
  /** Tasks whose lease has ended, the earliest first. */
  readonly expired: (now: number, limit: number) => ReadonlyArray<TaskRow>
  /** The best of the ready tasks of a lane for an adapter, and its place in the order of arrival. */
  readonly best: (
    queue: string,
    lane: string,
    adapter: string
  ) => { readonly row: TaskRow; readonly order: number } | null
  /** The earliest time at which a task's time comes, a lease ends, or a lane or a queue opens. */
  readonly next: () => number | null

  readonly begin: (row: TaskAttemptRow) => void
  readonly finish: (task: string, attempt: number, end: Pick<TaskAttemptRow, "endedAt" | "error" | "outcome">) => void

  readonly queue: (name: string) => QueueRow | null
  readonly putQueue: (row: QueueRow) => void
  /** Queues of this name, of every tenant and of none, that have something ready, are not paused and not at a limit: the fairest first. */
  readonly openQueues: (local: string) => Iterable<QueueRow>
  /** Queues that a rate has closed until now. */
  readonly opening: (now: number, limit: number) => ReadonlyArray<QueueRow>

  readonly lane: (queue: string, lane: string) => ReadonlyArray<LaneRow>
  readonly putLane: (row: LaneRow) => void
  readonly dropLane: (queue: string, lane: string) => void
  /** The fairest lane of a queue that has something ready for one of the adapters (for any, when null) and is not closed. */
  readonly openLane: (queue: string, adapters: ReadonlyArray<string> | null) => LaneRow | null
  /** Until when no task of a lane is begun; null where none is held back. */
  readonly heldUntil: (queue: string, lane: string) => number | null
  readonly hold: (queue: string, lane: string, until: number | null) => void
  readonly openingLanes: (now: number, limit: number) => ReadonlyArray<LaneRow>
  /** All lanes of a queue have all of their rate. */
  readonly refill: (queue: string) => void

  readonly server: (queue: string, owner: string) => TaskServerRow | null
  readonly putServer: (row: TaskServerRow) => void
  /** Forgets processes that were last seen before a time. */
  readonly dropServers: (before: number) => void

  /** Deletes tasks that have ended, the oldest first, with their attempts. */
  readonly sweep: (before: number, limit: number) => number

  readonly send: (row: OutboxRow) => void
  readonly isInOutbox: (id: string) => boolean
}

/** The row that stands for all queues: while it is paused, nothing is given out. No queue is called so. */
export const everyQueue = "*"

/** A queue that nobody has set up, and that has nothing. */
export const emptyQueue = (name: string): QueueRow => ({
  name,
  paused: false,
  by: null,
  at: null,
  concurrency: null,
  perLane: null,
  rateCount: null,
  ratePerMs: null,
  laneRateCount: null,
  laneRatePerMs: null,
  maxQueued: null,
  retry: null,
  queued: 0,
  ready: 0,
  running: 0,
  allRunning: 0,
  served: 0,
  serial: 0,
  tokens: null,
  refilledAt: 0,
  opensAt: null
})
