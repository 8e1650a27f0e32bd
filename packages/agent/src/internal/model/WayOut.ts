/** The `fetch` with which clients of models ask: the guarded way out of the process, where it was given one. */
import * as Egress from "@fermata/engine/Egress"
import * as EgressPolicy from "@fermata/engine/EgressPolicy"

/** A client says itself how long an answer may take, and one that streams takes long. */
const limits = { maxResponseBytes: 256 * 1024 * 1024, idleTimeoutMs: 3_600_000, timeoutMs: 3_600_000 }

/**
 * The `fetch` of this way out, and nothing in a process that was given none.
 * `origins` are those that whoever configured the process wrote: they are reached
 * whatever the policy says, and asked for when the first call is made.
 */
export const fetchOf = (
  egress: Egress.Egress,
  origins: () => ReadonlyArray<string>
): typeof globalThis.fetch | undefined => {
  if (egress === Egress.none) return undefined
  let fetch: typeof globalThis.fetch | undefined
  return (input, init) => {
    fetch ??= Egress.fetch(egress, EgressPolicy.extend(egress.policy, { origins: origins(), ...limits }))
    return fetch(input, init)
  }
}
