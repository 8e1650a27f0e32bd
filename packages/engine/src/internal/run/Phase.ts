/**
 * What a run in memory is about, as one value.
 *
 * ```
 * replaying ──(journal delivered)──▶ live ◀──▶ committing, holding
 *     │                               │
 *     └───────────▶ leaving ◀─────────┘
 *                      │
 *                      ▼
 *        ended, evicted or dropped: gone
 * ```
 */

/** A phase, by what matters of it to those who ask. */
export interface Phase {
  /** The journal has been delivered, and the run is here. */
  readonly isLive: boolean
  /** Something of the run is being written. */
  readonly isWriting: boolean
  /** Nothing of the run happens here any more. */
  readonly isGone: boolean
}

const phase = (isLive: boolean, isWriting: boolean, isGone: boolean): Phase => ({ isLive, isWriting, isGone })

/** The journal is being delivered. */
export const replaying: Phase = phase(false, false, false)
/** It goes on, and nothing is being written. */
export const live: Phase = phase(true, false, false)
/** It goes on while something is being written. */
export const committing: Phase = phase(true, true, false)
/** What is being written is known once it is: an entry that is made inside its commit, or whether a day has room. Until then nothing is delivered. */
export const holding: Phase = phase(true, true, false)
/** What is being written is the last that this owner does of it. */
export const leaving: Phase = phase(true, true, false)
/** Its end is in the store. */
export const ended: Phase = phase(false, false, true)
/** Let go while it waited. Whatever its fibers do after that must be done again by the next owner. */
export const evicted: Phase = phase(false, false, true)
/** Let go in any other way. */
export const dropped: Phase = phase(false, false, true)
