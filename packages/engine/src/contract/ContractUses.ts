/**
 * Which steps of a contract have used the output of another, by what their
 * expressions mention.
 */
import type * as Contract from "@fermata/core/contract/Contract"
import * as Result from "effect/Result"
import * as Expression from "./Expression.ts"
import * as Template from "./Template.ts"

/**
 * Those of `between` (ids in the order in which they ran) that have used the
 * output of `step`, by name, by way of another, or by way of the state that one
 * of them has changed.
 */
export const dependents = (
  contract: Contract.Contract,
  step: string,
  between: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const changed = new Set([step])
  let isStateChanged = false
  return between.filter((id) => {
    const found = contract.steps.find((other) => other.id === id)
    if (found === undefined) return false
    const uses = usesOf(found)
    if (!uses.steps.some((used) => changed.has(used)) && !(isStateChanged && uses.state)) return false
    changed.add(id)
    isStateChanged ||= found.kind === "transform"
    return true
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Uses {
  readonly steps: ReadonlyArray<string>
  /** Whether it reads the state; where all of the scope is read, it does too. */
  readonly state: boolean
}

const usesOf = (step: Contract.Step): Uses => {
  const sources = [...sourcesIn(step, "")].map((source) => Expression.compile(source)).filter(Result.isSuccess)
  return {
    steps: sources.flatMap(({ success }) => success.steps.map(({ name }) => name)),
    state: sources.some(({ success }) => success.names.some(({ name }) => name === "state"))
  }
}

/** Fields that hold an expression without braces. */
const plainFields: ReadonlySet<string> = new Set(["when", "where", "key"])

const sourcesIn = function*(value: unknown, field: string): Generator<string> {
  if (typeof value === "string" && plainFields.has(field)) yield Template.unwrap(value).source
  else if (typeof value === "string") {
    for (const { source } of Expression.expressionsIn(value)) if (Result.isSuccess(source)) yield source.success
  } else if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) yield* sourcesIn(inner, name)
  }
}
