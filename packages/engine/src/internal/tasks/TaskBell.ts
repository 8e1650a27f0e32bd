/** Rings in a process whenever something may have changed about tasks; whoever serves a queue listens. */
import type * as Latch from "effect/Latch"

export class TaskBell {
  private readonly listeners = new Set<Latch.Latch>()

  readonly ring = (): void => {
    for (const listener of this.listeners) listener.openUnsafe()
  }

  /** Has the latch opened at every ring, until it is called off. */
  readonly listen = (latch: Latch.Latch): () => void => {
    this.listeners.add(latch)
    return () => void this.listeners.delete(latch)
  }
}
