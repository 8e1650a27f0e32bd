/** The kinds of steps that contracts may use: the standard ones, and those of a configuration. */
import { standardKinds } from "@fermata/contracts/StandardKinds"
import type { StepKinds } from "@fermata/contracts/StepKind"
import type { FermataConfig } from "./Config.ts"

/** The same list for the same configuration. */
export const of = ({ kinds = [] }: FermataConfig): StepKinds => {
  if (kinds.length === 0) return standardKinds
  const known = made.get(kinds)
  if (known !== undefined) return known
  const all = [...standardKinds, ...kinds]
  made.set(kinds, all)
  return all
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const made = new WeakMap<object, StepKinds>()
