/**
 * What one try of a step says, on its way to the store.
 *
 * ```
 * write ──▶ waiting ──every──▶ a row ──▶ the store
 *              └──▶ followers in this process, at once
 * ```
 *
 * What is stored of a stream is always the first part of what was said: a chunk
 * leaves `waiting` when the store has it, and a row that could not be stored is
 * tried again with what has come since. Where that becomes too much, the stream
 * ends, with a chunk that says so.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import type { ChunkBackend } from "../ChunkBackend.ts"
import * as ChunkLines from "./ChunkLines.ts"
import { ChunkQueue } from "./ChunkQueue.ts"

/** How a writer stores. Sizes are bytes of JSON in UTF-8. */
export interface WriterOptions {
  /** A row is written at most once in this time; 100 ms by default. */
  readonly every?: Duration.Input
  /** Most that one row, and so one chunk, may have; 256 KiB by default. A larger chunk is left out, with a word in its place. */
  readonly maxRowBytes?: number
  /** Most that one try of a step may say; 8 MiB by default. The stream ends there, with a word that says so. */
  readonly maxStreamBytes?: number
  /** What may wait for the store; 1 MiB by default. A body that is ahead by more waits with its next chunk. */
  readonly maxWaitingBytes?: number
}

interface Host {
  readonly backend: ChunkBackend
  /** Something was said. */
  readonly said: (run: string) => void
  /** Runs beside the body, with the services of the host. */
  readonly fork: (work: Effect.Effect<void>) => Fiber.Fiber<void>
}

export class ChunkStream {
  readonly run: string
  readonly entry: number
  readonly queue = new ChunkQueue()
  /** Nothing more is taken. */
  private over = false
  private warned = false
  private timer: Fiber.Fiber<void> | undefined
  private readonly room = Latch.makeUnsafe(true)
  private readonly host: Host
  private readonly options: Required<WriterOptions>

  constructor(host: Host, run: string, entry: number, options: Required<WriterOptions>) {
    this.host = host
    this.run = run
    this.entry = entry
    this.options = options
  }

  /** Nothing more comes of it, and nothing of it waits. */
  get isOver(): boolean {
    return this.over && this.queue.isEmpty
  }

  write(chunk: unknown): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.over) return Effect.void
      if (this.queue.bytes < this.options.maxWaitingBytes) return this.take(chunk)
      this.room.closeUnsafe()
      return Effect.andThen(this.room.await, this.write(chunk))
    })
  }

  /** The end of the scope: all that waits is stored now, in as many rows as it takes, or given up. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.over = true
    return Effect.andThen(
      this.stopTimer,
      Effect.whileLoop({
        while: () => !this.queue.isEmpty,
        body: () => this.save,
        step: (stored) => {
          if (!stored) this.forget()
        }
      })
    )
  })

  /** Nobody needs what was said any more. */
  forget(): void {
    this.over = true
    this.queue.clear()
    this.room.openUnsafe()
  }

  private take(chunk: unknown): Effect.Effect<void> {
    const made = ChunkLines.of(chunk)
    const { maxRowBytes, maxStreamBytes } = this.options
    const bytes = Result.isSuccess(made) ? ChunkLines.bytes(made.success) : 0
    const whole = Result.isSuccess(made) && bytes <= maxRowBytes
    const size = whole ? bytes : cutBytes
    if (this.queue.allBytes + size > maxStreamBytes) this.close("stream")
    else this.push(whole ? made.success : ChunkLines.cut("chunk"), size)
    return Result.isSuccess(made)
      ? Effect.void
      : Effect.logWarning(`a chunk of step ${this.entry} of run ${this.run} is left out: ${made.failure.reason}`)
  }

  private push(text: string, bytes: number): void {
    this.queue.push(text, bytes)
    this.host.said(this.run)
    this.schedule()
  }

  /** Says in the place of what would come next why it does not. */
  private close(why: ChunkLines.Cut): void {
    this.push(ChunkLines.cut(why), cutBytes)
    this.over = true
    this.room.openUnsafe()
  }

  private schedule(): void {
    this.timer ??= this.host.fork(
      Effect.whileLoop({
        while: () => !this.queue.isEmpty || this.rest(),
        body: () => Effect.andThen(Effect.sleep(this.options.every), this.save),
        step: () => {}
      })
    )
  }

  /** Nothing waits: the next chunk begins to count its time anew. */
  private rest(): false {
    this.timer = undefined
    return false
  }

  /** A row that is on its way arrives; it is only the wait for the next one that ends. */
  private readonly stopTimer: Effect.Effect<void> = Effect.suspend(() => {
    const { timer } = this
    return timer === undefined ? Effect.void : Fiber.interrupt(timer)
  })

  /** Stores the next row; false where the store could not. */
  private readonly save: Effect.Effect<boolean> = Effect.uninterruptible(Effect.suspend(() => {
    const row = this.queue.row(this.options.maxRowBytes)
    if (row.length === 0) return Effect.succeed(true)
    const { entry, queue: { first }, run } = this
    const chunks = ChunkLines.join(row)
    return Effect.flatMap(
      Effect.exit(this.host.backend.append({ run, entry, first, count: row.length, chunks })),
      (exit) => {
        if (Exit.isFailure(exit)) return this.refused(exit.cause)
        // Some of it may be there already, from a time when the store could not say so.
        const { next } = exit.value
        if (this.queue.settle(next)) {
          if (this.queue.bytes < this.options.maxWaitingBytes) this.room.openUnsafe()
          return Effect.succeed(true)
        }
        const dropped = this.isOver
        this.forget()
        return dropped
          ? Effect.succeed(true)
          : this.refused(`chunk ${first} does not follow what is stored, which ends before ${next}`)
      }
    )
  }))

  private refused(problem: unknown): Effect.Effect<false> {
    if (this.queue.bytes >= this.options.maxWaitingBytes && !this.over) this.close("store")
    if (this.warned) return Effect.succeed(false)
    this.warned = true
    return Effect.as(
      Effect.logWarning(
        `what step ${this.entry} of run ${this.run} says could not be stored`,
        problem
      ),
      false
    )
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What a word for something missing counts, so that no stream of these is without an end. */
const cutBytes = 16
