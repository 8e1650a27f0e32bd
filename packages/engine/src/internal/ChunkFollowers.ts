/**
 * Those who follow what runs say: told at once of what this process writes, and
 * of what others wrote by one look at the store for all of them.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { StorageFailed } from "../Backend.ts"
import type { ChunkBackend } from "../ChunkBackend.ts"
import type { Chunk } from "./ChunkLines.ts"
import type { ChunkReader } from "./ChunkReader.ts"

/** How often (ms) the store is looked at while somebody follows. */
const pollMs = 100

interface Follower {
  readonly changed: Latch.Latch
  readonly reader: ChunkReader
}

export class ChunkFollowers {
  private readonly byRun = new Map<string, Set<Follower>>()
  private readonly backend: ChunkBackend
  private readonly fork: (work: Effect.Effect<void>) => Fiber.Fiber<void>
  private polling: Fiber.Fiber<void> | undefined

  constructor(backend: ChunkBackend, fork: (work: Effect.Effect<void>) => Fiber.Fiber<void>) {
    this.backend = backend
    this.fork = fork
  }

  /** Tells those who follow the run, and whether the store has something new. */
  wake(run: string, stored: boolean): void {
    for (const { changed, reader } of this.byRun.get(run) ?? []) {
      reader.stale ||= stored
      changed.openUnsafe()
    }
  }

  follow(run: string, makeReader: () => ChunkReader): Stream.Stream<Chunk, StorageFailed> {
    return Stream.unwrap(Effect.map(
      Effect.acquireRelease(
        Effect.map(this.mark, (at) => this.add(run, { changed: Latch.makeUnsafe(true), reader: makeReader() }, at)),
        (follower) => this.remove(run, follower)
      ),
      ({ changed, reader }) =>
        Stream.flattenIterable(Stream.fromEffectRepeat(Effect.gen(function*() {
          yield* changed.await
          // Closed before the look, so that a change during the look is seen by the next.
          changed.closeUnsafe()
          const chunks = yield* reader.pull
          if (reader.stale) changed.openUnsafe()
          return chunks
        })))
    ))
  }

  private get mark(): Effect.Effect<number, StorageFailed> {
    return Effect.map(this.backend.changes(Infinity), ({ at }) => at)
  }

  private add(run: string, follower: Follower, at: number): Follower {
    const followers = this.byRun.get(run) ?? new Set<Follower>()
    this.byRun.set(run, followers.add(follower))
    if (this.backend.supports.shared) this.polling ??= this.fork(this.poll(at))
    return follower
  }

  private remove(run: string, follower: Follower): Effect.Effect<void> {
    return Effect.suspend(() => {
      const followers = this.byRun.get(run)
      followers?.delete(follower)
      if (followers?.size === 0) this.byRun.delete(run)
      const { polling } = this
      if (this.byRun.size > 0 || polling === undefined) return Effect.void
      this.polling = undefined
      return Fiber.interrupt(polling)
    })
  }

  private poll(from: number): Effect.Effect<never> {
    let mark = from
    return Effect.forever(Effect.andThen(
      Effect.sleep(pollMs),
      // A store that cannot be read now is looked at again; a follower that reads hears of it.
      Effect.ignore(Effect.map(Effect.suspend(() => this.backend.changes(mark)), ({ at, runs }) => {
        mark = at
        for (const run of runs) this.wake(run, true)
      }))
    ))
  }
}
