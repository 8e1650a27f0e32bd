/** Follows what the reader of the process reads: woken when something has come, and pulling it then. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StorageFailed } from "../Backend.ts"
import type { Change, Changes } from "../ChangeLog.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import type { Interest, Listener } from "./FeedReader.ts"

/** Behind which position it begins; behind that of now when absent. */
interface Options extends Interest {
  readonly after?: string | undefined
  /** Which changes are wanted; all when absent. */
  readonly wants?: (change: Change) => boolean
}

/** What is wanted of the changes behind a position, as it comes, until the engine closes. */
export const follow = (
  { backend, feed, waiters }: Pick<EngineRuntime, "backend" | "feed" | "waiters">,
  { after, wants, ...interest }: Options
): Stream.Stream<Changes, StorageFailed> => {
  const next = Effect.fnUntraced(function*(listener: Listener, after: string) {
    for (let position = after;;) {
      yield* waiters.whileOpen(listener.changed)
      // Closed before the look, so that what comes during the look is seen by the next.
      listener.changed.closeUnsafe()
      const { next, reset, rows } = yield* feed.pull(listener, position)
      if (rows.length > 0) listener.changed.openUnsafe()
      position = next
      const wanted = wants === undefined ? rows : rows.filter(wants)
      if (reset === true) return [{ rows: [], next, reset }, next] as const
      if (wanted.length > 0) return [{ rows: wanted, next }, next] as const
    }
  })
  return Stream.unwrap(Effect.gen(function*() {
    const listener = yield* feed.listen(interest)
    const from = after ?? (yield* backend.position)
    return Stream.unfold(from, (position) => next(listener, position))
  }))
}

/** An element at once, and whenever something may have been written since the last was asked for. */
export const written = (
  { feed, waiters }: Pick<EngineRuntime, "feed" | "waiters">
): Stream.Stream<void, StorageFailed> =>
  Stream.unwrap(Effect.map(feed.listen({ anyWrite: true }), ({ changed }) =>
    Stream.fromEffectRepeat(Effect.andThen(
      waiters.whileOpen(changed),
      // Closed before whoever asks looks, so that what comes during the look is told by the next.
      Effect.sync(() => void changed.closeUnsafe())
    ))))
