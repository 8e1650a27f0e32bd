/** Work in the process itself that goes through many things: after some of them others have their turn. */
import { setImmediate } from "node:timers/promises"

export class Pace {
  private done = 0

  /** One more of them is done; whether it is time to give way. */
  isDue(): boolean {
    return ++this.done % some === 0
  }

  /** Lets others have their turn. */
  readonly giveWay = (): Promise<void> => setImmediate()
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Names that are compared with a few patterns each, in a few milliseconds. */
const some = 250
