/**
 * Bridges: mappings for what is often sent, ready to use. They are data on the
 * outside, and nothing of the engine knows of any.
 */
import type * as SignatureScheme from "@fermata/core/SignatureScheme"
import type { SourceMapping } from "@fermata/core/Source"

/** A mapping for what one service sends. */
export interface Bridge {
  readonly name: string
  /** What it makes of what, for people. */
  readonly description: string
  /** How the service signs what it sends; absent where it signs by nothing that a source verifies, so that a program of yours has to tell it. */
  readonly scheme?: SignatureScheme.Scheme
  readonly mapping: SourceMapping
}

/** Makes a bridge, whose types are looked at. */
export const make = (bridge: Bridge): Bridge => bridge
