/**
 * What steps say while they work: the words of a model, the lines of a command.
 *
 * It is kept beside the journal until the outcome of the step is in there, so
 * that whoever looks, in whichever process and after however many restarts,
 * sees a step speak, and can go on where he stopped. It is no part of the run:
 * nothing is decided by it, and a crash may lose what was said in the last
 * moment. What is shown is never shown twice or out of order.
 *
 * A stream belongs to one try of a step, and is named by the journal entry that
 * requested it (`StepContext.entry`): the try after a crash or a failure has a
 * stream of its own.
 */
import * as Position from "@fermata/core/Position"
import type { StoredJson } from "@fermata/core/StoredJson"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { StorageFailed } from "./Backend.ts"
import type { ChunkBackend } from "./ChunkBackend.ts"
import { ChunkFollowers } from "./internal/ChunkFollowers.ts"
import type { Chunk } from "./internal/ChunkLines.ts"
import * as ChunkLines from "./internal/ChunkLines.ts"
import { ChunkReader } from "./internal/ChunkReader.ts"
import { ChunkStream, type WriterOptions } from "./internal/ChunkStream.ts"
import { MemoryChunks } from "./internal/MemoryChunks.ts"
import { CurrentRun } from "./internal/run/RunPort.ts"
import { Speech } from "./internal/secrets/Speech.ts"

export type { ChunkBackend, ChunkRow } from "./ChunkBackend.ts"
export type { Chunk, Cut } from "./internal/ChunkLines.ts"
export type { WriterOptions } from "./internal/ChunkStream.ts"

/** What a step says at a time: a value of JSON, or JSON text that is there already. */
export type Said = Schema.Json | StoredJson

/** Takes what one try of a step says, until its scope closes. */
export interface Writer {
  /**
   * Shows it to those who follow in this process at once, and stores it with
   * what comes within the same `every`. Never fails: what cannot be stored is
   * logged once, and readers see a word where something is missing.
   */
  readonly write: (chunk: Said) => Effect.Effect<void>
}

/** Where a reader stands. */
type After = Position.Position | Position.Cursor

/** What steps say while they work, kept until their outcome is in the journal. A host provides it. */
export class Chunks extends Context.Service<Chunks, {
  /** Stores these behind what the stream has already, as one row. Gives the place of the last; at least one is needed. */
  readonly append: (
    run: string,
    entry: number,
    chunks: readonly [Said, ...Array<Said>]
  ) => Effect.Effect<Position.ChunkPosition, StorageFailed>
  /** For the body of a step: what one try of it says, in rows of 100 ms. `entry` is that of its `StepContext`. */
  readonly writer: (
    run: string,
    entry: number,
    options?: WriterOptions
  ) => Effect.Effect<Writer, never, Scope.Scope>
  /** What is there behind this place, in order of position; from the beginning when it is absent. */
  readonly read: (run: string, after?: After) => Effect.Effect<ReadonlyArray<Chunk>, StorageFailed>
  /**
   * The same, and all that comes: at once from this process, within 100 ms from
   * others. The chunks of each step come in their order and once, those of
   * different steps as they speak. Has no end of its own, since the journal
   * alone knows when a run has ended.
   */
  readonly follow: (run: string, after?: After) => Stream.Stream<Chunk, StorageFailed>
  /** The streams of a run, by the entries that name them. */
  readonly entries: (run: string) => Effect.Effect<ReadonlyArray<number>, StorageFailed>
  /** Runs that have streams, in order of their ids, behind this one and at most `limit`. */
  readonly runs: (after: string, limit: number) => Effect.Effect<ReadonlyArray<string>, StorageFailed>
  /** Deletes a stream, or all of the run. A writer of this process writes no more to it. */
  readonly drop: (run: string, entry?: number) => Effect.Effect<void, StorageFailed>
  /** The runs of which this process has written chunks that have not been dropped, as far as it knows. */
  readonly written: ReadonlySet<string>
}>()("@fermata/engine/Chunks") {
  /** The service over a backend. What it does beside its callers ends with the scope. */
  static readonly make = (backend: ChunkBackend): Effect.Effect<Chunks["Service"], never, Scope.Scope> =>
    Effect.gen(function*() {
      const ambient = yield* Effect.context<Scope.Scope>()
      const running = new Set<Fiber.Fiber<void>>()
      yield* Effect.addFinalizer(() => Fiber.interruptAll(running))
      const fork = (work: Effect.Effect<void>) => {
        const fiber = Effect.runForkWith(ambient)(work)
        running.add(fiber)
        fiber.addObserver(() => void running.delete(fiber))
        return fiber
      }
      /** The streams that are written here, and the runs whose streams were. */
      const open = new Set<ChunkStream>()
      const written = new Set<string>()
      const openOf = (run: string) => Array.from(open).filter((stream) => stream.run === run)
      const source = {
        backend,
        waiting: (run: string) =>
          openOf(run).map(({ entry, queue }) => ({ entry, first: queue.first, lines: queue.lines }))
      }
      const entries = (run: string) =>
        Effect.tap(backend.entries(run), (found) =>
          Effect.sync(() => {
            if (found.length === 0 && openOf(run).every(({ isOver }) => isOver)) written.delete(run)
          }))
      const followers = new ChunkFollowers(backend, fork)
      const host = { backend, fork, said: (run: string) => followers.wake(run, false) }

      return Chunks.of({
        append: Effect.fn("Chunks.append")(function*(run, entry, chunks) {
          const said = Speech.at(chunks, (yield* CurrentRun)?.confidant)
          const row = { run, entry, count: said.length, chunks: ChunkLines.join(said.map(ChunkLines.orCut)) }
          written.add(run)
          let first = 0
          while (true) {
            const { next, stored } = yield* backend.append({ ...row, first })
            if (stored) {
              followers.wake(run, true)
              return { seq: entry, chunk: next - 1 }
            }
            first = next
          }
        }),
        writer: (run, entry, options = {}) =>
          Effect.map(
            Effect.acquireRelease(
              Effect.map(CurrentRun, (place) => {
                const stream = new ChunkStream(host, run, entry, { ...defaults, ...options })
                open.add(stream)
                written.add(run)
                return new Speech(stream, place?.confidant)
              }),
              // The store may take its time, and the step need not wait for that.
              ({ end, stream }) =>
                Effect.suspend(() => {
                  const ended = fork(Effect.ensuring(end, Effect.sync(() => void open.delete(stream))))
                  return Effect.asVoid(Effect.timeoutOption(Fiber.await(ended), patience))
                })
            ),
            ({ write }) => ({ write })
          ),
        read: Effect.fn("Chunks.read")((run, after) => new ChunkReader(source, run, cursorOf(after)).all),
        follow: (run, after) => followers.follow(run, () => new ChunkReader(source, run, cursorOf(after))),
        entries,
        runs: backend.runs,
        drop: Effect.fn("Chunks.drop")(function*(run, entry) {
          for (const stream of openOf(run)) if (entry === undefined || stream.entry === entry) stream.forget()
          yield* backend.drop(run, entry ?? null)
          if (written.has(run)) yield* entries(run)
        }),
        written
      })
    })

  /** The service over a backend that is there already. */
  static readonly layer = (backend: ChunkBackend): Layer.Layer<Chunks> => Layer.effect(Chunks, Chunks.make(backend))

  /** A backend in memory. Several services on one are like processes on one file. */
  static readonly makeMemory = (): ChunkBackend => new MemoryChunks()

  /** Chunks in memory, gone with the layer. */
  static readonly layerMemory: Layer.Layer<Chunks> = Layer.effect(
    Chunks,
    Effect.suspend(() => Chunks.make(Chunks.makeMemory()))
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const defaults = {
  every: Duration.millis(100),
  maxRowBytes: 256 * 1024,
  maxStreamBytes: 8 * 1024 * 1024,
  maxWaitingBytes: 1024 * 1024
}

/** How long the end of a writer waits for the store. */
const patience = Duration.seconds(1)

const cursorOf = (after: After | undefined): Position.Cursor =>
  after === undefined ? Position.start : "seq" in after ? [after] : after
