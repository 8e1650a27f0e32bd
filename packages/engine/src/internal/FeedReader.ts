/**
 * The one reader in a process of what is committed. It reads while
 * somebody listens, once for all who do: behind commits of this process at once,
 * and behind those of others when the store is seen to have changed.
 *
 * A listener is woken and holds nothing: it has a position, and pulls what is
 * behind it from what is kept here, or from the store where that is older.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import type { Backend, StorageFailed } from "../Backend.ts"
import { type Change, type Changes, hasEvent } from "../ChangeLog.ts"
import { KeptChanges } from "./KeptChanges.ts"

/** How many changes a listener is given at a time, and are read at a time. */
export const pageSize = 500

/** So many looks that found no new version of the store are one that looks all the same. */
const quietLooks = 10

/** What a listener listens to: everything, the runs of one tree, or published events; and whether any write of others concerns it. */
export interface Interest {
  readonly root?: string | undefined
  readonly events?: true
  readonly anyWrite?: boolean | undefined
}

/** Whoever listens closes `changed` before each look, and looks when it is open. */
export interface Listener extends Interest {
  /** Opened, first at once, whenever something has come that this listens to. */
  readonly changed: Latch.Latch
  /** Nothing that came since its last look concerns it, up to here. */
  upTo: string
}

interface Parts {
  readonly backend: Backend
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** Has a function called with each commit of this process, until it is called off. */
  readonly onCommit: (observer: () => void) => () => void
}

export class FeedReader {
  private readonly parts: Parts
  /** Apart by what they listen to, so that a change wakes nobody whom it does not concern. */
  private readonly listeners = new Map<string, Set<Listener>>()
  private readonly kept = new KeptChanges()
  /** Up to where was read; undefined while nobody listens. */
  private end: string | undefined
  private readonly stale = Latch.makeUnsafe(false)
  private isStale = false
  private reading: Fiber.Fiber<unknown> | undefined
  private callOff: (() => void) | undefined
  /** Counts the times that nobody listened any more, so that a reader of before reads nothing into what is kept now. */
  private turn = 0
  private looks = 0
  private isClosed = false

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** Whether anybody listens. */
  get isHeard(): boolean {
    return this.listeners.size > 0
  }

  /** Whether all is read that this process knows of. */
  get idle(): boolean {
    return !this.isStale
  }

  /** Listens until the scope closes. */
  readonly listen = (interest: Interest): Effect.Effect<Listener, StorageFailed, Scope.Scope> =>
    Effect.gen({ self: this }, function*() {
      const listener: Listener = { ...interest, changed: Latch.makeUnsafe(true), upTo: "" }
      // Before anything is read, so that no commit lies between.
      yield* Effect.acquireRelease(Effect.sync(() => this.add(listener)), () => this.remove(listener))
      if (this.end === undefined) {
        const now = yield* this.parts.backend.position
        // Another may have begun meanwhile.
        if (this.end === undefined) {
          this.kept.begin(now)
          this.end = now
        }
      }
      if (!this.isClosed) this.reading ??= this.parts.fork(this.read(this.turn))
      return listener
    })

  /** At most `pageSize` changes behind the position, some of which may not concern the listener. */
  pull({ upTo }: Listener, position: string): Effect.Effect<Changes, StorageFailed> {
    const after = upTo > position ? upTo : position
    const kept = this.kept.behind(after, pageSize)
    return kept === undefined ? this.parts.backend.changes(after, pageSize) : Effect.succeed(kept)
  }

  /** Something was committed. */
  wake(): void {
    if (!this.isHeard || this.isClosed) return
    this.isStale = true
    this.stale.openUnsafe()
  }

  /** The store was looked at, and others have written, or not. Now and then it is read all the same, for what no writer of this process has told. */
  look(changed: boolean): void {
    if (!this.isHeard || (!changed && ++this.looks % quietLooks !== 0)) return
    for (const listeners of this.listeners.values()) {
      for (const { anyWrite, changed } of listeners) if (anyWrite === true) changed.openUnsafe()
    }
    this.wake()
  }

  /** Reads no more. Where the engine closes in order, who listens is woken to see it. */
  close(wakes: boolean): void {
    this.isClosed = true
    this.stop()
    if (wakes) wakeAll(this.listeners)
  }

  private readonly read = (turn: number): Effect.Effect<never> =>
    Effect.forever(Effect.suspend(() =>
      Effect.andThen(
        this.stale.await,
        // What cannot be read now is read at the next look. Who pulls from the store hears of it.
        Effect.map(Effect.exit(this.catchUp(turn)), (exit) => {
          if (turn !== this.turn) return
          if (Exit.isFailure(exit)) this.looks = -1
          this.isStale = this.stale.isOpen()
        })
      )
    ))

  private readonly catchUp = Effect.fnUntraced(function*(this: FeedReader, turn: number) {
    // Closed before the look, so that a change during the look is seen by the next.
    this.stale.closeUnsafe()
    for (let isMore = true; isMore && turn === this.turn && this.end !== undefined;) {
      const before = this.end
      const { next, reset, rows } = yield* this.parts.backend.changes(before, pageSize)
      if (turn !== this.turn) return
      isMore = rows.length === pageSize
      this.end = next
      if (reset === true) {
        this.kept.begin(next)
        wakeAll(this.listeners)
      }
      this.kept.add(rows)
      if (rows.length === 0) continue
      for (const topic of new Set(rows.map(topicOf))) this.tell(topic, before)
      this.tell(all, before)
    }
  })

  private tell(topic: string, before: string): void {
    for (const listener of this.listeners.get(topic) ?? []) {
      if (!listener.changed.isOpen()) listener.upTo = before
      // Whoever waits goes on at once.
      listener.changed.openUnsafe()
    }
  }

  private add(listener: Listener): Listener {
    const topic = topicFor(listener)
    this.callOff ??= this.parts.onCommit(() => this.wake())
    this.listeners.set(topic, (this.listeners.get(topic) ?? new Set()).add(listener))
    return listener
  }

  private remove(listener: Listener): Effect.Effect<void> {
    return Effect.sync(() => {
      const topic = topicFor(listener)
      const others = this.listeners.get(topic)
      others?.delete(listener)
      if (others?.size === 0) this.listeners.delete(topic)
      // Nothing is read for nobody, and what was is soon of no use.
      if (!this.isHeard) this.stop()
    })
  }

  private stop(): void {
    const { callOff, reading } = this
    this.callOff = this.reading = this.end = undefined
    this.turn++
    this.isStale = false
    this.stale.closeUnsafe()
    this.kept.begin("")
    callOff?.()
    if (reading !== undefined) this.parts.fork(Fiber.interrupt(reading))
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What is listened to, as a text: the root of a tree, or one of these two, which no run has as its id. */
const all = ""
const events = " "

const topicFor = ({ events: isEvents, root }: Interest): string => isEvents === true ? events : root ?? all

const topicOf = (change: Change): string => hasEvent(change) ? events : change.root

const wakeAll = (listeners: ReadonlyMap<string, ReadonlySet<Listener>>): void => {
  for (const some of listeners.values()) for (const { changed } of some) changed.openUnsafe()
}
