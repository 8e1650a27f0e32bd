/**
 * What is committed about the runs of a store, and the events that are
 * published, as it comes: by this process and by every other. One reader of the
 * process serves all who follow it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type { StorageFailed } from "./Backend.ts"
import { type Changes, hasEvent } from "./ChangeLog.ts"
import type { Engine } from "./Engine.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as FeedFollower from "./internal/FeedFollower.ts"

/** What is followed, and from where on. */
export interface FeedOptions {
  /** Behind which position of this store it begins; behind the position of now when absent. */
  readonly after?: string
  /** Only the runs of the tree under this top run, by its whole id; all runs, and published events, when absent. */
  readonly root?: string
}

/** Tells what is committed about runs, and what is published, in the order of the commits. */
export class Feed extends Context.Service<Feed, {
  /** The position of now, from which somebody may go on later, in any process: see `ChangeLog`. */
  readonly position: Effect.Effect<string, StorageFailed>
  /**
   * What is committed behind a position, in the order of the commits, each once:
   * up to 500 changes at a time, when the follower asks for more, so that one that
   * is slow or stands still costs nothing but that. `next` is the position to go
   * on from. Where `reset` is given, the position was of another store, or of a
   * time that this one has not come to: the follower looks at its runs anew, and
   * the stream goes on from now. Interrupted when the engine closes.
   */
  readonly follow: (options?: FeedOptions) => Stream.Stream<Changes, StorageFailed>
  /**
   * An element at once, and then whenever something may have been written to the
   * store, by this process or another; one for all that was written before it is
   * asked for. For those who look at what is no change of a run, such as the
   * answers to a question. Interrupted when the engine closes.
   */
  readonly written: Stream.Stream<void, StorageFailed>
}>()("@fermata/engine/Feed") {
  /** The feed of the engine of this process. */
  static readonly layer: Layer.Layer<Feed, never, Engine> = Layer.effect(
    Feed,
    Effect.map(CurrentRuntime.current, (runtime) =>
      Feed.of({
        position: runtime.backend.position,
        written: FeedFollower.written(runtime),
        follow: ({ after, root } = {}) =>
          FeedFollower.follow(runtime, {
            after,
            root,
            ...(root === undefined ? {} : { wants: (change) => !hasEvent(change) && change.root === root })
          })
      }))
  )
}
