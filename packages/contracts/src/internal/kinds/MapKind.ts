/** The `map` step: goes through its steps once for each item, and records what the items came to, in their order. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { record, render } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute, Tools } from "../../StepKind.ts"
import { collected } from "./Collected.ts"
import { map } from "./Map.ts"

const run = (step: StandardStep<"map">, { inside }: Tools): Execute => {
  const keep = record(step)
  const each = inside(step)
  const { as, concurrency, next, onFailure } = step
  return Effect.fnUntraced(function*(visit) {
    const { scope } = visit
    const settle = (result: Result.Result<Schema.Json, StepFailure>) =>
      Effect.map(keep(scope, result), (output) => ({ output, next }))
    const items = Result.flatMap(yield* render(step.items, scope), listOf)
    if (Result.isFailure(items)) return yield* settle(Result.fail(items.failure))
    const results = Effect.forEach(
      items.success,
      (item, index) =>
        collected(
          onFailure,
          each(visit, `${index}`, { item, index, ...(as === undefined ? {} : { [as]: item }) })
        ),
      { concurrency }
    )
    return yield* settle(yield* Effect.result(results))
  })
}

/** How the kind `map` runs. */
export const mapKind = StepKind.make({ ...map, run })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const listOf = (items: Schema.Json): Result.Result<ReadonlyArray<Schema.Json>, StepFailure> =>
  isList(items) ? Result.succeed(items) : Result.fail(
    new StepFailure({
      reason: "expression",
      message: `its items came out as ${items === null ? "nothing" : nameOf(items)}, and a list is needed`,
      retryable: false
    })
  )

const isList = (value: Schema.Json): value is Schema.JsonArray => Array.isArray(value)

const nameOf = (value: Schema.Json): string =>
  typeof value === "object" ? "an object" : typeof value === "string" ? "a text" : `a ${typeof value}`
