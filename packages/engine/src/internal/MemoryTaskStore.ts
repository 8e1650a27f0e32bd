/** What the memory backend stores of tasks. */
import type { LaneRow, QueueRow, TaskAttemptRow, TaskRow, TaskServerRow } from "./backend/TaskOps.ts"

/** What a memory store has of tasks. */
export interface MemoryTasks {
  readonly rows: Map<string, StoredTask>
  readonly attempts: Map<string, ReadonlyArray<TaskAttemptRow>>
  readonly queues: Map<string, QueueRow>
  /** By queue and lane, and then by adapter. */
  readonly lanes: Map<string, ReadonlyArray<LaneRow>>
  /** Until when, by queue and lane. */
  readonly holds: Map<string, number>
  readonly servers: Map<string, TaskServerRow>
  /** Ids of ready tasks, by queue, lane and adapter. */
  readonly ready: Map<string, Set<string>>
}

/** A task with its place in the order of arrival, and whether its time has come. */
export interface StoredTask {
  readonly order: number
  readonly row: TaskRow
  readonly isReady: boolean
}

export const make = (): MemoryTasks => ({
  rows: new Map(),
  attempts: new Map(),
  queues: new Map(),
  lanes: new Map(),
  holds: new Map(),
  servers: new Map(),
  ready: new Map()
})
