/**
 * Counts steps by where their outcomes come from.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Predicate from "effect/Predicate"

/** Numbers of steps. */
export interface Steps {
  /** Run to their outcome by this process. */
  readonly executed: number
  /** With an outcome that was in the journal before this process began. */
  readonly replayed: number
  /** With more than one outcome, which must never be. */
  readonly repeated: number
  /** Bodies that ran again since this process began, because a crash had cut them short. */
  readonly recovered: number
  /** Bodies that ran again since this process began, beside one that was let go at the end of its time. */
  readonly overtime: number
  /** Attempts that failed and were tried again since this process began. */
  readonly retried: number
}

/** Tokens that models have used; empty when none was asked. */
export interface Usage {
  readonly inputTokens?: number
  readonly outputTokens?: number
}

interface Outcome {
  readonly seq: number
  readonly epoch: number
  readonly notHere: boolean
}

/** Reads a journal, part by part. */
export class Outcomes {
  private readonly last = new Map<string, Outcome>()
  private readonly repeatedKeys = new Set<string>()
  private readonly recoveredAt: Array<number> = []
  private readonly retriedAt: Array<number> = []
  private readonly overtimeAt: Array<number> = []
  /** Steps whose body was let go at the end of its time, and which have not begun again since. */
  private readonly letGo = new Set<string>()
  /** Steps whose latest attempt failed and is to be followed by another. */
  private readonly failedAttempts = new Set<string>()
  /** Tokens that the models of the run have used so far. */
  usage: Usage = {}

  take(entries: ReadonlyArray<JournalEntry.JournalEntry>): void {
    for (const entry of entries) {
      if (entry._tag === "Note" && entry.kind === "usage") this.count(entry.data)
      if (entry._tag === "StepRequested" && entry.probe !== true && this.failedAttempts.delete(entry.key)) {
        this.retriedAt.push(entry.seq)
      }
      if (entry._tag === "BodyLetGo") this.letGo.add(entry.key)
      if (entry._tag === "StepRequested" && entry.probe !== true && (entry.recovery ?? 0) > 0) {
        const places = this.letGo.delete(entry.key) ? this.overtimeAt : this.recoveredAt
        places.push(entry.seq)
      }
      if (entry._tag !== "StepCompleted" && entry._tag !== "StepFailed") continue
      // An attempt that is followed by another, now or after an operator's resume, is no outcome.
      if (entry._tag === "StepFailed" && (entry.retryAt !== undefined || entry.parked === true)) {
        this.failedAttempts.add(entry.key)
        continue
      }
      if (this.last.has(entry.key)) this.repeatedKeys.add(entry.key)
      const notHere = entry.settledBy !== undefined || (entry._tag === "StepCompleted" && entry.probed === true)
      this.last.set(entry.key, { seq: entry.seq, epoch: entry.epoch, notHere })
    }
  }

  /** The numbers, for a process that owned the run in these epochs and began at this entry. */
  steps(own: ReadonlySet<number>, from: number): Steps {
    let executed = 0
    let replayed = 0
    for (const { notHere, epoch, seq } of this.last.values()) {
      if (seq < from) replayed++
      else if (own.has(epoch) && !notHere) executed++
    }
    const since = (places: ReadonlyArray<number>): number => places.filter((seq) => seq >= from).length
    return {
      executed,
      replayed,
      repeated: this.repeatedKeys.size,
      recovered: since(this.recoveredAt),
      overtime: since(this.overtimeAt),
      retried: since(this.retriedAt)
    }
  }

  private count(data: unknown): void {
    const { inputTokens = 0, outputTokens = 0 } = this.usage
    this.usage = {
      inputTokens: inputTokens + numberOf(data, "inputTokens"),
      outputTokens: outputTokens + numberOf(data, "outputTokens")
    }
  }
}

const numberOf = (data: unknown, name: string): number => {
  const value: unknown = Predicate.hasProperty(data, name) ? data[name] : undefined
  return typeof value === "number" && Number.isFinite(value) ? value : 0
}
